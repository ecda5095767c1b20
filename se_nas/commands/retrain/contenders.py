"""The networks to retrain: trials of a search, and baselines beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from se_nas.commands.preflight import cost_on
from se_nas.commands.pretraining import unchanged_at_start
from se_nas.commands.retrain.baselines import baselines
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.limits import spelled_limit
from se_nas.commands.run_loading import pick_trial
from se_nas.costs import format_cost, measured_among
from se_nas.data.image_data import ImageData
from se_nas.errors import InputError
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.progress import SearchProgress, progress_of
from se_nas.searching.records import TrialRecord
from se_nas.space.architecture import Architecture
from se_nas.space.files.loading import load_stored_space
from se_nas.training.pretrained import Pretrained


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A network to retrain: its name in folders, its title for people, and its trial or (a baseline) the nearest trial.

    `search_accuracy` is None if the search did not train the network. `measured` are costs that the search measured.
    """

    name: str
    title: str
    trial: int
    architecture: Architecture
    search_accuracy: float | None
    measured: Mapping[str, float]


def chosen_contenders(
    progress: SearchProgress, folder: RunFolder, data: ImageData, request: RetrainRequest, pretrained: Pretrained | None
) -> list[Contender]:
    """The networks that the request picks, and with `--baselines` also the baselines. InputError if there are none."""
    records = _picked(_within(progress, request.limits(), folder), request.pick, folder)
    contenders = [_of_trial(record, folder) for record in records]
    return [*contenders, *_beside(records, folder, data, pretrained)] if request.baselines else contenders


def _of_trial(record: TrialRecord, folder: RunFolder) -> Contender:
    return Contender(
        name=f"trial-{record.number:04d}",
        title=f"trial {record.number}",
        trial=record.number,
        architecture=folder.load_network(record),
        search_accuracy=record.plain_accuracy,
        measured={name: record.cost[name] for name in measured_among(record.cost)},
    )


def _beside(
    records: Sequence[TrialRecord], folder: RunFolder, data: ImageData, pretrained: Pretrained | None
) -> Iterator[Contender]:
    flops = [record.cost["flops"] for record in records]
    for name, architectures in baselines(load_stored_space(folder.space), cost_on(data), flops):
        for record, architecture in zip(records, architectures, strict=True):
            yield Contender(
                name=f"{name.lower()}-beside-{record.number:04d}",
                title=f"{name} by {record.number}",
                trial=record.number,
                architecture=unchanged_at_start(architecture, pretrained),
                search_accuracy=None,
                measured={},
            )


def _within(progress: SearchProgress, limits: Mapping[str, float], folder: RunFolder) -> SearchProgress:
    """The search reduced to its networks within the limits; InputError if there are none."""
    if not limits:
        return progress
    records = [
        record
        for record in progress.records
        if all(name in record.cost and record.cost[name] <= most for name, most in limits.items())
    ]
    for name in limits:
        if not any(name in record.cost for record in progress.records):
            raise InputError(
                f"{spelled_limit(name, f'{limits[name]:g}')}: the search in {folder.path} did not measure {name}"
            )
    kept = progress_of(records, progress.objectives, progress.reference, progress.budget, progress.front.expected)
    if not kept.front.members:
        asked = ", ".join(spelled_limit(name, f"{most:g}") for name, most in limits.items())
        costs = [member.cost for member in progress.front.members]
        least = ", ".join(
            f"{format_cost(name, min(cost[name] for cost in costs))} {name}"
            for name in limits
            if all(name in cost for cost in costs) and costs
        )
        raise InputError(f"{folder.path}: no trained network keeps {asked}; the front begins at {least or 'none'}")
    return kept


def _picked(progress: SearchProgress, pick: str, folder: RunFolder) -> tuple[TrialRecord, ...]:
    if pick == "front" and progress.front.members:
        return progress.front.members
    return (pick_trial(progress, "knee" if pick == "front" else pick, folder, also=("front",)),)
