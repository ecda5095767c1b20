"""The record of a trial as the attributes that the study stores, and back. Checksums reveal a flipped bit or an edit.

A trial has a checksum of everything that is known at its start, and another one of everything at its end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from optuna.trial import TrialState

from se_nas.checksums import checksum
from se_nas.costs import COSTS, known_before_training
from se_nas.searching.curves import Curves
from se_nas.searching.failures import Failure
from se_nas.searching.propose.optuna_strategy import STATES
from se_nas.searching.records import Metrics, TrialRecord, TrialStatus, metrics_in
from se_nas.searching.study.trial_store import StoredTrial

END, FAILURE, METRICS, CHECKSUM = "end", "failure", "metrics", "seal"
"""The attribute with the end of a trial, and in it its failure; the attribute with its metrics; a checksum in any."""
SEALED_APART = (METRICS, FAILURE)
"""The fields of a record that have a checksum of their own, because earlier versions do not know them."""
STATUSES = {state: status for status, state in STATES.items()}


def start_attributes(record: TrialRecord) -> dict[str, Any]:
    """The attributes of a trial that starts."""
    return {
        "fingerprint": record.fingerprint,
        "se": list(record.se),
        "memo": dict(record.memo),
        CHECKSUM: _checksum(record),
        **record.cost,
    }


def end_attributes(record: TrialRecord) -> dict[str, Any]:
    """The further attributes of a trial that has ended."""
    end: dict[str, Any] = {"epochs": len(record.curve), "seconds": record.seconds, "reason": record.reason}
    if record.failure is not None:
        end[FAILURE] = _sealed(record.failure.as_dict())
    return {**record.cost, END: {**end, CHECKSUM: _checksum(record)}, METRICS: _sealed(record.metrics)}


def record_of(trial: StoredTrial) -> TrialRecord:
    """The record that was stored. KeyError, TypeError, ValueError or AttributeError if it is not what was written."""
    status, attributes = STATUSES[trial.state], trial.attributes
    end = attributes.get(END, {}) if status is not TrialStatus.RUNNING else {}
    curve = list(trial.accuracies.values())
    record = TrialRecord(
        number=trial.number,
        status=status,
        assignment=trial.assignment,
        fingerprint=attributes["fingerprint"],
        se=tuple(attributes["se"]),
        cost={name: attributes[name] for name in COSTS if name in attributes},
        memo=attributes["memo"],
        curve=tuple(curve[: end.get("epochs")]),
        seconds=end.get("seconds", 0.0),
        reason=end.get("reason", ""),
        failure=_failure_in(end) if status is TrialStatus.FAILED else None,
        metrics=_metrics_in(attributes.get(METRICS)),
    )
    if _stored_checksum(trial) not in (_checksum(record), _checksum(_as_it_started(record))):
        raise ValueError(f"trial {trial.number} has another checksum")
    return record


def curves_of(trials: Sequence[StoredTrial], costs: Sequence[str]) -> Curves:
    """The curves of the trials. They include epochs of a first run that the second run did not reach."""
    curves = Curves(costs)
    for trial in trials:
        curves.begin(trial.number, trial.attributes)
        for epoch, accuracy in trial.accuracies.items():
            curves.report(trial.number, epoch=epoch, accuracy=accuracy, costs={})
        if trial.state is TrialState.FAIL:
            curves.fail(trial.number)
    return curves


def _failure_in(end: Mapping[str, Any]) -> Failure:
    """The failure of a failed trial. ValueError if it is damaged. Earlier versions stored only its text."""
    match end.get(FAILURE):
        case None:
            return Failure.of_text(end.get("reason", ""))
        case {"values": values, "seal": seal} if seal == checksum(values):
            return Failure.of_dict(values)
        case _:
            raise ValueError("the stored failure is damaged")


def _metrics_in(stored: object) -> Metrics:
    """The metrics as they were written. Damaged metrics are left out, because no result depends on them."""
    match stored:
        case {"values": values, "seal": seal} if seal == checksum(values):
            return metrics_in(values)
        case _:
            return {}


def _sealed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"values": dict(values), CHECKSUM: checksum(dict(values))}


def _stored_checksum(trial: StoredTrial) -> object:
    """The stored checksum of a trial. Earlier versions replaced the checksum of the start by that of the end."""
    start = trial.attributes[CHECKSUM]
    return start if trial.state is TrialState.RUNNING else trial.attributes[END].get(CHECKSUM, start)


def _as_it_started(record: TrialRecord) -> TrialRecord:
    """The record without the costs that a running trial has measured. A cost from a table belongs to its start."""
    is_running = record.status is TrialStatus.RUNNING
    return replace(record, cost=known_before_training(record.cost)) if is_running else record


def _checksum(record: TrialRecord) -> str:
    """The checksum of an ended trial, or of a running trial without what it has reported."""
    if record.status is TrialStatus.RUNNING:
        record = replace(record, curve=(), seconds=0.0)
    return checksum({each.name: getattr(record, each.name) for each in fields(record) if each.name not in SEALED_APART})
