"""The data that reach W&B's server (a stand-in on this machine): offline runs after `wandb sync`, and online runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tracking.wandb_stub import API_KEY, Received, wandb_stub

RUNS = """
import sys
from dataclasses import replace
from pathlib import Path

from se_nas.report.figures.search import front_figure
from se_nas.report.figures.all_figures import search_figures
from se_nas.analysis.overview import Overview
from se_nas.tracking.protocol import Finding, SearchOutcome
from se_nas.tracking.wandb_afterwards import WandbFinding, WandbRetraining
from se_nas.tracking.wandb_run import start_run
from se_nas.tracking.wandb_tracker import Several, WandbTracker, WandbTrials
from tests.tracking.test_console import DECISIONS, a_progress, a_record

folder, mode = Path(sys.argv[1]), sys.argv[2]
front, weights, confirmed = (folder / name for name in ("front.json", "weights.safetensors", "confirm.json"))
front.write_text("[]")
confirmed.write_text("{}")
weights.write_bytes(b"weights")


def start(run_id, job, name=None, about={}):
    config, tags = {"budget": 3, "space": "small", **about}, ["small"]
    return start_run(folder, mode=mode, run_id=run_id, name=name or job, group="s1", job=job, config=config, tags=tags)


def a_network(number):
    worth, se = (0.1, ("inner/2", "none")) if number % 2 else (0.0, ("none", "inner/4"))
    record = a_record(number, 0.8 + worth + 0.001 * number, 100 + number)
    return replace(record, se=se, assignment={"stage1.width": 8 * (1 + number // 3 % 2)})


others = [a_network(number) for number in range(1, 25)]
progress = a_progress(replace(a_record(0, 0.5, 100), assignment={"stage1.width": 8}), *others)
tracker = Several(
    WandbTracker(start("s1", "search"), take_live_front=iter([front_figure(progress, title="t"), None]).__next__),
    WandbTrials(lambda run_id, name, about: start(run_id, "trial", name, about)),
)
for record in progress.records[:2]:
    tracker.trial_ended(record, progress)
widths = dict.fromkeys(range(25), (0, 4))
overview = Overview.of(progress, DECISIONS)
figures = search_figures(progress, overview, title="t", decisions=DECISIONS, hidden_widths=widths)
outcome = SearchOutcome(figures=figures, front_files=(front,), best_files=(front,), notes=())
tracker.search_ended(progress, outcome)
tracker.close()

run = WandbRetraining(start("r1", "retrain"), search="s1", origin=[front], budget=progress.budget)
run.epoch_done(1, 2.0, 0.5)
run.ended({"test_accuracy": 0.75}, [weights])
run.close()

run = WandbFinding(start("s1-confirm", "confirm"), search="s1", origin=[front], budget=progress.budget)
fresh = {"front on fresh seeds": figures["front"]}
run.found(Finding(epochs=3, figures=fresh, summary={"surely on the front": 1}, file=confirmed))
run.close()
"""


FIGURES = {
    "front",
    "hypervolume by trial",
    "SE placement",
    "effects of SE",
    "other effects",
    "sub-spaces",
    "importances",
    "networks",
    "learning curves",
}
"""The figures of the page, except the rank correlation of early epochs: these networks have one epoch only."""


@pytest.fixture(scope="module", params=["offline", "online"])
def received(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Received:
    """The data of a search and of the retraining of its winner, as they arrived."""
    folder = tmp_path_factory.mktemp(request.param)
    with wandb_stub() as server:
        own = {"HOME": str(folder), "WANDB_BASE_URL": server.url, "WANDB_API_KEY": API_KEY}
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
        environment |= {**own, "WANDB_ERROR_REPORTING": "false", "PYTHONPATH": str(Path(__file__).parents[2])}

        def run(*command: str) -> None:
            subprocess.run([sys.executable, *command], env=environment, cwd=folder, check=True, timeout=800)

        run("-c", RUNS, str(folder), request.param)
        if offline := sorted(folder.glob("wandb/offline-run-*")):
            run("-m", "wandb", "sync", *map(str, offline))
    return server.received


def test_runs_arrive_with_names_groups_tags_and_settings(received: Received) -> None:
    assert received.unknown == []
    jobs = {"s1": "search", "r1": "retrain", "s1-confirm": "confirm", "trial-0000": "trial", "trial-0001": "trial"}
    assert set(received.runs) == set(jobs)
    for name, job in jobs.items():
        run = received.runs[name]
        fields = run.fields
        shown = name.replace("trial-000", "trial ") if job == "trial" else job
        assert (fields["displayName"], fields["groupName"], fields["jobType"]) == (shown, "s1", job)
        assert sorted(fields["tags"]) == sorted([job, "small"])
        assert {"budget": 3, "space": "small"}.items() <= run.config.items()
        assert fields.get("host", "undisclosed") == "undisclosed"
        assert run.exit_code == 0


def test_every_trial_and_epoch_arrives_and_the_figures_with_them(received: Received) -> None:
    search, retraining = received.runs["s1"], received.runs["r1"]

    assert [(row["trial"], row["accuracy"]) for row in search.history[:2]] == [(0, 0.5), (1, 0.901)]
    assert search.summary["knee trial"] == 1
    figures = {re.sub(r"_\d+_\w+\.plotly\.json$", "", Path(name).name) for name in search.files if "plotly" in name}
    assert figures == {"live front", *FIGURES}
    assert [row["validation accuracy"] for row in retraining.history] == [0.5]
    assert retraining.summary["test_accuracy"] == 0.75
    assert [row["accuracy"] for row in received.runs["trial-0001"].history] == [0.901]
    assert received.runs["trial-0001"].config["fingerprint"] == f"{1:016x}"
    assert received.runs["s1-confirm"].summary["surely on the front"] == 1


def test_artifacts_are_committed_and_record_the_origin_of_the_weights(received: Received) -> None:
    named = {name: one for name, one in received.artifacts.items() if not name.startswith("run-")}

    assert {name: one.type for name, one in named.items()} == {
        "front-s1:v0": "front",
        "best-s1:v0": "configuration",
        "weights-r1:v0": "model",
        "found-s1-confirm:v0": "evidence",
    }
    assert all(one.committed for one in received.artifacts.values())
    assert named["front-s1:v0"].files == {"front.json": b"[]"}
    assert named["weights-r1:v0"].files == {"weights.safetensors": b"weights"}
    assert named["front-s1:v0"].logged_by == ["s1"]
    assert received.runs["r1"].used == received.runs["s1-confirm"].used == ["front-s1:v0"]
