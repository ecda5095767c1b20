"""A made-up metric is logged everywhere, although only its entry names it. A metric is no cost, and no result."""

import json
import sqlite3
from pathlib import Path

import pytest
import torch
from rich.console import Console

from se_nas.commands.report.report import rewrite_report
from se_nas.commands.run_loading import load_progress
from se_nas.costs import COSTS
from se_nas.data.batches.device_data import DeviceData
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.records import TrialStatus
from se_nas.training.metrics import METRICS, measure_metrics
from se_nas.training.recipe import Recipe
from se_nas.training.trainer import Trainer
from tests.commands.conftest import rows_of
from tests.contracts.conftest import CUT_OFF
from tests.fakes import separable_data


def test_the_table_of_trials_has_the_metrics_after_the_last_epoch_also_after_a_resume(run: Path) -> None:
    rows = rows_of(run)

    assert {row["epochs_squared"] for row in rows if row["state"] == "complete"} == {"4"}
    assert rows[CUT_OFF]["epochs_squared"] == str(int(rows[CUT_OFF]["epochs"]) ** 2)
    assert all(float(row["training_loss"]) > 0 and float(row["images_per_second"]) > 0 for row in rows)
    assert {row["peak_gpu_gib"] for row in rows} == {""}


def test_no_metric_has_the_name_of_a_cost_or_of_another_column(run: Path) -> None:
    with (run / "trials.csv").open() as file:
        columns = file.readline().strip().split(",")

    assert len(columns) == len(set(columns))
    assert not METRICS.keys() & COSTS.keys()


def test_a_metric_is_no_cost(run: Path) -> None:
    _, progress = load_progress(RunFolder.open(run))

    assert all("epochs_squared" not in record.cost for record in progress.records)
    assert all("epochs_squared" in record.metrics for record in progress.records)


def test_a_run_folder_stays_readable_when_a_metric_is_gone(
    run: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(METRICS, "epochs_squared")

    rewrite_report(run, console)

    assert rows_of(run)[0]["epochs_squared"] == "4"


@pytest.mark.parametrize("damage", ['{"values": {"epochs_squared": 5}, "seal": "x"}', "7", '"text"', "null"])
def test_damaged_metrics_are_left_out_and_the_trial_stays(run: Path, console: Console, damage: str) -> None:
    with sqlite3.connect(run / "study.db") as connection:
        connection.execute("UPDATE trial_user_attributes SET value_json = ? WHERE key = 'metrics'", [damage])
    connection.close()

    rewrite_report(run, console)

    assert "epochs_squared" not in rows_of(run)[0]
    assert load_progress(RunFolder.open(run))[1].records[0].status is not TrialStatus.FAILED


@pytest.mark.parametrize(("value", "logged"), [(float("nan"), None), (float("inf"), None), (None, None), (3, 3.0)])
def test_a_metric_without_a_finite_value_is_empty(
    monkeypatch: pytest.MonkeyPatch, value: float | None, logged: float | None
) -> None:
    monkeypatch.setitem(METRICS, "odd", lambda trainer, result: value)
    data = separable_data()
    trainer = Trainer(
        torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 3)),
        DeviceData.of(data.train, data.validation, mirrored=True, device=torch.device("cpu"), loaders=1),
        Recipe(epochs=1),
        seed=0,
        device=torch.device("cpu"),
    )

    metrics = measure_metrics(trainer, trainer.run_epoch())

    assert metrics["odd"] == logged
    assert json.loads(json.dumps(metrics)) == metrics
