"""What reaches W&B's server: offline runs pushed by `wandb sync`, and online ones, to a stand-in on this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tracking.wandb_stub import API_KEY, Received, wandb_stub

RUNS = """
import sys
from pathlib import Path

from se_nas.report.figures import front_figure
from se_nas.tracking.protocol import SearchOutcome
from se_nas.tracking.wandb_run import start_run
from se_nas.tracking.wandb_tracker import WandbRetraining, WandbTracker
from tests.tracking.test_console import a_progress, a_record

folder, mode = Path(sys.argv[1]), sys.argv[2]
front, weights = folder / "front.json", folder / "weights.safetensors"
front.write_text("[]")
weights.write_bytes(b"weights")


def start(run_id, job):
    config, tags = {"budget": 3, "space": "small"}, ["small"]
    return start_run(folder, mode=mode, run_id=run_id, name=job, group="s1", job=job, config=config, tags=tags)


progress = a_progress(a_record(0, 0.5, 100), a_record(1, 0.9, 200))
tracker = WandbTracker(start("s1", "search"), draw=lambda seen: front_figure(seen, title="t"))
for record in progress.records:
    tracker.trial_ended(record, progress)
figures = {"front": front_figure(progress, title="t")}
outcome = SearchOutcome(figures=figures, front_files=(front,), best_files=(front,), notes=())
tracker.search_ended(progress, outcome)
tracker.close()

run = WandbRetraining(start("r1", "retrain"), search="s1", origin=[front], budget=progress.budget)
run.epoch_done(1, 2.0, 0.5)
run.ended({"test_accuracy": 0.75}, [weights])
run.close()
"""


@pytest.fixture(scope="module", params=["offline", "online"])
def received(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Received:
    """What arrived of a search and the retraining of its winner."""
    folder = tmp_path_factory.mktemp(request.param)
    with wandb_stub() as server:
        own = {"HOME": str(folder), "WANDB_BASE_URL": server.url, "WANDB_API_KEY": API_KEY}
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
        environment |= {**own, "WANDB_ERROR_REPORTING": "false", "PYTHONPATH": str(Path(__file__).parents[2])}

        def run(*command: str) -> None:
            subprocess.run([sys.executable, *command], env=environment, cwd=folder, check=True, timeout=120)

        run("-c", RUNS, str(folder), request.param)
        for each in sorted(folder.glob("wandb/offline-run-*")):
            run("-m", "wandb", "sync", str(each))
    return server.received


def test_runs_arrive_with_names_groups_tags_and_settings(received: Received) -> None:
    assert received.unknown == []
    assert set(received.runs) == {"s1", "r1"}
    for run, job in ((received.runs["s1"], "search"), (received.runs["r1"], "retrain")):
        fields = run.fields
        assert (fields["displayName"], fields["groupName"], fields["jobType"]) == (job, "s1", job)
        assert sorted(fields["tags"]) == sorted([job, "small"])
        assert {"budget": 3, "space": "small"}.items() <= run.config.items()
        assert fields.get("host", "undisclosed") == "undisclosed"
        assert run.exit_code == 0


def test_every_trial_and_epoch_arrives_and_the_figures_with_them(received: Received) -> None:
    search, retraining = received.runs["s1"], received.runs["r1"]

    assert [(row["trial"], row["accuracy"]) for row in search.history[:2]] == [(0, 0.5), (1, 0.9)]
    assert search.summary["knee trial"] == 1
    figures = [name for name in search.files if name.endswith(".plotly.json")]
    assert len(figures) == 2  # the live front and the last one
    assert [row["validation accuracy"] for row in retraining.history] == [0.5]
    assert retraining.summary["test_accuracy"] == 0.75


def test_artifacts_are_committed_and_say_where_the_weights_come_from(received: Received) -> None:
    named = {name: one for name, one in received.artifacts.items() if not name.startswith("run-")}

    assert {name: one.type for name, one in named.items()} == {
        "front-s1:v0": "front",
        "best-s1:v0": "configuration",
        "weights-r1:v0": "model",
    }
    assert all(one.committed for one in received.artifacts.values())
    assert named["front-s1:v0"].files == {"front.json": b"[]"}
    assert named["weights-r1:v0"].files == {"weights.safetensors": b"weights"}
    assert named["front-s1:v0"].logged_by == ["s1"]
    assert received.runs["r1"].used == ["front-s1:v0"]
