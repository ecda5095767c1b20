"""Properties of the `front` strategy beyond the contract of every strategy (`test_strategies.py`)."""

import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from random import Random

import moocore
import numpy as np
import pytest

from se_nas.searching.candidates import Inspection
from se_nas.searching.objectives import Objectives
from se_nas.searching.observations import observations_of
from se_nas.searching.propose import candidate_pool
from se_nas.searching.propose.front_strategy import BLIND_TRIALS, FrontStrategy
from se_nas.searching.propose.strategy import ExhaustedError
from se_nas.searching.records import Proposal, TrialRecord, TrialStatus
from se_nas.searching.surrogate import failure_odds
from se_nas.searching.surrogate.gaussian_process import Kernel
from se_nas.space.decisions import Assignment, Categorical
from tests.fakes import THREE_OBJECTIVES, TWO_OBJECTIVES, record

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
    """An assignment that begins with two d's breaks a rule."""
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


def new_proposal(strategy: FrontStrategy, told: Iterable[TrialRecord]) -> Proposal:
    """The next proposal that keeps the rule and was not tried, like a proposal behind the wrappers of a search."""
    tried = {one.fingerprint for one in told}
    while True:
        proposal = strategy.ask()
        if inspect(proposal.assignment) is not None and json.dumps(proposal.assignment) not in tried:
            return proposal


def new(strategy: FrontStrategy, told: Iterable[TrialRecord]) -> Assignment:
    """The assignment of `new_proposal`."""
    return new_proposal(strategy, told).assignment


def search(trials: int, *, seed: int = 0) -> list[TrialRecord]:
    strategy, told = build(seed=seed), list[TrialRecord]()
    for number in range(trials):
        told.append(replace(running(number, new(strategy, told)), status=TrialStatus.COMPLETE))
        strategy.tell(told[-1])
    return told


def hypervolume(assignments: list[Assignment]) -> float:
    points = [[-accuracy(assignment), math.log(flops(assignment))] for assignment in assignments]
    return float(moocore.hypervolume(np.array(points), ref=np.array([-0.3, math.log(20.1)])))


def test_the_front_strategy_finds_a_better_front_than_random_draws() -> None:
    proposed = [hypervolume([one.assignment for one in search(40, seed=seed)]) for seed in range(3)]
    drawn = [hypervolume([sample(rng) for _ in range(40)]) for rng in map(Random, range(3))]

    assert min(proposed) > max(drawn)


def test_proposals_of_the_model_are_new_and_keep_the_rules() -> None:
    told = search(BLIND_TRIALS)
    strategy = build()
    for one in told:
        strategy.tell(one)

    proposals = [strategy.ask().assignment for _ in range(50)]

    assert all(inspect(assignment) is not None for assignment in proposals)
    assert not {json.dumps(assignment) for assignment in proposals} & {one.fingerprint for one in told}


def test_parallel_workers_get_different_networks_that_do_not_crowd() -> None:
    strategy = build()
    for one in search(20):
        strategy.tell(one)

    side_by_side = []
    for number in range(20, 26):
        side_by_side.append(strategy.ask().assignment)
        strategy.tell(running(number, side_by_side[-1]))

    assert len({json.dumps(assignment) for assignment in side_by_side}) == 6
    assert len({flops(assignment) for assignment in side_by_side}) >= 3


@pytest.mark.parametrize("seed", range(3))
def test_the_front_strategy_learns_which_networks_fail(seed: int) -> None:
    """A network that costs more than 13 fails, as if out of memory. That is a fifth of all networks, the most accurate.

    The first ten trials are spread over all costs, so that a few proposals near the border are enough to find it.
    """
    strategy, told = build(seed=seed), list[TrialRecord]()
    for number in range(60):
        trial = running(number, new(strategy, told))
        status = TrialStatus.FAILED if flops(trial.assignment) > 13 else TrialStatus.COMPLETE
        told.append(replace(trial, status=status, curve=() if status is TrialStatus.FAILED else trial.curve))
        strategy.tell(told[-1])

    failed = [one.status is TrialStatus.FAILED for one in told[BLIND_TRIALS:]]
    assert sum(failed) <= 0.25 * len(failed)


