"""The budget regret and the optimism that `benchmarks/search_quality.py --part handed` prints."""

from pathlib import Path

import numpy as np
import pytest
from handed import Reported, budget_regrets, cost_budgets, noise_deviation, received, with_noise
from handed_part import Job, run_jobs
from replay import Outcome, Table


def a_table(*, networks: int = 100, epochs: int = 1) -> Table:
    accuracy = np.linspace(0.5, 0.9, networks)
    return Table("made up", np.repeat(accuracy[:, None], epochs, axis=1), np.geomspace(1e6, 1e8, networks))


def all_finished(table: Table) -> Outcome:
    rows = np.arange(len(table.macs))
    return Outcome(spent=rows + 1.0, rows=rows, started=rows, stopped=rows[:0], table=table)


def test_the_best_network_of_each_budget_leaves_no_regret() -> None:
    table = a_table()

    assert budget_regrets(table, range(100), table.curves[:, -1]) == pytest.approx([0.0] * 5)


def test_a_network_that_only_looks_best_costs_its_lack_of_accuracy() -> None:
    table = a_table()
    shown = table.curves[:, -1].copy()
    shown[0] = 1.0

    best = [table.curves[table.macs <= limit, -1].max() for limit in cost_budgets(table)]
    assert budget_regrets(table, range(100), shown) == pytest.approx([100 * (each - 0.5) for each in best])


def test_a_budget_that_no_network_fits_gets_a_network_by_chance() -> None:
    table = a_table()
    regrets = budget_regrets(table, [99], table.curves[99:, -1])

    cheap = table.curves[table.macs <= cost_budgets(table)[0], -1]
    assert regrets[0] == pytest.approx(100 * (cheap.max() - cheap.mean()))
    assert regrets[-1] == 0.0


@pytest.mark.parametrize("epochs", [1, 5])
def test_noise_deviates_as_asked_and_depends_on_the_seed_alone(epochs: int) -> None:
    table = a_table(networks=2_000, epochs=epochs)
    noisy = with_noise(table, 0.5, seed=3)

    off = noisy.curves[:, -1] - table.curves[:, -1]
    assert off.std() == pytest.approx(noise_deviation(table, 0.5), rel=0.1)
    assert np.array_equal(noisy.curves, with_noise(table, 0.5, seed=3).curves)
    assert not np.array_equal(noisy.curves, with_noise(table, 0.5, seed=4).curves)


def test_what_a_lucky_front_reports_is_optimistic() -> None:
    table = a_table()
    noisy = with_noise(table, 3.0, seed=0)

    assert received(table, all_finished(table), 100)["optimism"] == 0.0
    assert received(table, all_finished(noisy), 100)["optimism"] > 0.5


def test_an_interval_holds_where_the_truth_lies_in_it() -> None:
    table = a_table()
    reported = Reported(table.curves[:, -1] + 0.01, np.repeat([0.1, 0.001], 50))

    assert received(table, all_finished(table), 100, reported)["held"] == [50, 100]


def test_replays_that_are_kept_are_not_run_again(tmp_path: Path) -> None:
    jobs = [Job("table", "method", 0.0, seed) for seed in range(3)]
    first = run_jobs(jobs[:2], its_seed, tmp_path / "kept.json", budgets=[50], processes=1)

    again = run_jobs(jobs, its_seed_if_it_is_new, tmp_path / "kept.json", budgets=[50], processes=1)

    assert again == first | {jobs[2]: {"50": {"seed": 2}}}


def its_seed(job: Job) -> dict[str, object]:
    return {"50": {"seed": job.seed}}


def its_seed_if_it_is_new(job: Job) -> dict[str, object]:
    assert job.seed == 2
    return its_seed(job)
