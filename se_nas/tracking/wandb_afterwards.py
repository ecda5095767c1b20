"""W&B runs after a search: one for each retraining, confirmation, ablation and supernet, in the group of the search.

Each run names the front that it comes from: the lineage search → confirmation, search → weights.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb

from se_nas.tracking.protocol import Finding
from se_nas.tracking.wandb_run import artifact_of, table_of, use_artifact


class WandbRetraining:
    """Logs a retraining: the loss and the accuracy of each epoch, then the test accuracy and the weights (an artifact).

    `origin` are the files of the front that the network comes from, as the search's run `search` has logged them. It is
    empty for a network that no search found.
    """

    def __init__(self, run: Any, *, search: str, origin: Sequence[Path], budget: int) -> None:
        self._run = run
        run.define_metric("*", step_metric="epoch")
        run.define_metric("validation accuracy", step_metric="epoch", summary="max")
        _made_from(run, search=search, origin=origin, budget=budget)

    def epoch_done(self, epoch: int, loss: float, accuracy: float, others: Mapping[str, float] | None = None) -> None:
        """Log the numbers of an epoch. `others` are further numbers by name."""
        self._run.log({"epoch": epoch, "training loss": loss, "validation accuracy": accuracy, **(others or {})})

    def ended(self, summary: Mapping[str, Any], files: Sequence[Path]) -> None:
        """Log the result and the files."""
        self._run.summary.update(dict(summary))
        self._run.log_artifact(artifact_of(f"weights-{self._run.id}", "model", files, summary))

    def close(self) -> None:
        """Send the rest and end the run."""
        self._run.finish()


class WandbDetection:
    """Logs the training of a detector: the loss and COCO's AP of each epoch, then the result and its files."""

    def __init__(self, run: Any) -> None:
        self._run = run
        run.define_metric("*", step_metric="epoch")

    def epoch_done(self, epoch: int, loss: float, ap: float, ap50: float) -> None:
        """Log the numbers of an epoch."""
        self._run.log({"epoch": epoch, "training loss": loss, "AP": ap, "AP50": ap50})

    def ended(self, summary: Mapping[str, Any], files: Sequence[Path]) -> None:
        """Log the result and the files."""
        self._run.summary.update(dict(summary))
        self._run.log_artifact(artifact_of(f"detector-{self._run.id}", "model", files, summary))

    def close(self) -> None:
        """Send the rest and end the run."""
        self._run.finish()


class WandbFinding:
    """Logs a confirmation, an ablation or a supernet of the front in the files `origin`, which the run `search` has
    logged."""

    def __init__(self, run: Any, *, search: str, origin: Sequence[Path], budget: int) -> None:
        self._run = run
        _made_from(run, search=search, origin=origin, budget=budget)

    def found(self, finding: Finding) -> None:
        """Log the figures, the tables, the numbers, and the file as an artifact."""
        tables = {name: table_of(table) for name, table in finding.tables.items()}
        self._run.log({**{name: wandb.Plotly(figure) for name, figure in finding.figures.items()}, **tables})
        self._run.summary.update(dict(finding.summary))
        self._run.log_artifact(artifact_of(f"found-{self._run.id}", "evidence", [finding.file], finding.summary))

    def close(self) -> None:
        """Send the rest and end the run."""
        self._run.finish()


def _made_from(run: Any, *, search: str, origin: Sequence[Path], budget: int) -> None:
    if origin:
        use_artifact(run, artifact_of(f"front-{search}", "front", origin, {"budget": budget}))
