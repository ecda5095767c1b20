"""What Weights & Biases is told of a search: a run for the whole of it, and on request one for each trial."""

from collections.abc import Callable, Mapping
from typing import Any

import wandb

from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord
from se_nas.tracking.protocol import SearchOutcome, Tracker
from se_nas.tracking.wandb_run import artifact_of
from se_nas.wording import se_glyphs


class WandbTracker:
    """Scalars a trial and the front as it grows; at the end the table of trials, the figures and the artifacts.

    `take_live_front` gives a new figure of the front, or None where there is none.
    """

    def __init__(self, run: Any, *, take_live_front: Callable[[], Any]) -> None:
        self._run, self._take_live_front = run, take_live_front
        run.define_metric("trial", hidden=True)
        run.define_metric("*", step_metric="trial")
        run.define_metric("accuracy", step_metric="trial", summary="max")
        run.define_metric("hypervolume", step_metric="trial", summary="max")

    def trial_started(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Nothing to tell yet."""

    def trial_ended(self, record: TrialRecord, progress: SearchProgress) -> None:
        """The trial's numbers, and what the front has become."""
        told: dict[str, Any] = {
            "trial": record.number,
            "epochs": len(record.curve),
            "seconds": record.seconds,
            "front size": len(progress.front),
            "hypervolume": progress.hypervolume,
            **record.cost,
        }
        if record.accuracy is not None:
            told["accuracy"] = record.accuracy
        if (figure := self._take_live_front()) is not None:
            told["live front"] = wandb.Plotly(figure)
        self._run.log(told)

    def search_ended(self, progress: SearchProgress, outcome: SearchOutcome) -> None:
        """Everything at once: table, scatter, figures, artifacts, summary."""
        first_cost = progress.objectives.costs[0]
        scatter = _table(progress, complete_only=True)
        self._run.log(
            {
                "trials": _table(progress),
                "pareto": wandb.plot.scatter(scatter, first_cost, "accuracy", title=f"accuracy against {first_cost}"),
                **{name: wandb.Plotly(figure) for name, figure in outcome.figures.items()},
            }
        )
        if progress.front.members:
            knee = progress.front.knee
            counts = {"knee accuracy": knee.accuracy, "knee expected accuracy": progress.front.accuracy(knee)}
            self._run.summary.update({"knee trial": knee.number, **counts, **knee.cost})
        about = {"budget": progress.budget}
        self._run.log_artifact(artifact_of(f"front-{self._run.id}", "front", outcome.front_files, about))
        self._run.log_artifact(artifact_of(f"best-{self._run.id}", "configuration", outcome.best_files, about))

    def close(self) -> None:
        """Flush."""
        self._run.finish()


class WandbTrials:
    """A run for each trial that has ended, in the search's group: its decisions, its curve, what became of it.

    `start` begins a run of that id, name and configuration.
    """

    def __init__(self, start: Callable[[str, str, Mapping[str, Any]], Any]) -> None:
        self._start = start

    def trial_started(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Nothing to tell yet."""

    def trial_ended(self, record: TrialRecord, progress: SearchProgress) -> None:
        """All of it at once, since workers tell the search alone."""
        about = {**record.assignment, "se": list(record.se), "fingerprint": record.fingerprint, "trial": record.number}
        run = self._start(f"trial-{record.number:04d}", f"trial {record.number}", about)
        run.define_metric("*", step_metric="epoch")
        for epoch, accuracy in enumerate(record.curve, start=1):
            run.log({"epoch": epoch, "accuracy": accuracy})
        run.summary.update({**record.cost, "state": record.status.value, "reason": record.reason})
        run.finish()

    def search_ended(self, progress: SearchProgress, outcome: SearchOutcome) -> None:
        """All is told."""

    def close(self) -> None:
        """Each run was closed with its trial."""


class Both:
    """Tells one tracker, then another."""

    def __init__(self, *trackers: Tracker) -> None:
        self._trackers = trackers

    def trial_started(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Pass on."""
        for tracker in self._trackers:
            tracker.trial_started(record, progress)

    def trial_ended(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Pass on."""
        for tracker in self._trackers:
            tracker.trial_ended(record, progress)

    def search_ended(self, progress: SearchProgress, outcome: SearchOutcome) -> None:
        """Pass on."""
        for tracker in self._trackers:
            tracker.search_ended(progress, outcome)

    def close(self) -> None:
        """Pass on."""
        for tracker in self._trackers:
            tracker.close()


def _table(progress: SearchProgress, *, complete_only: bool = False) -> Any:
    front = {member.number for member in progress.front.members}
    costs = list(dict.fromkeys(name for record in progress.records for name in record.cost))
    expected = progress.front.expected
    accuracies, about = ("accuracy", "expected accuracy"), ("SE", "on front", "epochs", "reason", "fingerprint")
    columns = ["trial", "state", *accuracies, *costs, *about]
    rows = [
        [
            record.number,
            record.status.value,
            record.accuracy,
            expected[record.number].mean if record.number in expected else None,
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
