"""Networks of one trunk that were trained alone in a run folder: trials, and the networks of ablations."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from se_nas.errors import InputError
from se_nas.files import read_checked
from se_nas.objective_metric import ACCURACY, ObjectiveMetric
from se_nas.runs.ablation_file import ablation_files
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.progress import SearchProgress
from se_nas.space.architecture import Architecture
from se_nas.space.switches import Switchboard
from se_nas.wording import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedAlone:
    """Accuracies by fingerprint, and a text that says where they are from."""

    source: str
    accuracies: Mapping[str, float]


def networks_of_trials(
    folder: RunFolder, progress: SearchProgress, board: Switchboard, print_line: Callable[[str], None]
) -> list[Architecture]:
    """The networks of the complete trials that are placements on this trunk. A line names each damaged file."""
    found = []
    for record in progress.records:
        if record.accuracy is None:
            continue
        try:
            network = folder.load_network(record)
        except InputError as error:  # it says nothing about the others
            print_line(f"left out  trial {record.number}: {error}")
            continue
        if board.placement_of(network) is not None:
            found.append(network)
    return found


def trained_alone(
    folder: RunFolder,
    progress: SearchProgress,
    known: set[str],
    metric: ObjectiveMetric,
    print_line: Callable[[str], None],
) -> TrainedAlone:
    """The accuracies of networks that were trained alone, of the fingerprints in `known`.

    `metric` takes the place of the accuracy, as in the trials. An ablation by another metric does not count.

    They come from the trials or from one ablation, whichever has more of these networks. Trainings of one source had
    the same epochs, and those that are compared had the same seeds.
    """
    trials = {
        record.fingerprint: record.accuracy
        for record in progress.records
        if record.accuracy is not None and record.fingerprint in known
    }
    sources = [TrainedAlone(source="trials", accuracies=trials)]
    for path in ablation_files(folder):
        try:
            by_seed = _of_ablation(read_checked(path) or {}, known, metric)
        except (AttributeError, KeyError, TypeError, ValueError):
            print_line(f"left out  {path}: damaged, so its networks are not compared")
            continue
        if by_seed is None:
            print_line(f"left out  {path}: its networks are scored by another metric than {metric.label}")
            continue
        accuracies, seeds = of_shared_seeds(by_seed)
        if accuracies:
            sources.append(TrainedAlone(source=f"{path.name}, {_described(seeds)}", accuracies=accuracies))
    return max(sources, key=lambda each: len(each.accuracies))


def of_shared_seeds(by_seed: Mapping[str, Mapping[str, float]]) -> tuple[dict[str, float], list[str]]:
    """The mean accuracies over seeds that all compared networks share, and these seeds.

    A mean over other seeds would compare seeds. A network without the shared seeds is left out. Most networks
    are kept, and then most seeds.

    >>> of_shared_seeds({"a": {"0": 0.5, "1": 0.9}, "b": {"0": 0.6}})
    ({'a': 0.5, 'b': 0.6}, ['0'])
    """
    counts = Counter(seed for accuracies in by_seed.values() for seed in accuracies)
    common = sorted(counts, key=lambda seed: (-counts[seed], seed))
    sharing = {
        count: [name for name, accuracies in by_seed.items() if accuracies.keys() >= set(common[:count])]
        for count in range(1, len(common) + 1)
    }
    if not sharing:
        return {}, []
    best = max(sharing, key=lambda count: (len(sharing[count]), count))
    seeds = sorted(common[:best])
    return {name: fmean(by_seed[name][seed] for seed in seeds) for name in sharing[best]}, seeds


def _described(seeds: list[str]) -> str:
    return f"{counted(len(seeds), 'seed')} each"


def _of_ablation(
    content: Mapping[str, Any], known: set[str], metric: ObjectiveMetric
) -> dict[str, dict[str, float]] | None:
    """The accuracies of an ablation by fingerprint and seed; None if it has another metric."""
    if content.get("metric", ACCURACY) != metric:
        return None
    return {
        str(each["fingerprint"]): {str(seed): float(value) for seed, value in each["accuracies"].items()}
        for each in content["networks"]
        if each["fingerprint"] in known and each["accuracies"]
    }