def test_a_latency_that_a_running_trial_has_measured_changes_no_proposal() -> None:
    """The strategy sees this latency only after a restart, and must make the same proposals as without the restart."""
    proposals = []
    for measured in ({}, {"latency": 9.0}):
        strategy = build(objectives=Objectives(("flops", "latency")))
        for one in search(20):
            strategy.tell(replace(one, cost={**one.cost, "latency": 1.0 + one.number}))
        strategy.tell(running(20, dict.fromkeys(DECISIONS, "a"), **measured))
        proposals.append([strategy.ask().assignment for _ in range(10)])

    assert proposals[0] == proposals[1]


def test_a_space_without_untried_networks_is_exhausted() -> None:
    only = {"decision 0": Categorical(("a", "b"))}
    strategy = FrontStrategy(
        decisions=only,
        sample=lambda rng: {"decision 0": rng.choice("ab")},
        neighbours=lambda _: iter([{"decision 0": "a"}, {"decision 0": "b"}]),
        inspect=lambda assignment: Inspection(str(assignment["decision 0"]), {"flops": 1.0}),
        objectives=TWO_OBJECTIVES,
        seed=0,
    )
    for number in range(BLIND_TRIALS):
        strategy.tell(record(number, assignment={"decision 0": "ab"[number % 2]}, fingerprint="ab"[number % 2]))

    with pytest.raises(ExhaustedError, match="no candidate is left"):
        strategy.ask()


@pytest.mark.parametrize("costs", [("latency",), ("flops", "latency")], ids=len)
def test_a_latency_that_only_trials_measure_is_learned(costs: tuple[str, ...]) -> None:
    strategy = build(objectives=Objectives(costs))
    for number, one in enumerate(search(25)):
        strategy.tell(replace(one, number=number, cost={**one.cost, "latency": 3.0 * one.cost["flops"]}))

    assert inspect(strategy.ask().assignment) is not None


class Workers:
    """Four parallel trials that end in random order. One in four is pruned after the first of two epochs.

    With `reborn`, a new strategy replaces the old one before each trial and gets all records, as in a resumed search.
    """

    def __init__(self, objectives: Objectives, *, reborn: bool) -> None:
        self._objectives, self._reborn, self._random = objectives, reborn, Random(5)
        self._strategy = build(objectives=objectives)
        self.records: dict[int, TrialRecord] = {}

    def run(self, trials: int) -> list[Assignment]:
        proposed: list[Assignment] = []
        at_work: list[int] = []
        for number in range(trials):
            if self._reborn:
                self._strategy = build(objectives=self._objectives)
                for told in sorted(self.records):
                    self._strategy.tell(self.records[told])
            proposal = new_proposal(self._strategy, self.records.values())
            proposed.append(proposal.assignment)
            started = running(number, proposal.assignment, **self._latency(proposal.assignment))
            self._tell(replace(started, curve=(), memo=json.loads(json.dumps(proposal.memo))))
            at_work.append(number)
            if len(at_work) == 4:
                self._end(at_work.pop(self._random.randrange(4)))
        return proposed

    def _latency(self, assignment: Assignment) -> dict[str, float]:
        return {"latency": 2 + flops(assignment) ** 1.5} if "latency" in self._objectives.costs else {}

    def _end(self, number: int) -> None:
        one = self.records[number]
        final = accuracy(one.assignment)
        if self._random.random() < 0.25:
            self._tell(replace(one, status=TrialStatus.PRUNED, curve=(0.5 * final,)))
        else:
            self._tell(replace(one, status=TrialStatus.COMPLETE, curve=(0.5 * final, final)))

    def _tell(self, told: TrialRecord) -> None:
        self.records[told.number] = told
        self._strategy.tell(told)


@pytest.mark.parametrize(
    "costs", [("flops",), ("latency",), ("flops", "latency"), ("latency", "flops")], ids=" and ".join
)
def test_a_resumed_search_with_running_and_pruned_trials_gets_the_same_proposals(costs: tuple[str, ...]) -> None:
    resumed, kept = (Workers(Objectives(costs), reborn=reborn).run(25) for reborn in (True, False))

    assert resumed == kept


