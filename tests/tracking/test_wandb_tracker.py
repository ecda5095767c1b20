"""The offline run, read back by W&B's own reader: what `wandb sync` would send."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from se_nas.report.figures import front_figure
from se_nas.tracking.protocol import SearchOutcome
from se_nas.tracking.wandb_tracker import WandbRetraining, WandbTracker, resolve_mode, start_run
from tests.tracking.test_console import a_progress, a_record


@pytest.fixture(autouse=True)
def _nobody_is_logged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def start(folder: Path, job: str) -> Any:
    return start_run(folder, mode="offline", run_id="abc", name="n", group="g", job=job, config={"budget": 3})


def records_in(folder: Path) -> list[dict[str, Any]]:
    (log,) = folder.glob("wandb/offline-run-*/*.wandb")
    reader = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(log)]
    lines = subprocess.run(reader, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()
    return [json.loads(line) for line in lines]


def test_nobody_logged_in_means_offline_and_a_wish_is_kept() -> None:
    assert resolve_mode("auto") == "offline"
    assert [resolve_mode(mode) for mode in ("online", "offline", "off")] == ["online", "offline", "off"]


def test_a_search_leaves_scalars_a_trial_and_tables_figure_and_artifact_at_the_end(tmp_path: Path) -> None:
    progress = a_progress(a_record(0, 0.5, 100), a_record(1, 0.9, 200))
    file = tmp_path / "front.json"
    file.write_text("{}")

    tracker = WandbTracker(start(tmp_path, "search"))
    for record in progress.records:
        tracker.trial_ended(record, progress)
    figures = {"front": front_figure(progress, title="t")}
    tracker.search_ended(progress, SearchOutcome(figures=figures, files=(file,), notes=()))
    tracker.close()

    records = records_in(tmp_path)
    history = [record["history"]["item"] for record in records if record["type"] == "history"]
    assert [(item["trial"], item["accuracy"], item["flops"]) for item in history[:2]] == [(0, 0.5, 100), (1, 0.9, 200)]
    assert history[-1]["front._type"] == "plotly-file"
    assert history[-1]["trials._type"] == "table-file"
    assert history[-1]["trials.nrows"] == 2
    artifacts = [record["artifact"] for record in records if record["type"] == "artifact"]
    assert "front-abc" in [artifact["name"] for artifact in artifacts]
    metrics = [record["metric"] for record in records if record["type"] == "metric"]
    assert {"glob_name": "*", "step_metric": "trial"}.items() <= next(m for m in metrics if "glob_name" in m).items()


def test_a_retraining_leaves_its_curve_and_its_weights(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    file.write_bytes(b"weights")

    run = WandbRetraining(start(tmp_path, "retrain"))
    run.epoch_done(1, 2.0, 0.5)
    run.ended({"test_accuracy": 0.75}, [file])
    run.close()

    records = records_in(tmp_path)
    history = [record["history"]["item"] for record in records if record["type"] == "history"]
    assert {"epoch": 1, "training loss": 2.0, "validation accuracy": 0.5}.items() <= history[0].items()
    artifacts = [record["artifact"] for record in records if record["type"] == "artifact"]
    assert [artifact["type"] for artifact in artifacts] == ["model"]


def test_no_host_name_leaves_the_machine(tmp_path: Path) -> None:
    start(tmp_path, "search").finish()

    (run,) = [record["run"] for record in records_in(tmp_path) if record["type"] == "run"]
    assert run.get("host", "undisclosed") == "undisclosed"
    assert run["config"]["update"]["budget"] == 3
