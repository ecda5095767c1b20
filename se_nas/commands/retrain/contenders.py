"""The networks to retrain: trials of a search, and baselines beside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from se_nas.commands.preflight import CostOf, cost_on
from se_nas.commands.pretraining import unchanged_at_start
from se_nas.commands.retrain.baselines import baselines
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.limits import spelled_limit
from se_nas.commands.run_loading import pick_trial
from se_nas.costs import format_cost, measured_among
from se_nas.data.image_data import ImageData
from se_nas.errors import InputError, MissingPartError
from se_nas.runs.latency_file import load_latencies
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.progress import SearchProgress, progress_of
from se_nas.searching.records import TrialRecord
from se_nas.space.architecture import Architecture
from se_nas.space.files.loading import load_stored_space
from se_nas.training.known_latency.table import LatencyTable
from se_nas.training.pretrained import Pretrained


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A network to retrain: its name in folders, its title for people, and its trial or (a baseline) the nearest trial.

    `search_accuracy` is None if the search did not train the network. `measured` are costs that the search measured, or
    predicted by its latency table: `latency_is_predicted` says so. `measured_latency` is the milliseconds of the
    whole network, measured after the search on the table's runtime; None if they were not measured.
    """

    name: str
    title: str
    trial: int
    architecture: Architecture
    search_accuracy: float | None
    measured: Mapping[str, float]
    latency_is_predicted: bool = False
    measured_latency: float | None = None


def chosen_contenders(
    progress: SearchProgress,
    folder: RunFolder,
    data: ImageData,
    request: RetrainRequest,
    pretrained: Pretrained | None,
    table: LatencyTable | None,
) -> list[Contender]:
    """The networks that the request picks, and with `--baselines` also the baselines. InputError if there are none."""
    records = _picked(_within(progress, request.limits(), folder), request.pick, folder)
    checked = {} if table is None else _measured_latencies(folder)
    contenders = [
        replace(
            _of_trial(record, folder),
            latency_is_predicted=table is not None and "latency" in record.cost,
            measured_latency=checked.get(record.number),
        )
        for record in records
    ]
    return [*contenders, *_beside(records, folder, data, pretrained, table)] if request.baselines else contenders


def latency_lines_of(contenders: Sequence[Contender], table: LatencyTable | None) -> Iterator[str]:
    """A line with the predicted and the measured latency of these networks; none if the search had no table."""
    if table is None:
        return
    texts = []
    for each in contenders:
        if each.latency_is_predicted:
            measured = each.measured_latency
            beside = "" if measured is None else f" (measured {format_cost('latency', measured)})"
            texts.append(f"{each.title} {format_cost('latency', each.measured['latency'])}{beside}")
    if texts:
        yield f"latency   by the search's table ({table.setting.title}): {'; '.join(texts)}"


def _measured_latencies(folder: RunFolder) -> dict[int, float]:
    """The measured milliseconds of trials of the front. The report names a damaged file."""
    try:
        check = load_latencies(folder)
    except InputError:
        return {}
    return {network.trial: network.measured for network in check.networks} if check else {}


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
    records: Sequence[TrialRecord],
    folder: RunFolder,
    data: ImageData,
    pretrained: Pretrained | None,
    table: LatencyTable | None,
) -> Iterator[Contender]:
    flops, cost_of = [record.cost["flops"] for record in records], _cost_as_far_as_known(data, table)
    for name, architectures in baselines(load_stored_space(folder.space), cost_of, flops):
        for record, drawn in zip(records, architectures, strict=True):
            architecture = unchanged_at_start(drawn, pretrained)
            predicted = {cost: value for cost, value in cost_of(architecture).items() if cost in measured_among([cost])}
            yield Contender(
                name=f"{name.lower()}-beside-{record.number:04d}",
                title=f"{name} by {record.number}",
                trial=record.number,
                architecture=architecture,
                search_accuracy=None,
                measured=predicted,
                latency_is_predicted="latency" in predicted,
            )


def _cost_as_far_as_known(data: ImageData, table: LatencyTable | None) -> CostOf:
    """A function that counts a network's cost, and predicts its latency if a table has its parts."""
    counted_of, known_of = cost_on(data), cost_on(data, table)

    def cost_of(architecture: Architecture) -> Mapping[str, float]:
        try:
            return known_of(architecture)
        except MissingPartError:
            return counted_of(architecture)

    return cost_of


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
