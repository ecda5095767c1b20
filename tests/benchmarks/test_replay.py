"""The replay that `benchmarks/search_quality.py` judges by."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from replay import Outcome, Shuffled, Table, grafted, replay


def a_table(*, networks: int = 60, epochs: int = 5, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    final = rng.random(networks)
    curves = final[:, None] * np.linspace(0.5, 1.0, epochs)
    return Table("made up", curves, np.exp(3 * rng.random(networks)) * 1e6)


class StopAll:
    """Stops every trial at an epoch."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch

    def started(self, trial: int, costs: tuple[float, ...]) -> None:
        assert costs[0] > 0

    def keep_going(self, trial: int, epoch: int, accuracy: float) -> bool:
        return epoch < self._epoch

    def finished(self, trial: int, accuracy: float) -> None:
        raise AssertionError("nothing may finish")


def run(table: Table, *, rule: StopAll | None = None, budget: int = 20, workers: int = 4, seed: int = 0) -> Outcome:
    return replay(table, Shuffled(table, seed), rule, seed=seed, budget=budget, workers=workers)


def test_without_pruning_and_with_one_worker_a_budget_is_as_many_trainings() -> None:
    outcome = run(a_table(), workers=1)

    assert len(outcome.rows) == 20
    assert outcome.spent.tolist() == list(range(1, 21))


@pytest.mark.parametrize("workers", [2, 7])
def test_what_is_in_training_at_the_end_does_not_count(workers: int) -> None:
    outcome = run(a_table(), workers=workers)

    assert 20 - workers <= len(outcome.rows) <= 20
    assert outcome.spent.max() <= 20


def test_a_stopped_trial_costs_its_epochs_and_makes_room() -> None:
    outcome = run(a_table(networks=200), rule=StopAll(epoch=2), workers=1)

    assert len(outcome.stopped) == 20 * 5 / 2
    assert len(outcome.rows) == 0
    assert outcome.share_at(20) == 0.0


def test_a_table_that_is_used_up_ends_the_replay() -> None:
    table = a_table(networks=12)
    outcome = run(table)

    assert sorted(outcome.started) == list(range(12))
    assert outcome.share_at(20) == pytest.approx(1.0)


def test_the_share_grows_with_the_budget_and_tells_its_price() -> None:
    outcome = run(a_table())
    shares = [outcome.share_at(budget) for budget in range(21)]

    assert shares == sorted(shares)
    price = outcome.budget_to(shares[10], limit=20)
    assert outcome.share_at(price) >= shares[10] > outcome.share_at(price - 1e-9)
    assert outcome.budget_to(2.0, limit=20) == 20


def test_weighted_by_macs_a_dear_network_costs_more() -> None:
    table = a_table()
    outcome = replay(table, Shuffled(table, 0), None, seed=0, budget=20, workers=1, by_macs=True)

    weights = table.macs[outcome.rows] / table.macs.mean()
    assert np.allclose(outcome.spent, np.cumsum(weights))


def test_the_true_front_is_known_and_its_losses_are_counted() -> None:
    table = Table("three", np.array([[0.9], [0.5], [0.4]]), np.array([10.0, 1.0, 5.0]))

    assert table.front.tolist() == [True, True, False]
    outcome = Outcome(
        spent=np.array([1.0]),
        rows=np.array([0]),
        started=np.array([0, 1, 2, 2]),
        stopped=np.array([1, 2]),
        table=table,
    )
    assert (outcome.front_stopped, outcome.duplicates) == (0.5, 0.25)
    assert table.whole == pytest.approx(0.1 * math.log(10))


def test_a_grid_borrows_the_curves_of_its_like() -> None:
    rng = np.random.default_rng(0)
    donor = a_table(networks=200, epochs=4)
    final = 0.3 + 0.5 * rng.random((300, 1))
    grid = Table("grid", final, np.exp(rng.random(300)), runs=final, choices=rng.integers(2, size=(300, 3)))

    whole = grafted(grid, donor)

    assert whole.curves.shape == (300, 4)
    assert np.array_equal(whole.curves[:, -1], final[:, 0])
    halfway = np.corrcoef(whole.curves[:, 0], final[:, 0])[0, 1]
    assert halfway == pytest.approx(np.corrcoef(donor.curves[:, 0], donor.curves[:, -1])[0, 1], abs=0.05)


class Listening(Shuffled):
    """Random proposals that note what they are told."""

    def __init__(self, table: Table, seed: int) -> None:
        super().__init__(table, seed)
        self.heard: list[tuple[int, int, bool]] = []

    def tell(self, row: int, curve: Sequence[float], *, complete: bool) -> None:
        self.heard.append((row, len(curve), complete))


@pytest.mark.parametrize(("rule", "length"), [(StopAll(epoch=2), 2), (None, 5)])
def test_a_proposer_is_told_of_every_trial_as_far_as_it_was_trained(rule: StopAll | None, length: int) -> None:
    table = a_table()
    proposer = Listening(table, 0)

    outcome = replay(table, proposer, rule, seed=0, budget=5, workers=1)

    assert proposer.heard == [(row, length, rule is None) for row in outcome.started[: len(proposer.heard)]]
    assert len(proposer.heard) >= 5