@pytest.mark.parametrize("costs", [("latency",), ("flops", "latency")], ids=len)
def test_with_a_learned_latency_the_front_is_still_better_than_with_random_draws(costs: tuple[str, ...]) -> None:
    """Latency rises with flops, so a good front for latency is also a good front for flops."""
    proposed = hypervolume(Workers(Objectives(costs), reborn=False).run(40))
    drawn = [hypervolume([sample(rng) for _ in range(40)]) for rng in map(Random, range(5))]

    assert proposed > max(drawn)


def test_the_first_proposals_do_not_depend_on_results() -> None:
    """The accuracies of the first trials make no difference."""
    good, bad = build(), build()
    rng = Random(0)
    for number in range(BLIND_TRIALS - 1):
        assignment = sample(rng)
        good.tell(replace(running(number, assignment), status=TrialStatus.COMPLETE))
        bad.tell(replace(running(number, assignment), status=TrialStatus.COMPLETE, curve=(0.01 * number,)))

    assert [good.ask() for _ in range(5)] == [bad.ask() for _ in range(5)]


def test_the_accuracy_of_a_pruned_trial_changes_the_next_proposal() -> None:
    """After some complete trials, the next network is pruned with a lower or with a higher accuracy than all others."""
    rankings = []
    for reached in (0.05, 0.95):
        strategy, told = build(), []
        for one in search(15):
            told.append(replace(one, curve=(0.5 * one.curve[-1], one.curve[-1])))
            strategy.tell(told[-1])
        stopped = running(15, new(strategy, told))
        strategy.tell(replace(stopped, status=TrialStatus.PRUNED, curve=(reached,)))
        rankings.append([strategy.ask().assignment for _ in range(10)])

    assert rankings[0] != rankings[1]


def test_a_network_in_training_lowers_the_scores_of_similar_networks_and_raises_none() -> None:
    strategy, told = build(), search(20)
    for one in told:
        strategy.tell(one)
    first = strategy.ask().assignment
    candidates = strategy._candidates()
    alike = [sum(first[name] != one.assignment[name] for name in DECISIONS) <= 1 for one in candidates]

    before = strategy._scores(candidates, observations_of(told))
    strategy.tell(running(20, first))
    after = strategy._scores(candidates, observations_of(told))

    assert (after <= before + 1e-9).all()
    assert after[alike].sum() < 0.99 * before[alike].sum()


def free_search(
    trials: int, costs: Callable[[Assignment], dict[str, float]], objectives: Objectives, *, seed: int = 0
) -> list[TrialRecord]:
    """The trials of a search without rules."""
    strategy = FrontStrategy(
        decisions=DECISIONS,
        sample=sample,
        neighbours=neighbours,
        inspect=lambda assignment: Inspection(json.dumps(assignment), costs(assignment)),
        objectives=objectives,
        seed=seed,
    )
    told: list[TrialRecord] = []
    for number in range(trials):
        tried = {one.fingerprint for one in told}
        while json.dumps(assignment := strategy.ask().assignment) in tried:
            pass
        told.append(
            record(
                number,
                assignment=assignment,
                accuracy=accuracy(assignment),
                fingerprint=json.dumps(assignment),
                **costs(assignment),
            )
        )
        strategy.tell(told[-1])
    return told


@pytest.mark.parametrize("seed", range(2))
def test_the_most_accurate_network_is_found_even_if_it_is_the_most_expensive(seed: int) -> None:
    dearest = dict.fromkeys(DECISIONS, "d")

    told = free_search(60, lambda assignment: {"flops": flops(assignment)}, TWO_OBJECTIVES, seed=seed)

    assert dearest in [one.assignment for one in told]


