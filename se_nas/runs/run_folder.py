"""The run folder: the path and the content of each file of a search."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from se_nas.costs import counted_names
from se_nas.errors import InputError
from se_nas.files import read_checked, write_atomically, write_checked, write_json, write_yaml
from se_nas.objective_metric import ACCURACY, ObjectiveMetric
from se_nas.runs.new_run import LATENCY_TABLE, wrong_name
from se_nas.searching.observations import observations_of
from se_nas.searching.pareto import ROLES, ParetoFront
from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import Metrics, TrialRecord, TrialStatus, names_in
from se_nas.searching.tasks import TrialTask
from se_nas.space.architecture import Architecture
from se_nas.space.files.architecture_file import load_stored_architecture
from se_nas.wording import printable


class RunFolder:
    """Paths and writers of one run. The folder alone is enough to resume, report or retrain."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.space = path / "space.yaml"
        self.study = path / "study.db"
        self.trials_csv = path / "trials.csv"
        self.front = path / "front.json"
        self.best = path / "best.yaml"
        self.report = path / "report.html"
        self.images = path / "images.json"
        self.figures = path / "figures"
        self.confirmation = path / "confirm.json"
        self.pretrained = path / "pretrained.safetensors"
        self.network = path / "network.py"
        self.latency_table = path / LATENCY_TABLE
        self.latencies = path / "latency.json"

    @property
    def name(self) -> str:
        """The name of the folder, also if its path is relative."""
        return self.path.resolve().name

    def at(self, path: Path) -> "RunFolder":
        """The same files in another folder."""
        return RunFolder(path)

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """The folder of an earlier search; InputError if there is none.

        If the search ended before its first trial, the folder may have no study yet.
        """
        if (reason := wrong_name(path)) is not None:
            raise InputError(f"{printable(str(path))}: {reason}; rename the folder")
        folder = cls(path)
        for file in (folder.config, folder.space, folder.study):
            if not file.is_file():
                if file == folder.study and not folder.trial(0).exists():
                    continue
                what = f"{file.name} is missing" if path.is_dir() else "no such folder"
                raise InputError(f"{path}: not the run folder of a search ({what})")
            if not file.stat().st_size:
                raise InputError(f"{path}: {file.name} is empty, so it was damaged; restore it from a copy")
        return folder

    @property
    def front_files(self) -> tuple[Path, ...]:
        """The files of the search's outcome that exist. Equal files give the same artifact in W&B."""
        return tuple(path for path in (self.front, self.best, self.trials_csv) if path.is_file())

    def trial(self, number: int) -> Path:
        """The folder of one trial."""
        return self.path / "trials" / f"{number:04d}"

    def architecture(self, number: int) -> Path:
        """The file that holds a trial's network."""
        return self.trial(number) / "architecture.yaml"

    def result(self, number: int) -> Path:
        """The file that holds a trial's result."""
        return self.trial(number) / "result.json"

    def ablation(self, number: int) -> Path:
        """The file with the ablation of a trial's network."""
        return self.path / f"ablate-{number:04d}.json"

    def write_architecture(self, number: int, architecture: Architecture) -> None:
        """Write a trial's network, stage by stage."""
        write_yaml(self.architecture(number), architecture.to_dict())

    def write_result(self, record: TrialRecord) -> None:
        """Write an ended trial's `result.json`. If its worker has written the same result, that file stays."""
        self.checkpoint_of(record.number).unlink(missing_ok=True)
        written, content = self.read_result(record.number), result_as_dict(record)
        if written is None or any(written.get(name) != content[name] for name in ("status", "fingerprint", "curve")):
            write_checked(self.result(record.number), content)

    def load_network(self, record: TrialRecord) -> Architecture:
        """The network that a trial trained; InputError if its file is damaged or has another network."""
        path = self.architecture(record.number)
        architecture = load_stored_architecture(path)
        if architecture.fingerprint() != record.fingerprint:
            raise InputError(f"{path}: not the network that trial {record.number} trained; restore the file")
        return architecture

    def write_finished(
        self,
        task: TrialTask,
        *,
        curve: Sequence[float],
        seconds: float,
        cost: Mapping[str, float],
        metrics: Metrics,
    ) -> None:
        """Write `result.json` as the worker that has finished the trial."""
        record = TrialRecord(
            number=task.number,
            status=TrialStatus.COMPLETE,
            assignment={},
            fingerprint=task.architecture.fingerprint(),
            se=task.architecture.se_tokens,
            cost=cost,
            curve=tuple(curve),
            seconds=seconds,
            metrics=metrics,
        )
        self.write_result(record)

    def checkpoint(self, task: TrialTask) -> Path:
        """The file with the state of a long trial, from which its training can continue."""
        return self.checkpoint_of(task.number)

    def checkpoint_of(self, number: int) -> Path:
        """The checkpoint file of the trial with this number."""
        return self.trial(number) / "checkpoint.safetensors"

    def read_result(self, number: int) -> Mapping[str, Any] | None:
        """A trial's `result.json`; None if it is missing or was changed since it was written."""
        return read_checked(self.result(number))

    def write_tables(self, progress: SearchProgress) -> None:
        """Write `trials.csv` with the trials that have ended, and `front.json`."""
        ended = [record for record in progress.records if record.status is not TrialStatus.RUNNING]
        decisions = names_in(record.assignment for record in progress.records)
        write_atomically(self.trials_csv, _csv(ended, decisions, progress.objectives.metric))
        write_json(self.front, front_as_dict(progress))


