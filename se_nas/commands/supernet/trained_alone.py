"""Networks of one trunk that were trained alone in a run folder: trials, and the networks of ablations."""

from collections.abc import Mapping
from statistics import fmean

from se_nas.errors import InputError
from se_nas.files import read_checked
from se_nas.objective_metric import ACCURACY, ObjectiveMetric
from se_nas.runs.ablation_file import ablation_files
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.progress import SearchProgress
from se_nas.space.architecture import Architecture
from se_nas.space.switches import Switchboard


def networks_of_trials(folder: RunFolder, progress: SearchProgress, board: Switchboard) -> list[Architecture]:
    """The networks of the complete trials that are placements on this trunk."""
    found = []
    for record in progress.records:
        if record.accuracy is None:
            continue
        try:
            network = folder.load_network(record)
        except InputError:  # its file is damaged, which says nothing about the others
            continue
        if board.placement_of(network) is not None:
            found.append(network)
    return found


def trained_alone(
    folder: RunFolder, progress: SearchProgress, known: set[str], metric: ObjectiveMetric
) -> Mapping[str, float]:
    """The accuracies of networks that were trained alone, by fingerprint, of those in `known`.

    `metric` takes the place of the accuracy, as in the trials. An ablation by another metric does not count.

    They come from the trials or from one ablation, whichever has more of these networks. Trainings of one source had
    the same epochs and the same seeds, so they can be compared.
    """
    trials = {
        record.fingerprint: record.accuracy
        for record in progress.records
        if record.accuracy is not None and record.fingerprint in known
    }
    return max([trials, *_ablations(folder, known, metric)], key=len)


def _ablations(folder: RunFolder, known: set[str], metric: ObjectiveMetric) -> list[dict[str, float]]:
    sources = []
    for path in ablation_files(folder):
        content = read_checked(path) or {}
        networks = content.get("networks") if content.get("metric", ACCURACY) == metric else None
        sources.append(
            {
                str(each["fingerprint"]): fmean(each["accuracies"].values())
                for each in (networks if isinstance(networks, list) else [])
                if each.get("accuracies") and each.get("fingerprint") in known
            }
        )
    return sources
