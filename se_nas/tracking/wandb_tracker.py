"""The search in Weights & Biases: one run a search. The only file that knows wandb.

W&B only tells: nothing is read back from it, it never asks for a login, and the search does not wait for it.
"""

import os
import socket
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import wandb

from se_nas.search.progress import SearchProgress
from se_nas.search.records import TrialRecord
from se_nas.tracking.protocol import SearchOutcome
from se_nas.wording import se_glyphs

PROJECT = "se-nas"
INIT_SECONDS = 20
FINISH_SECONDS = 60


def resolve_mode(wanted: str) -> str:
    """`online`, `offline` or `off`; `auto` is online exactly when somebody is logged in and the server answers."""
    if wanted != "auto":
        return wanted
    try:
        return "online" if _server_answers() and wandb.login(prompt=False) else "offline"
    except wandb.errors.Error:
        return "offline"


def _server_answers() -> bool:
    """Whether a connection to W&B's server (or to a proxy's choice) opens within two seconds."""
    url = urlsplit(wandb.setup().settings.base_url)
    if urllib.request.getproxies().get(url.scheme):
        return True
    try:
        socket.create_connection((url.hostname or "", url.port or (443 if url.scheme == "https" else 80)), 2).close()
    except OSError:
        return False
    return True


def start_run(
    folder: Path, *, mode: str, run_id: str, name: str, group: str, job: str, config: Mapping[str, Any]
) -> Any:
    """A W&B run that writes below `folder` and never prompts."""
    settings = wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        host="undisclosed",
        init_timeout=INIT_SECONDS,
        login_timeout=1,
        finish_timeout=FINISH_SECONDS,
    )
    return wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        dir=str(folder),
        mode="online" if mode == "online" else "offline",
        id=run_id,
        resume="allow",
        name=name,
        group=group,
        job_type=job,
        tags=[job],
        config=dict(config),
        settings=settings,
    )


class WandbTracker:
    """Scalars a trial; at the end the table of trials, the scatter, the plotly figures and an artifact."""

    def __init__(self, run: Any) -> None:
        self._run = run
        run.define_metric("trial")
        run.define_metric("*", step_metric="trial")

    def trial_started(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Nothing to tell yet."""

    def trial_ended(self, record: TrialRecord, progress: SearchProgress) -> None:
        """The trial's numbers, and what the front has become."""
        scalars: dict[str, float] = {
            "trial": record.number,
            "epochs": len(record.curve),
            "seconds": record.seconds,
            "front size": len(progress.front),
            "hypervolume": progress.hypervolume,
            **record.cost,
        }
        if record.accuracy is not None:
            scalars["accuracy"] = record.accuracy
        self._run.log(scalars)

    def search_ended(self, progress: SearchProgress, outcome: SearchOutcome) -> None:
        """Everything at once: table, scatter, figures, artifact, summary."""
        table = _table(progress)
        first_cost = progress.objectives.costs[0]
        scatter = _table(progress, complete_only=True)
        self._run.log(
            {
                "trials": table,
                "pareto": wandb.plot.scatter(scatter, first_cost, "accuracy", title=f"accuracy against {first_cost}"),
                **{name: wandb.Plotly(figure) for name, figure in outcome.figures.items()},
            }
        )
        if progress.front.members:
            knee = progress.front.knee
            self._run.summary.update({"knee trial": knee.number, "knee accuracy": knee.accuracy, **knee.cost})
        artifact = wandb.Artifact(f"front-{self._run.id}", type="front", metadata={"budget": progress.budget})
        for file in outcome.files:
            artifact.add_file(str(file), name=file.name)
        self._run.log_artifact(artifact)

    def close(self) -> None:
        """Flush, waiting no longer than `FINISH_SECONDS`."""
        self._run.finish()


class WandbRetraining:
    """A retraining: loss and accuracy an epoch, at the end the test accuracy and the files as an artifact."""

    def __init__(self, run: Any) -> None:
        self._run = run
        run.define_metric("*", step_metric="epoch")

    def epoch_done(self, epoch: int, loss: float, accuracy: float) -> None:
        """The epoch's numbers."""
        self._run.log({"epoch": epoch, "training loss": loss, "validation accuracy": accuracy})

    def ended(self, summary: Mapping[str, Any], files: Sequence[Path]) -> None:
        """The result, and the files."""
        self._run.summary.update(dict(summary))
        artifact = wandb.Artifact(f"weights-{self._run.id}", type="model", metadata=dict(summary))
        for file in files:
            artifact.add_file(str(file), name=file.name)
        self._run.log_artifact(artifact)

    def close(self) -> None:
        """Flush, waiting no longer than `FINISH_SECONDS`."""
        self._run.finish()


def _table(progress: SearchProgress, *, complete_only: bool = False) -> Any:
    front = {member.number for member in progress.front.members}
    costs = list(dict.fromkeys(name for record in progress.records for name in record.cost))
    columns = ["trial", "state", "accuracy", *costs, "SE", "on front", "epochs", "reason", "fingerprint"]
    rows = [
        [
            record.number,
            record.status.value,
            record.accuracy,
            *(record.cost.get(name) for name in costs),
            se_glyphs(record.se),
            record.number in front,
            len(record.curve),
            record.reason,
            record.fingerprint,
        ]
        for record in progress.records
        if record.accuracy is not None or not complete_only
    ]
    return wandb.Table(columns=columns, data=rows)