def front_as_dict(progress: SearchProgress) -> dict[str, Any]:
    """The content of `front.json`.

    `members` are the complete trials that no other dominates by observed values, with what is expected of each.
    `expected_front` has the numbers of the trials that no other dominates by what is expected, as the page and the
    terminal show them. The `picks` are among those, so a pick need not be a member.
    """
    believed = progress.front
    observed = replace(ParetoFront.of(progress.records, progress.objectives), expected=believed.expected)
    best = observed.best_of_equal_cost()

    def by_cost(record: TrialRecord) -> tuple[float, int]:
        return record.cost["flops"], record.number

    picks = {name: pick(believed) for name, pick in ROLES.items()} if believed.members else {}
    return {
        "objectives": list(progress.objectives.names),
        "hypervolume": progress.hypervolume,
        "reference": list(progress.reference),
        "members": [
            _member(member, believed) | {"best_of_equal_cost": best[member.number].number}
            for member in sorted(observed.members, key=by_cost)
        ],
        "expected_front": [member.number for member in sorted(believed.members, key=by_cost)],
        "picks": {name: _member(picked, believed) for name, picked in picks.items()},
    }


def _member(record: TrialRecord, front: ParetoFront) -> dict[str, Any]:
    """A complete trial with what is expected of it, if anything is, and the 90 % interval.

    If another metric than the accuracy scores the trials, it stands beside the accuracy, and is what is expected.
    """
    expected, metric = front.expected.get(record.number), front.objectives.metric
    return {
        "trial": record.number,
        "fingerprint": record.fingerprint,
        "accuracy": record.plain_accuracy,
        **({} if metric is ACCURACY else {metric.value: record.accuracy}),
        **(
            {} if expected is None else {f"expected_{metric.value}": expected.mean, "interval": list(expected.interval)}
        ),
        **record.cost,
        "se": list(record.se),
        "assignment": dict(record.assignment),
    }


def result_as_dict(record: TrialRecord) -> dict[str, Any]:
    """The content of `result.json`."""
    return {
        "trial": record.number,
        "status": record.status.value,
        "reason": record.reason,
        **({} if record.failure is None else {"failure": record.failure.as_dict()}),
        "fingerprint": record.fingerprint,
        "curve": list(record.curve),
        "seconds": record.seconds,
        "cost": dict(record.cost),
        "metrics": dict(record.metrics),
    }


def _csv(records: Sequence[TrialRecord], decisions: Sequence[str], metric: ObjectiveMetric) -> str:
    """One row for each trial: its results, then its decisions.

    The report uses `expected_accuracy` of a stopped trial where it compares networks. If another metric scores the
    trials, it has a column beside `accuracy`, and is what is expected.
    """
    others = [] if metric is ACCURACY else [metric.value]
    stopped = [
        observation for observation in observations_of(records) if observation.record.status is TrialStatus.PRUNED
    ]
    expected = {observation.record.number: round(observation.accuracy, 6) for observation in stopped}
    costs = names_in([counted_names(), *(record.cost for record in records)])
    metrics = [name for name in names_in(record.metrics for record in records) if name != ACCURACY.value]
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    known = ["trial", "state", "reason", "epochs", "accuracy", *others, f"expected_{metric.value}"]
    writer.writerow([*known, *costs, "seconds", *metrics, "fingerprint", "se", *decisions])
    for record in records:
        writer.writerow(
            [
                record.number,
                record.status.value,
                record.reason,
                len(record.curve),
                "" if record.plain_accuracy is None else record.plain_accuracy,
                *("" if record.accuracy is None else record.accuracy for _ in others),
                expected.get(record.number, ""),
                *(record.cost.get(name, "") for name in costs),
                round(record.seconds, 3),
                *(f"{record.known_metrics[name]:.6g}" if name in record.known_metrics else "" for name in metrics),
                record.fingerprint,
                " | ".join(record.se),
                *(record.assignment.get(name, "") for name in decisions),
            ]
        )
    return table.getvalue()
