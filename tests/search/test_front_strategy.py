"""What the `front` strategy adds to the contract of every strategy (`test_strategies.py`)."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import moocore
import numpy as np
import pytest

from se_nas.search.front_strategy import RANDOM_TRIALS, FrontStrategy, Inspection, _taught
from se_nas.search.objectives import Objectives
from se_nas.search.records import TrialRecord, TrialStatus
from se_nas.search.strategy import ExhaustedError
from se_nas.space.decisions import Assignment, Categorical
from tests.fakes import TWO_OBJECTIVES, record

CHOICES = ("a", "b", "c", "d")
DECISIONS = {f"decision {index}": Categorical(CHOICES) for index in range(5)}
COST = {"a": 1.0, "b": 1.5, "c": 2.5, "d": 4.0}
WORTH = {"a": 0.0, "b": 0.05, "c": 0.02, "d": 0.1}


def flops(assignment: Assignment) -> float:
    return sum(COST[str(value)] for value in assignment.values())


def accuracy(assignment: Assignment) -> float:
    return 0.4 + sum((1 + 0.3 * index) * WORTH[str(value)] for index, value in enumerate(assignment.values()))


def neighbours(assignment: Assignment) -> Iterator[Assignment]:
    for name, decision in DECISIONS.items():
        for value in decision.neighbours(assignment[name]):
            yield {**assignment, name: value}


def inspect(assignment: Assignment) -> Inspection | None:
    """Whoever begins with two d's is against a rule."""
    if list(assignment.values())[:2] == ["d", "d"]:
        return None
    return Inspection(json.dumps(assignment), {"flops": flops(assignment)})


def sample(rng: Random) -> Assignment:
    return {name: decision.sample(rng) for name, decision in DECISIONS.items()}


def build(*, seed: int = 0, objectives: Objectives = TWO_OBJECTIVES) -> FrontStrategy:
    return FrontStrategy(
        decisions=DECISIONS,
        sample=sample,
        neighbours=neighbours,
        inspect=inspect,
        objectives=objectives,
        seed=seed,
    )


def running(number: int, assignment: Assignment, **costs: float) -> TrialRecord:
    return record(
        number,
        status=TrialStatus.RUNNING,
        assignment=assignment,
        accuracy=accuracy(assignment),
        fingerprint=json.dumps(assignment),
        **{"flops": flops(assignment)} | costs,
    )


def new(strategy: FrontStrategy, told: list[TrialRecord]) -> Assignment:
    """The next proposal that keeps the rule and was not tried, as the wrappers of a search let through."""
    tried = {one.fingerprint for one in told}
    while True:
        assignment = strategy.ask().assignment
        if inspect(assignment) is not None and json.dumps(assignment) not in tried:
            return assignment


def search(trials: int, *, seed: int = 0) -> list[TrialRecord]:
    strategy, told = build(seed=seed), list[TrialRecord]()
    for number in range(trials):
        told.append(replace(running(number, new(strategy, told)), status=TrialStatus.COMPLETE))
        strategy.tell(told[-1])
    return told


def hypervolume(assignments: list[Assignment]) -> float:
    points = [[-accuracy(assignment), math.log(flops(assignment))] for assignment in assignments]
    return float(moocore.hypervolume(np.array(points), ref=np.array([-0.3, math.log(20.1)])))


def test_it_finds_a_better_front_than_draws_do() -> None:
    proposed = [hypervolume([one.assignment for one in search(40, seed=seed)]) for seed in range(3)]
    drawn = [hypervolume([sample(rng) for _ in range(40)]) for rng in map(Random, range(3))]

    assert min(proposed) > max(drawn)


def test_once_it_has_a_model_it_proposes_only_new_networks_within_the_rules() -> None:
    told = search(RANDOM_TRIALS)
    strategy = build()
    for one in told:
        strategy.tell(one)

    proposals = [strategy.ask().assignment for _ in range(50)]

    assert all(inspect(assignment) is not None for assignment in proposals)
    assert not {json.dumps(assignment) for assignment in proposals} & {one.fingerprint for one in told}


def test_workers_side_by_side_are_given_different_networks_that_do_not_crowd() -> None:
    strategy = build()
    for one in search(20):
        strategy.tell(one)

    side_by_side = []
    for number in range(20, 26):
        side_by_side.append(strategy.ask().assignment)
        strategy.tell(running(number, side_by_side[-1]))

    assert len({json.dumps(assignment) for assignment in side_by_side}) == 6
    assert len({flops(assignment) for assignment in side_by_side}) >= 3


def test_when_all_is_tried_it_says_so() -> None:
    only = {"decision 0": Categorical(("a", "b"))}
    strategy = FrontStrategy(
        decisions=only,
        sample=lambda rng: {"decision 0": rng.choice("ab")},
        neighbours=lambda _: iter([{"decision 0": "a"}, {"decision 0": "b"}]),
        inspect=lambda assignment: Inspection(str(assignment["decision 0"]), {"flops": 1.0}),
        objectives=TWO_OBJECTIVES,
        seed=0,
    )
    for number in range(RANDOM_TRIALS):
        strategy.tell(record(number, assignment={"decision 0": "ab"[number % 2]}, fingerprint="ab"[number % 2]))

    with pytest.raises(ExhaustedError, match="no candidate is left"):
        strategy.ask()


@pytest.mark.parametrize("costs", [("latency",), ("flops", "latency")], ids=len)
def test_a_latency_that_only_trials_tell_is_learned(costs: tuple[str, ...]) -> None:
    strategy = build(objectives=Objectives(costs))
    for number, one in enumerate(search(25)):
        strategy.tell(replace(one, number=number, cost={**one.cost, "latency": 3.0 * one.cost["flops"]}))

    assert inspect(strategy.ask().assignment) is not None


FINISHED = [record(number, curve=(0.1 * number, 0.5 + 0.04 * number), flops=9.0) for number in range(1, 6)]


class TestWhatStoppedTrialsTeach:
    def stopped(self, reached: float) -> TrialRecord:
        return record(9, status=TrialStatus.PRUNED, curve=(reached,), flops=9.0)

    def test_the_accuracy_that_was_to_be_expected(self) -> None:
        lessons = _taught([*FINISHED, self.stopped(0.2)])

        assert lessons[-1].record.number == 9
        assert lessons[-1].accuracy == pytest.approx(0.58)

    def test_with_more_doubt_where_the_finished_disagree(self) -> None:
        noisy = [replace(one, curve=(one.curve[0], one.curve[1] + 0.02 * (-1) ** one.number)) for one in FINISHED]

        sure, unsure = (_taught([*told, self.stopped(0.2)])[-1].doubt for told in (FINISHED, noisy))

        assert sure < 0.001 < unsure

    def test_nothing_while_too_few_are_finished(self) -> None:
        assert len(_taught([*FINISHED[:2], self.stopped(0.2)])) == 2

    def test_nothing_if_they_failed_before_their_first_report(self) -> None:
        failed = [record(8, status=status, curve=(), flops=9.0) for status in (TrialStatus.FAILED, TrialStatus.PRUNED)]

        assert len(_taught([*FINISHED, *failed])) == 5
