"""Aging evolution, and the policy that learns by reinforcement: what is special about each."""

from dataclasses import replace
from random import Random
from statistics import mean

import pytest

from se_nas.searching.objectives import Objectives
from se_nas.searching.pareto import ParetoFront
from se_nas.searching.propose.evolution import population_size
from se_nas.searching.propose.strategies import STRATEGIES
from se_nas.searching.propose.strategy import SearchStrategy
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.space.decisions import Assignment, Categorical, Decision
from tests.fakes import record
from tests.searching.propose.test_strategies import build

OBJECTIVES = Objectives(("flops",))
SWITCHES: dict[str, Decision] = {f"stage{number}.se": Categorical((False, True)) for number in range(1, 11)}


def trained(number: int, assignment: Assignment, memo: dict[str, float]) -> TrialRecord:
    """Odd stages gain by SE, even stages lose, and each SE costs as much."""
    gains = [0.03 if index % 2 == 0 else -0.03 for index in range(10)]
    accuracy = 0.5 + sum(gain for gain, name in zip(gains, SWITCHES, strict=True) if assignment[name])
    flops = 1.0 + sum(bool(assignment[name]) for name in SWITCHES)
    return record(number, assignment=assignment, accuracy=accuracy, memo=memo, flops=flops)


def searched(strategy: SearchStrategy, trials: int) -> list[TrialRecord]:
    records = []
    for number in range(trials):
        proposal = strategy.ask()
        records.append(trained(number, proposal.assignment, dict(proposal.memo)))
        strategy.tell(records[-1])
    return records


def front_of(name: str, seed: int, trials: int = 50) -> float:
    records = searched(build(name, OBJECTIVES, seed=seed, decisions=SWITCHES), trials)
    return ParetoFront.of(records, OBJECTIVES).hypervolume([0.0, 12.0])


@pytest.mark.parametrize("name", ["evolution", "reinforce"])
def test_it_finds_more_than_random_search(name: str) -> None:
    ours, by_chance = ([front_of(each, seed) for seed in range(4)] for each in (name, "random"))

    assert mean(ours) > mean(by_chance)
    assert sum(one > other for one, other in zip(ours, by_chance, strict=True)) >= 3


def test_a_child_differs_from_its_parent_in_one_decision() -> None:
    records = searched(build("evolution", OBJECTIVES, decisions=SWITCHES), 40)

    children = [each for each in records if "parent" in each.memo]
    assert len(children) == 40 - 16
    for child in children:
        parent = records[int(child.memo["parent"])]
        assert sum(child.assignment[name] != parent.assignment[name] for name in SWITCHES) == 1


def test_the_old_die_unless_they_are_on_the_front() -> None:
    strategy = build("evolution", OBJECTIVES, decisions=SWITCHES)
    random = Random(0)
    old = [trained(n, dict.fromkeys(SWITCHES, False) | {"stage1.se": n == 0}, {}) for n in range(4)]
    young = [
        trained(4 + n, {name: random.random() < 0.5 for name in SWITCHES} | {"stage2.se": True}, {}) for n in range(30)
    ]
    for each in (*old, *young):
        strategy.tell(each)

    parents = {int(strategy.ask().memo["parent"]) for _ in range(300)}

    front = {member.number for member in ParetoFront.of([*old, *young], OBJECTIVES).members}
    assert front & {0, 1, 2, 3} & parents
    assert not ({0, 1, 2, 3} - front) & parents


@pytest.mark.parametrize(("trials", "size"), [(0, 16), (128, 16), (200, 25), (100_000, 100)])
def test_the_population_follows_the_trials(trials: int, size: int) -> None:
    assert population_size(trials) == size


def test_the_policy_learns_which_switches_pay() -> None:
    strategy = build("reinforce", OBJECTIVES, decisions=SWITCHES)
    searched(strategy, 150)

    found = [strategy.ask().assignment for _ in range(60)]

    share = {name: mean(bool(each[name]) for each in found) for name in SWITCHES}
    good, bad = (mean(share[f"stage{number}.se"] for number in range(first, 11, 2)) for first in (1, 2))
    assert good > 0.6 > 0.4 > bad


@pytest.mark.parametrize("status", [TrialStatus.FAILED, TrialStatus.RUNNING])
@pytest.mark.parametrize("name", ["evolution", "reinforce"])
def test_trials_without_a_result_teach_nothing(name: str, status: TrialStatus) -> None:
    taught, untaught = (build(name, OBJECTIVES, decisions=SWITCHES) for _ in range(2))
    for number in range(30):
        one = trained(number, dict.fromkeys(SWITCHES, True), {"target": 5.0})
        taught.tell(replace(one, status=status))
        untaught.tell(replace(one, status=status, assignment=dict.fromkeys(SWITCHES, False)))

    assert [taught.ask() for _ in range(5)] == [untaught.ask() for _ in range(5)]


def test_every_classic_strategy_is_known_by_name() -> None:
    assert {"evolution", "reinforce", "random"} <= STRATEGIES.keys()
