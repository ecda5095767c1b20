"""What Weights & Biases is told after a search: a run for each retraining, confirmation and ablation, in its group.

Each says which front it is made from: the lineage search → confirmation, search → weights.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import wandb

from se_nas.tracking.protocol import Finding
from se_nas.tracking.wandb_run import artifact_of, use_artifact


class WandbRetraining:
    """A retraining: loss and accuracy an epoch, at the end the test accuracy and the weights as an artifact.

    `origin` are the files of the front that the network comes from, as the search's run `search` has logged them; none
    for a network that no search found.
    """

    def __init__(self, run: Any, *, search: str, origin: Sequence[Path], budget: int) -> None:
        self._run = run
        run.define_metric("*", step_metric="epoch")
        run.define_metric("validation accuracy", step_metric="epoch", summary="max")
        _made_from(run, search=search, origin=origin, budget=budget)

    def epoch_done(self, epoch: int, loss: float, accuracy: float) -> None:
        """The epoch's numbers."""
        self._run.log({"epoch": epoch, "training loss": loss, "validation accuracy": accuracy})

    def ended(self, summary: Mapping[str, Any], files: Sequence[Path]) -> None:
        """The result, and the files."""
        self._run.summary.update(dict(summary))
        self._run.log_artifact(artifact_of(f"weights-{self._run.id}", "model", files, summary))

    def close(self) -> None:
        """Flush."""
        self._run.finish()


class WandbFinding:
    """A confirmation or an ablation of the front that `origin` holds, as the search's run `search` has logged it."""

    def __init__(self, run: Any, *, search: str, origin: Sequence[Path], budget: int) -> None:
        self._run = run
        _made_from(run, search=search, origin=origin, budget=budget)

    def found(self, finding: Finding) -> None:
        """Figures, numbers, and the file as an artifact."""
        self._run.log({name: wandb.Plotly(figure) for name, figure in finding.figures.items()})
        self._run.summary.update(dict(finding.summary))
        self._run.log_artifact(artifact_of(f"found-{self._run.id}", "evidence", [finding.file], finding.summary))

    def close(self) -> None:
        """Flush."""
        self._run.finish()


def _made_from(run: Any, *, search: str, origin: Sequence[Path], budget: int) -> None:
    if origin:
        use_artifact(run, artifact_of(f"front-{search}", "front", origin, {"budget": budget}))
