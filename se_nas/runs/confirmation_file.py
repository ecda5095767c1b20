"""`confirm.json`: the result of training a front again on fresh seeds."""

from typing import Any

from se_nas import __version__
from se_nas.analysis.confirmation import ConfirmedFront
from se_nas.analysis.front_belief import CONFIDENCE
from se_nas.errors import InputError
from se_nas.files import read_checked, write_checked
from se_nas.process.invocation import invocation
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.progress import SearchProgress


def write_confirmation(folder: RunFolder, front: ConfirmedFront) -> None:
    """Write `confirm.json`: each network's accuracy by seed, and the statistics of these accuracies.

    `metric` says what the accuracies are, if they are none.
    """
    content: dict[str, Any] = {
        "epochs": front.epochs,
        "confidence": CONFIDENCE,
        "deviation": front.belief.deviation if front.belief.freedom else None,
        "version": __version__,
        "metric": front.metric.value,
        "left_out": list(front.left_out),
        "networks": [
            {
                "trial": one.record.number,
                "fingerprint": one.record.fingerprint,
                "se": list(one.record.se),
                "cost": dict(one.record.cost),
                "search_accuracy": one.record.accuracy,
                "accuracies": {str(seed): accuracy for seed, accuracy in one.accuracies.items()},
                "mean": one.verdict.mean,
                "expected": one.verdict.expected,
                "interval": [one.verdict.low, one.verdict.high] if front.belief.freedom else None,
                "half_width": one.verdict.half_width if front.belief.freedom else None,
                "probability_on_front": one.verdict.on_front,
            }
            for one in front.networks
        ],
    }
    write_checked(folder.confirmation, content)


def load_confirmation(folder: RunFolder, progress: SearchProgress) -> ConfirmedFront | None:
    """The result of an earlier confirmation; None if there is none. InputError for a damaged file.

    The statistics are computed again from the accuracies, also for the file of an earlier version.
    """
    if not folder.confirmation.is_file():
        return None
    try:
        found = read_checked(folder.confirmation) or {}
        records = {record.number: record for record in progress.records}
        accuracies = {
            int(network["trial"]): {int(seed): float(value) for seed, value in network["accuracies"].items()}
            for network in found["networks"]
        }
        return ConfirmedFront.of(
            accuracies,
            records,
            progress.objectives.costs,
            epochs=int(found["epochs"]),
            left_out=[int(number) for number in found.get("left_out", ())],
            predicted={number: progress.front.accuracy(records[number]) for number in accuracies},
            metric=progress.objectives.metric,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        raise InputError(f"{folder.confirmation}: damaged; delete it, or run `{invocation('confirm')}` again") from None
