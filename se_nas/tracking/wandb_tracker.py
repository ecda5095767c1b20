"""The W&B runs of a search: one for the whole search, and on request one for each trial."""

from collections.abc import Callable, Mapping
from typing import Any

import wandb

from se_nas.objective_metric import ACCURACY, METRIC_NAMES
from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord, names_in
from se_nas.tracking.protocol import SearchOutcome, Tracker
from se_nas.tracking.wandb_run import artifact_of, table_of
from se_nas.wording import se_glyphs


class WandbTracker:
    """Logs the numbers of each trial and the growing front; at the end the table of trials, figures and artifacts.

    `take_live_front` gives a new figure of the front, or None if there is none.
    """

    def __init__(self, run: Any, *, take_live_front: Callable[[], Any]) -> None:
        self._run, self._take_live_front = run, take_live_front
        run.define_metric("trial", hidden=True)
        run.define_metric("*", step_metric="trial")
        for name in sorted(METRIC_NAMES):
            run.define_metric(name, step_metric="trial", summary="max")
        run.define_metric("hypervolume", step_metric="trial", summary="max")

    def trial_started(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Nothing to log yet."""

    def trial_ended(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Log the trial's numbers and the front."""
        logged: dict[str, Any] = {
            "trial": record.number,
            "epochs": len(record.curve),
            "seconds": record.seconds,
            "front size": len(progress.front),
            "hypervolume": progress.hypervolume,
            **record.cost,
            **record.known_metrics,
        }
        if record.accuracy is not None:
            logged |= {ACCURACY.value: record.plain_accuracy, progress.objectives.metric.value: record.accuracy}
        if (figure := self._take_live_front()) is not None:
            logged["live front"] = wandb.Plotly(figure)
        self._run.log(logged)

    def search_ended(self, progress: SearchProgress, outcome: SearchOutcome) -> None:
        """Log the tables, the scatter plot, the figures, the artifacts and the summary."""
        first_cost = progress.objectives.costs[0]
        scatter, score = _table(progress, complete_only=True), progress.objectives.metric.value
        self._run.log(
            {
                "trials": _table(progress),
                "pareto": wandb.plot.scatter(scatter, first_cost, score, title=f"{score} against {first_cost}"),
                **{name: wandb.Plotly(figure) for name, figure in outcome.figures.items()},
                **{name: table_of(table) for name, table in outcome.tables.items()},
            }
        )
        self._run.summary.update(dict(outcome.summary))
        if progress.front.members:
            knee = progress.front.knee
            counts = {f"knee {score}": knee.accuracy, f"knee expected {score}": progress.front.accuracy(knee)}
            self._run.summary.update({"knee trial": knee.number, **counts, **knee.cost})
        about = {"budget": progress.budget}
        self._run.log_artifact(artifact_of(f"front-{self._run.id}", "front", outcome.front_files, about))
        self._run.log_artifact(artifact_of(f"best-{self._run.id}", "configuration", outcome.best_files, about))

    def close(self) -> None:
        """Send the rest and end the run."""
        self._run.finish()


class WandbTrials:
    """Writes a run for each trial that has ended, in the search's group: its decisions, its curve and its result.

    `start` begins a run of that id, name and configuration.
    """

    def __init__(self, start: Callable[[str, str, Mapping[str, Any]], Any]) -> None:
        self._start = start

    def trial_started(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Nothing to log yet."""

    def trial_ended(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Write the whole run at once, because workers report to the search only."""
        about = {**record.assignment, "se": list(record.se), "fingerprint": record.fingerprint, "trial": record.number}
        run = self._start(f"trial-{record.number:04d}", f"trial {record.number}", about)
        run.define_metric("*", step_metric="epoch")
        for epoch, score in enumerate(record.curve, start=1):
            run.log({"epoch": epoch, progress.objectives.metric.value: score})
        numbers = {**record.cost, **record.known_metrics}
        run.summary.update({**numbers, "state": record.status.value, "reason": record.reason})
        run.finish()

    def search_ended(self, progress: SearchProgress, outcome: SearchOutcome) -> None:
        """Every trial has been logged."""

    def close(self) -> None:
        """Nothing to close: each run ended with its trial."""


class Several:
    """Notifies several trackers, one after the other."""

    def __init__(self, *trackers: Tracker) -> None:
        self._trackers = trackers

    def trial_started(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Pass the call on."""
        for tracker in self._trackers:
            tracker.trial_started(record, progress)

    def trial_ended(self, record: TrialRecord, progress: SearchProgress) -> None:
        """Pass the call on."""
        for tracker in self._trackers:
            tracker.trial_ended(record, progress)

    def search_ended(self, progress: SearchProgress, outcome: SearchOutcome) -> None:
        """Pass the call on."""
        for tracker in self._trackers:
            tracker.search_ended(progress, outcome)

    def close(self) -> None:
        """Pass the call on."""
        for tracker in self._trackers:
            tracker.close()


def _table(progress: SearchProgress, *, complete_only: bool = False) -> Any:
    front = {member.number for member in progress.front.members}
    costs = names_in(record.cost for record in progress.records)
    expected = progress.front.expected
    score = progress.objectives.metric
    others = [] if score is ACCURACY else [score.value]
    accuracies, about = (
        ("accuracy", *others, f"expected {score.value}"),
        ("SE", "on front", "epochs", "reason", "fingerprint"),
    )
    metrics = [name for name in names_in(record.metrics for record in progress.records) if name != ACCURACY.value]
    columns = ["trial", "state", *accuracies, *costs, *metrics, *about]
    rows = [
        [
            record.number,
            record.status.value,
            record.plain_accuracy,
            *(record.accuracy for _ in others),
            expected[record.number].mean if record.number in expected else None,
            *(record.cost.get(name) for name in costs),
            *(record.metrics.get(name) for name in metrics),
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
