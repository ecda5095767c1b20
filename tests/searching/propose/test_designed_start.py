"""Before any accuracy is known, proposals cover the space, however many there are."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import moocore
import numpy as np
import pytest

from se_nas.searching.candidates import Inspection
from se_nas.searching.objectives import Objectives
from se_nas.searching.propose.front_strategy import FrontStrategy
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.space.decisions import Assignment, Categorical, Decision, FloatRange, IntRange
from tests.fakes import record

LAYERS: dict[str, Decision] = {f"layer{index}": Categorical(("skip", "thin", "wide")) for index in range(8)}
STAGES: dict[str, Decision] = {
    **{f"width{stage}": IntRange(8, 64, 8) for stage in (1, 2, 3)},
    **{f"se{stage}": Categorical((False, True)) for stage in (1, 2, 3)},
    "slope": FloatRange(0.1, 1.0),
}
FEW: dict[str, Decision] = {"a": Categorical((1, 2, 3)), "b": Categorical((1, 2, 3)), "c": Categorical((1, 2, 3, 4))}
SPACES = {"layers": LAYERS, "stages": STAGES}


def cost_of(assignment: Assignment) -> dict[str, float]:
    flops = 1.0
    for name, value in assignment.items():
        if isinstance(value, str):
            flops += {"skip": 0.0, "thin": 3.0, "wide": 6.0}[value]
        else:
            flops += float(value) * (0.2 if name.startswith("se") else 1.0)
    return {"flops": flops, "params": flops**1.5 + float(next(iter(assignment.values())) == "wide")}


class Blind:
    """A search in which no trial ever ends. A network with more than `too_dear` flops breaks a bound."""

    def __init__(
        self,
        decisions: dict[str, Decision],
        *,
        seed: int = 0,
        costs: tuple[str, ...] = ("flops",),
        too_dear: float = 1e9,
    ) -> None:
        self.decisions, self.told = decisions, list[TrialRecord]()

        def neighbours(assignment: Assignment) -> Iterator[Assignment]:
            for name, decision in decisions.items():
                yield from ({**assignment, name: value} for value in decision.neighbours(assignment[name]))

        def inspect(assignment: Assignment) -> Inspection | None:
            cost = cost_of(assignment)
            return Inspection(json.dumps(assignment), cost) if cost["flops"] <= too_dear else None

        self.inspect = inspect
        self.strategy = FrontStrategy(
            decisions=decisions,
            sample=lambda rng: {name: decision.sample(rng) for name, decision in decisions.items()},
            neighbours=neighbours,
            inspect=inspect,
            objectives=Objectives(costs),
            seed=seed,
        )

    def run(self, trials: int) -> list[Assignment]:
        for number in range(trials):
            tried = {one.fingerprint for one in self.told}
            while self.inspect(found := self.strategy.ask().assignment) is None or json.dumps(found) in tried:
                pass
            self.told.append(
                record(
                    number,
                    status=TrialStatus.RUNNING,
                    assignment=found,
                    fingerprint=json.dumps(found),
                    accuracy=0.0,
                    **cost_of(found),
                )
            )
            self.strategy.tell(self.told[-1])
        return [one.assignment for one in self.told]


def drawn(decisions: dict[str, Decision], trials: int, seed: int) -> list[Assignment]:
    rng = Random(seed)
    return [{name: decision.sample(rng) for name, decision in decisions.items()} for _ in range(trials)]


def log_flops(assignments: list[Assignment]) -> np.ndarray:
    return np.log([cost_of(assignment)["flops"] for assignment in assignments])


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("trials", [8, 13, 40])
def test_every_prefix_is_spread_over_the_range_of_costs(space: str, trials: int) -> None:
    """The largest gap in cost is smaller than among random draws, and the covered range is larger."""
    proposed = np.sort(log_flops(Blind(SPACES[space]).run(trials)))
    draws = [np.sort(log_flops(drawn(SPACES[space], trials, seed))) for seed in range(9)]

    assert np.ptp(proposed) > np.median([np.ptp(one) for one in draws])
    assert proposed.std() > np.median([one.std() for one in draws])


def test_a_few_dozen_trials_reach_the_cheapest_and_the_most_expensive_networks() -> None:
    costs = log_flops(Blind(LAYERS).run(40))

    assert costs.min() < math.log(1 + 2 * 3)
    assert costs.max() > math.log(1 + 8 * 6 - 2 * 6)


@pytest.mark.parametrize("seed", range(2))
def test_the_designed_start_balances_choices(seed: int) -> None:
    proposed = Blind(STAGES, seed=seed).run(48)

    for stage in (1, 2, 3):
        assert 12 <= sum(bool(assignment[f"se{stage}"]) for assignment in proposed) <= 36


def test_proposals_without_any_result_find_a_larger_front_than_random_draws() -> None:
    """As on NAS-Bench-Macro, accuracy rises with cost, and each layer has a different effect on it."""

    def hypervolume(assignments: list[Assignment]) -> float:
        worth = {"skip": 0.0, "thin": 0.8, "wide": 1.0}
        accuracy = [
            sum((1 + index % 3) * worth[str(value)] for index, value in enumerate(one.values())) for one in assignments
        ]
        points = np.column_stack([np.negative(accuracy), log_flops(assignments)])
        return float(moocore.hypervolume(points, ref=np.array([0.0, math.log(50)])))

    for seed in range(3):
        assert hypervolume(Blind(LAYERS, seed=seed).run(64)) > hypervolume(drawn(LAYERS, 64, seed))


@pytest.mark.parametrize(
    "costs", [("flops",), ("flops", "params"), ("latency",), ("latency", "params")], ids=" and ".join
)
def test_a_resumed_search_gets_the_same_proposals(costs: tuple[str, ...]) -> None:
    whole = Blind(STAGES, costs=costs)
    kept = whole.run(14)

    resumed = Blind(STAGES, costs=costs)
    for one in whole.told[:9]:
        resumed.told.append(one)
        resumed.strategy.tell(one)
    for number in range(9, 14):
        assert resumed.strategy.ask().assignment == kept[number]
        resumed.told.append(whole.told[number])
        resumed.strategy.tell(whole.told[number])


def test_the_end_of_a_trial_does_not_change_the_designed_proposals() -> None:
    well, badly = Blind(STAGES), Blind(STAGES)
    well.run(5)
    for one in well.told:
        badly.strategy.tell(replace(one, status=TrialStatus.FAILED, reason="out of memory"))

    assert well.strategy.ask() == badly.strategy.ask()


def test_all_networks_of_a_small_space_are_proposed() -> None:
    proposed = Blind(FEW).run(36)

    assert len({json.dumps(assignment) for assignment in proposed}) == 36


def test_all_proposals_keep_a_bound_on_cost() -> None:
    blind = Blind(LAYERS, too_dear=20.0)

    first = blind.strategy.ask().assignment

    assert blind.inspect(first) is not None
    assert log_flops(blind.run(30)).max() <= math.log(20.0)
