"""The offline run, read by W&B's own reader: the records that `wandb sync` would send."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import wandb

from se_nas.report.figures.search import front_figure
from se_nas.searching.progress import SearchProgress
from se_nas.tracking.live_front import LIVE_SECONDS, LiveFront
from se_nas.tracking.protocol import Finding, LoggedTable, SearchOutcome
from se_nas.tracking.wandb_afterwards import WandbDetection, WandbFinding, WandbRetraining
from se_nas.tracking.wandb_run import resolve_mode, start_run, use_artifact
from se_nas.tracking.wandb_tracker import WandbTracker, WandbTrials
from tests.tracking.test_console import a_progress, a_record


@pytest.fixture(autouse=True)
def _nobody_is_logged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_PROJECT", "WANDB_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture(autouse=True, scope="module")
def _wandbs_process_ends() -> Iterator[None]:
    yield
    wandb.teardown()


TABLE = LoggedTable(columns=("rank", "accuracy alone", "SE"), rows=((1, 0.5, "· 4"), (2, None, "· ·")))


def start(folder: Path, job: str) -> Any:
    return start_run(
        folder, mode="offline", run_id="abc", name="n", group="g", job=job, config={"budget": 3}, tags=["small"]
    )


def records_in(folder: Path) -> list[dict[str, Any]]:
    (log,) = folder.glob("wandb/offline-run-*/*.wandb")
    reader = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(log)]
    lines = subprocess.run(reader, capture_output=True, text=True, check=True, timeout=800).stdout.splitlines()
    return [json.loads(line) for line in lines]


def test_without_a_login_auto_means_offline_and_an_explicit_mode_is_kept() -> None:
    assert resolve_mode("auto") == "offline"
    assert [resolve_mode(mode) for mode in ("online", "offline", "off")] == ["online", "offline", "off"]


def tracked(folder: Path, progress: SearchProgress, *, seconds: float = 1.0) -> None:
    """Track a search of these trials, which end `seconds` apart."""
    ticks = count(step=seconds)
    run = start(folder, "search")
    live = LiveFront(lambda seen: front_figure(seen, title="t"), print_line=print, clock=lambda: float(next(ticks)))
    tracker = WandbTracker(run, take_live_front=live.take)
    for index, record in enumerate(progress.records, start=1):
        seen = a_progress(*progress.records[:index])
        live.look_at(seen)
        tracker.trial_ended(record, seen)
    file = folder / "front.json"
    file.write_text("{}")
    figures = {"front": front_figure(progress, title="t")}
    outcome = SearchOutcome(
        figures=figures,
        front_files=(file,),
        best_files=(file,),
        notes=(),
        tables={"supernet placements": TABLE},
        summary={"supernet tau": 0.25},
    )
    tracker.search_ended(progress, outcome)
    tracker.close()


def test_a_search_logs_scalars_for_each_trial_and_tables_figures_and_artifacts_at_the_end(tmp_path: Path) -> None:
    trained = replace(a_record(1, 0.9, 200), metrics={"training_loss": 0.25, "peak_gpu_gib": None})
    tracked(tmp_path, a_progress(a_record(0, 0.5, 100), trained))

    records = records_in(tmp_path)
    history = [record["history"]["item"] for record in records if record["type"] == "history"]
    assert [(item["trial"], item["accuracy"], item["flops"]) for item in history[:2]] == [(0, 0.5, 100), (1, 0.9, 200)]
    assert [item.get("training_loss") for item in history[:2]] == [None, 0.25]
    assert not any("peak_gpu_gib" in item for item in history)
    assert history[-1]["front._type"] == "plotly-file"
    assert history[-1]["trials._type"] == "table-file"
    assert history[-1]["trials.nrows"] == 2
    assert history[-1]["supernet placements.nrows"] == 2
    assert any("supernet tau" in json.dumps(record) for record in records if record["type"] == "summary")
    artifacts = {record["artifact"]["name"]: record["artifact"] for record in records if record["type"] == "artifact"}
    assert (artifacts["front-abc"]["type"], artifacts["best-abc"]["type"]) == ("front", "configuration")
    metrics = [record["metric"] for record in records if record["type"] == "metric"]
    assert {"glob_name": "*", "step_metric": "trial"}.items() <= next(m for m in metrics if "glob_name" in m).items()
    (run,) = [record["run"] for record in records if record["type"] == "run"]
    assert (run["tags"], run["run_group"], run["job_type"]) == (["search", "small"], "g", "search")


def test_the_growing_front_is_drawn_but_not_for_each_trial(tmp_path: Path) -> None:
    grows = a_progress(*(a_record(number, 0.1 * number, 100 + number) for number in range(1, 8)))

    tracked(tmp_path, grows, seconds=LIVE_SECONDS / 3)

    history = [record["history"]["item"] for record in records_in(tmp_path) if record["type"] == "history"]
    drawn = [item["trial"] for item in history if "live front._type" in item]
    assert drawn[0] == 1
    assert 2 <= len(drawn) <= 4


def test_each_trial_can_have_its_own_run_beside_the_run_of_the_search(tmp_path: Path) -> None:
    search = start(tmp_path, "search")

    def begin(run_id: str, name: str, about: Mapping[str, Any]) -> Any:
        return start_run(
            tmp_path / "trials", mode="offline", run_id=run_id, name=name, group="g", job="trial", config=about
        )

    record = replace(a_record(7, 0.5, 100), curve=(0.3, 0.5))
    WandbTrials(begin).trial_ended(record, a_progress(record))
    search.log({"trial": 7})
    search.finish()

    told = records_in(tmp_path / "trials")
    (run,) = [each["run"] for each in told if each["type"] == "run"]
    assert (run["run_id"], run["display_name"], run["job_type"]) == ("trial-0007", "trial 7", "trial")
    assert run["config"]["update"]["stage1.se"] is True
    history = [each["history"]["item"] for each in told if each["type"] == "history"]
    assert [(item["epoch"], item["accuracy"]) for item in history] == [(1, 0.3), (2, 0.5)]
    assert [each for each in records_in(tmp_path) if each["type"] == "history"]


def test_a_baseline_comes_from_no_front(tmp_path: Path) -> None:
    WandbRetraining(start(tmp_path, "retrain"), search="s", origin=(), budget=3).close()

    assert not [record for record in records_in(tmp_path) if record["type"] == "artifact"]


def test_a_retraining_logs_its_curve_its_weights_and_its_origin(tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    file.write_bytes(b"weights")

    run = WandbRetraining(start(tmp_path, "retrain"), search="s", origin=[file], budget=3)
    run.epoch_done(1, 2.0, 0.5)
    run.ended({"test_accuracy": 0.75}, [file])
    run.close()

    records = records_in(tmp_path)
    history = [record["history"]["item"] for record in records if record["type"] == "history"]
    assert {"epoch": 1, "training loss": 2.0, "validation accuracy": 0.5}.items() <= history[0].items()
    artifacts = {record["artifact"]["name"]: record["artifact"] for record in records if record["type"] == "artifact"}
    assert artifacts["front-s"]["use_after_commit"]
    assert artifacts["weights-abc"]["type"] == "model"


def test_a_detector_logs_its_curve_its_result_and_its_files(tmp_path: Path) -> None:
    file = tmp_path / "detector.safetensors"
    file.write_bytes(b"weights")

    run = WandbDetection(start(tmp_path, "detect"))
    run.epoch_done(1, 2.0, 0.25, 0.5)
    run.ended({"ap": 0.25, "placement": "none"}, [file])
    run.close()

    records = records_in(tmp_path)
    (history,) = [record["history"]["item"] for record in records if record["type"] == "history"]
    assert {"epoch": 1, "training loss": 2.0, "AP": 0.25, "AP50": 0.5}.items() <= history.items()
    (artifact,) = [record["artifact"] for record in records if record["type"] == "artifact"]
    assert (artifact["name"], artifact["type"]) == ("detector-abc", "model")


def test_a_finding_logs_its_figures_its_numbers_its_file_and_its_origin(tmp_path: Path) -> None:
    front, file = tmp_path / "front.json", tmp_path / "confirm.json"
    for path in (front, file):
        path.write_text("{}")

    run = WandbFinding(start(tmp_path, "confirm"), search="s", origin=[front], budget=3)
    figure = front_figure(a_progress(a_record(0, 0.5, 100)), title="t")
    run.found(
        Finding(
            epochs=3,
            figures={"front on fresh seeds": figure},
            summary={"surely on the front": 2},
            file=file,
            tables={"supernet placements": TABLE},
        )
    )
    run.close()

    records = records_in(tmp_path)
    (history,) = [record["history"]["item"] for record in records if record["type"] == "history"]
    assert history["front on fresh seeds._type"] == "plotly-file"
    assert history["supernet placements._type"] == "table-file"
    artifacts = {record["artifact"]["name"]: record["artifact"] for record in records if record["type"] == "artifact"}
    assert artifacts["front-s"]["use_after_commit"]
    assert artifacts["found-abc"]["type"] == "evidence"


@pytest.mark.parametrize(("offline", "used"), [(False, ["front"]), (True, [])])
def test_a_version_of_wandb_without_its_private_function_records_the_origin_of_an_online_run(
    offline: bool, used: list[str]
) -> None:
    taken: list[str] = []

    use_artifact(SimpleNamespace(offline=offline, use_artifact=taken.append), "front")

    assert taken == used


def test_files_that_wait_for_sync_are_in_the_run_folder(tmp_path: Path) -> None:
    tracked(tmp_path, a_progress(a_record(0, 0.5, 100)))

    assert list((tmp_path / "wandb" / "staged").glob("**/*"))


def test_no_host_name_leaves_the_machine(tmp_path: Path) -> None:
    start(tmp_path, "search").finish()

    (run,) = [record["run"] for record in records_in(tmp_path) if record["type"] == "run"]
    assert run.get("host", "undisclosed") == "undisclosed"
    assert str(Path.home()) not in json.dumps(run)
    assert run["config"]["update"]["budget"] == 3
