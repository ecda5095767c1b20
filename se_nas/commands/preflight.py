"""Checks before anything trains: does the space have networks within its bounds, and how large are they?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from se_nas.costs import COSTS, format_cost
from se_nas.data.image_data import ImageData, ImageFiles
from se_nas.data.sources import MEMORY_SHARE
from se_nas.errors import ImageTooSmallError, InputError, MissingPartError
from se_nas.models.cost import measure_cost
from se_nas.runs.images_file import full_lines
from se_nas.searching.objectives import Objectives
from se_nas.space.architecture import Architecture
from se_nas.space.design_space import DesignSpace
from se_nas.training.devices.device import pick_device, prepare
from se_nas.training.known_latency.table import LatencyTable
from se_nas.training.measurements import measure_costs
from se_nas.training.trainer import build_initial_model

NETWORKS = 32
DRAWS = 1_000
HEADROOM = 1.25
"""The assumed ratio of the largest network in the space to the largest drawn network."""

CostOf = Callable[[Architecture], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class DrawnNetworks:
    """Networks drawn from a space that keep its bounds, each with the costs that are known before training.

    `draws` is the number of draws, and `unknown` has a message for each drawn network with an unknown latency.
    """

    networks: tuple[tuple[Architecture, Mapping[str, float]], ...]
    draws: int
    unknown: tuple[str, ...] = ()

    @property
    def costs(self) -> list[Mapping[str, float]]:
        """The cost of each network."""
        return [costs for _, costs in self.networks]

    def range(self, cost: str) -> tuple[float, float]:
        """The lowest and highest value of a cost."""
        values = [costs[cost] for costs in self.costs]
        return min(values), max(values)


def cost_on(data: ImageData, table: LatencyTable | None = None) -> CostOf:
    """A function that counts a network's cost on the images of `data`, and predicts its latency if there is a table.

    It raises MissingPartError for a network with a part that the table lacks.
    """
    size, classes = data.image_size, data.classes

    def cost_of(architecture: Architecture) -> Mapping[str, float]:
        counted = measure_cost(architecture, image_size=size, num_classes=classes).as_dict()
        if table is None:
            return counted
        return {**counted, "latency": table.predict(architecture, image_size=size, num_classes=classes)}

    return cost_of


def draw_networks(space: DesignSpace, data: ImageData, cost_of: CostOf) -> DrawnNetworks:
    """Draw networks within the bounds. If there is none, InputError with the range of the costs that were found.

    A network for which the images are too small, or whose latency is unknown, is passed over, as the search does.
    """
    rng = Random(0)
    found: list[tuple[Architecture, Mapping[str, float]]] = []
    known: list[Mapping[str, float]] = []
    unknown: list[str] = []
    draws = 0
    too_small: ImageTooSmallError | None = None
    while len(found) < NETWORKS and draws < DRAWS:
        draws += 1
        architecture = space.decode(space.sample(rng))
        try:
            costs = cost_of(architecture)
        except ImageTooSmallError as error:
            too_small = error
            continue
        except MissingPartError as error:
            unknown.append(str(error))
            continue
        known.append(costs)
        if space.cost_violation(costs) is None:
            found.append((architecture, costs))
    if too_small is not None and not known:
        raise InputError(f"space '{space.name}' on {data.image_size} px images: {too_small}")
    if unknown and not known:
        raise InputError(f"none of {draws:,} drawn networks of space '{space.name}' is in the table: {unknown[0]}")
    if not found:
        ranges = " and ".join(_range_text(name, [costs[name] for costs in known]) for name in _bounded(space, known))
        raise InputError(
            f"space '{space.name}': none of {draws:,} drawn networks keeps its bounds on {data.image_size} px images; "
            f"they have {ranges}: adapt the bounds, or the space"
        )
    return DrawnNetworks(tuple(found), draws, tuple(unknown))


def _bounded(space: DesignSpace, known: Sequence[Mapping[str, float]]) -> list[str]:
    """FLOPs, and the costs from a table that the space bounds."""
    return ["flops", *(name for name in space.bounds if COSTS[name].tabled and name in known[0])]


def _range_text(name: str, values: Sequence[float]) -> str:
    """The lowest and the highest value of a cost as a text."""
    what = name if COSTS[name].unit else COSTS[name].column
    return f"{format_cost(name, min(values))} to {format_cost(name, max(values))} {what}"


def hypervolume_reference(
    objectives: Objectives, space: DesignSpace, data: ImageData, drawn: DrawnNetworks
) -> list[float]:
    """The reference point: accuracy 0, and for each cost its upper bound, or a quarter more than the largest drawn."""
    reference = [0.0]
    of_largest = _measured_of_largest(objectives.measured, data, drawn)
    for name in objectives.costs:
        limit = space.bounds.get(name)
        if limit is not None and limit.high is not None:
            reference.append(float(limit.high))
        elif name in of_largest:
            reference.append(HEADROOM * of_largest[name])
        else:
            most = HEADROOM * drawn.range(name)[1]
            reference.append(float(most if COSTS[name].unit else round(most)))
    return reference


def _measured_of_largest(names: Sequence[str], data: ImageData, drawn: DrawnNetworks) -> dict[str, float]:
    """The costs of these names, as this machine measures them on the drawn network with the most activations."""
    if not names:
        return {}
    largest, _ = max(drawn.networks, key=lambda network: network[1]["activations"])
    device = pick_device()
    prepare(device)
    model = build_initial_model(largest, num_classes=data.classes, seed=0).to(device)
    return measure_costs(names, model, image_size=largest.image_size or data.image_size, device=device)


def where_images_are(data: ImageData) -> str:
    """A text: the images are in memory, or on disk with the reason."""
    count = len(data.train) + len(data.validation) + len(data.test)
    size = f"{3 * count * data.image_size**2 / 1e6:,.1f} MB"
    if isinstance(data.train, ImageFiles):
        if data.train.stored is not None:
            return f"decoded once into {data.train.stored.folder}: {size}; delete that folder to free the disk"
        return f"read from disk while training: {size} are more than {MEMORY_SHARE:.0%} of this machine's memory"
    return f"in memory: {size}"


def describe_space(space: DesignSpace, data: ImageData, drawn: DrawnNetworks) -> list[str]:
    """Lines about the space, the images and the bounds of a search."""
    parts = f"{len(data.train):,} training, {len(data.validation):,} validation, {len(data.test):,} test images"
    lines = [
        f"space   {space.name}: {space.size()} networks, {len(space.decisions)} decisions",
        f"data    {data.name}: {parts} of {data.image_size} px, {data.classes} classes",
        f"        {where_images_are(data)}",
        *full_lines(data.inventory()),
        f"bounds  {len(drawn.networks)} of {drawn.draws} drawn networks keep them",
    ]
    for name in drawn.costs[0]:
        low, high = drawn.range(name)
        lines.append(f"        {name} {format_cost(name, low)} to {format_cost(name, high)}")
    return lines