@pytest.mark.parametrize("seed", range(2))
def test_a_constant_cost_does_not_disturb_the_search(seed: int) -> None:
    flat = free_search(40, lambda assignment: {"flops": flops(assignment), "params": 7.0}, THREE_OBJECTIVES, seed=seed)
    without = free_search(40, lambda assignment: {"flops": flops(assignment)}, TWO_OBJECTIVES, seed=seed)

    flat_volume, volume = (hypervolume([one.assignment for one in told]) for told in (flat, without))
    assert flat_volume > 0.95 * volume


def test_a_network_in_training_counts_towards_the_front() -> None:
    """Training the same network again would add almost nothing."""
    strategy, told = build(), search(20)
    for one in told:
        strategy.tell(one)
    first = strategy.ask().assignment
    candidates = strategy._candidates()
    index = [one.assignment for one in candidates].index(first)

    before = strategy._scores(candidates, observations_of(told))[index]
    strategy.tell(running(20, first))
    after = strategy._scores(candidates, observations_of(told))[index]

    assert after < 0.2 * before


def test_with_many_observations_a_proposal_compares_a_part_of_the_candidates_also_after_a_restart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidate_pool, "MOST_OBSERVATIONS", 16)
    monkeypatch.setattr(candidate_pool, "MOST_COMPARISONS", 600)
    told = [*search(20), running(20, dict.fromkeys(DECISIONS, "a"))]
    first, again = build(), build()
    for one in told:
        first.tell(one)
    for one in [told[20], *reversed(told[:20])]:
        again.tell(one)
    every, looked_at = first._candidates(), first._looked_at(first._candidates(), 20)
    first.tell(running(21, dict.fromkeys(DECISIONS, "b")))
    next_looked_at = first._looked_at(every, 20)
    again.tell(running(21, dict.fromkeys(DECISIONS, "b")))

    assert len(looked_at) == 600 // 21 < len(every)
    assert [one.assignment for one in next_looked_at] != [one.assignment for one in looked_at]
    assert first.ask().assignment == again.ask().assignment


@pytest.mark.parametrize(
    "ends_next", [lambda _: 1, lambda draw: draw.randrange(8)], ids=["never the first trial", "any"]
)
def test_the_kernel_is_fitted_rarely_in_whatever_order_trials_end(
    ends_next: Callable[[Random], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight trials are in training. Between 24 and 48 ended trials, a kernel is fitted at most seven times."""
    fitted, told, at_work, draw = list[int](), dict[int, TrialRecord](), list[int](), Random(0)
    fit = Kernel.fitted
    monkeypatch.setattr(Kernel, "fitted", lambda *given: fitted.append(len(told) - len(at_work)) or fit(*given))
    strategy = build()
    for number in range(56):
        proposal = new_proposal(strategy, told.values())
        told[number] = replace(running(number, proposal.assignment), memo=proposal.memo)
        strategy.tell(told[number])
        at_work.append(number)
        if len(at_work) > 8:
            ended = at_work.pop(ends_next(draw))
            told[ended] = replace(told[ended], status=TrialStatus.COMPLETE)
            strategy.tell(told[ended])

    assert 4 <= len([ended for ended in fitted if ended >= 24]) <= 7


def test_rarely_fitted_failure_odds_are_the_same_after_a_resume(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(failure_odds, "REFITTED_UP_TO", 15)
    kept, told = build(), list[TrialRecord]()
    for number in range(32):
        proposal = new_proposal(kept, told)
        if number % 4 == 0:
            resumed = build()
            for one in told:
                resumed.tell(one)
            assert new_proposal(resumed, told) == proposal
        status = TrialStatus.FAILED if flops(proposal.assignment) > 13 else TrialStatus.COMPLETE
        told.append(replace(running(number, proposal.assignment), status=status, memo=proposal.memo))
        kept.tell(told[-1])

    assert any(one.status is TrialStatus.FAILED for one in told)
    assert 1 < sum("not to fail" in one.memo.get("fits", {}) for one in told) < 12


def test_a_proposal_that_was_never_started_leaves_nothing_behind() -> None:
    """Its fits are forgotten, because a resumed search could not know them."""
    asked, other, told = build(), build(), search(20)
    for one in told:
        asked.ask()
        asked.tell(one)
        other.tell(one)

    assert asked.ask() == other.ask()
