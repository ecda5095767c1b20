"""A small member of what `benchmarks/designed_experiment.py` shows at length."""

from pathlib import Path

import numpy as np
import pytest
from designed_experiment import NOISES, an_experiment, one_at_a_time, read_table, recorded_rows, simulate

DEVIATION = 0.008


@pytest.mark.parametrize("stages", [3, 4])
def test_for_60_trainings_the_intervals_are_at_most_0_6_times_as_wide_as_by_switching_one_stage(stages: int) -> None:
    rng = np.random.default_rng(0)
    experiment = an_experiment(stages)

    before = [one_at_a_time(stages, 60, DEVIATION, rng) for _ in range(20)]
    after = [simulate(experiment, rng, NOISES["normal"], trainings=60).half_width for _ in range(20)]

    assert np.mean(after) <= 0.6 * np.mean(before)


@pytest.mark.parametrize("noise", NOISES)
def test_stated_and_true_frequencies_agree_with_any_noise(noise: str) -> None:
    rng = np.random.default_rng(1)
    experiment = an_experiment(3)

    found = [simulate(experiment, rng, NOISES[noise], trainings=40) for _ in range(80)]

    for name in ("main effects", "interactions", "placements", "over nowhere"):
        assert np.mean([one.lists[name] for one in found]) >= 0.87, name
    stated, true = np.mean([one.stated_best for one in found]), np.mean([one.is_best for one in found])
    assert abs(stated - true) <= 0.17


def test_a_recorded_table_is_compared_both_ways(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(2), tmp_path / "table.csv"
    names = ["nowhere", "1", "2", "3", "1+2", "1+3", "2+3", "1+2+3"]
    rows = [
        f"{name},{seed},{epoch},{0.4 + 0.1 * epoch + 0.05 * ('2' in name) + DEVIATION * rng.standard_normal()}"
        for seed in range(8)
        for name in names
        for epoch in (1, 2)
    ]
    path.write_text("\n".join(["placement,seed,epoch,accuracy", *rows]))

    *_, last = recorded_rows(read_table(path), "3")

    _, trainings, before, after, ratio, gains, _ = last.split("|")
    assert int(trainings) == 40
    assert float(after) < float(before)
    assert float(ratio) < 0.65
    assert [float(gain) for gain in gains.split(",")] == pytest.approx([0, 5, 0], abs=0.8)
