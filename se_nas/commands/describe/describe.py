"""Prints one network: stages, SE and cost."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from se_nas.commands.describe.flags import DescribeRequest
from se_nas.commands.own_network import allow_network
from se_nas.commands.run_loading import find_trial
from se_nas.costs import format_cost, measured_among
from se_nas.errors import InputError
from se_nas.models.cost import map_sizes, measure_cost
from se_nas.space.architecture import Architecture
from se_nas.space.attention.tokens import NONE, format_tokens
from se_nas.space.files.architecture_file import load_architecture
from se_nas.space.parts.stage import BlockShape, Stage
from se_nas.space.published import PUBLISHED
from se_nas.wording import suggest

IMAGE_SIZE, CLASSES = 224, 1000


def describe(request: DescribeRequest, console: Console) -> None:
    """Print the network that `request` names."""
    allow_network(request.own_network)
    found = _find(request.network)
    architecture = found.architecture
    if request.image_size is not None:  # it replaces the network's own size
        architecture = replace(architecture, image_size=None)
    image_size = request.image_size or architecture.image_size or found.image_size
    classes = request.classes or found.classes
    counted = measure_cost(architecture, image_size=image_size, num_classes=classes).as_dict()
    measured = found.measured if request.image_size in (None, found.image_size) and classes == found.classes else {}
    if request.json:
        shown = _as_dict(architecture, {**counted, **measured}, image_size=image_size, classes=classes)
        console.print(json.dumps(shown, indent=2), soft_wrap=True, highlight=False, markup=False)
        return
    console.print(_table(architecture, image_size))
    numbers = [f"{name} {value:,} ({format_cost(name, value)})" for name, value in counted.items()]
    numbers += [f"{name} {format_cost(name, value)}" for name, value in measured.items()]
    console.print(
        f"{', '.join(numbers)}\nfor one {image_size} px image, {classes} classes", highlight=False, soft_wrap=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An architecture, the size and the classes of its images, and the costs that a search has measured on it."""

    architecture: Architecture
    image_size: int
    classes: int
    measured: Mapping[str, float]


def _find(network: str) -> Found:
    """The network that the text `network` names, with its images and measured costs."""
    path = Path(network)
    if network in PUBLISHED and not path.exists():
        known = PUBLISHED[network]
        return Found(architecture=known.build(), image_size=known.image_size, classes=known.classes, measured={})
    if path.is_dir() or (":" in network and not path.is_file()):
        folder, config, _, record = find_trial(network)
        return Found(
            architecture=load_architecture(folder.architecture(record.number)),
            image_size=config.image_size,
            classes=config.classes,
            measured={name: record.cost[name] for name in measured_among(record.cost)},
        )
    if not path.exists() and not path.suffix:
        raise InputError(f"{network}: neither a file nor a published network; {suggest(network, PUBLISHED)}")
    return Found(architecture=load_architecture(path), image_size=IMAGE_SIZE, classes=CLASSES, measured={})


def _as_dict(architecture: Architecture, cost: Mapping[str, float], *, image_size: int, classes: int) -> dict[str, Any]:
    return {
        **cost,
        "image_size": image_size,
        "classes": classes,
        "fingerprint": architecture.fingerprint(),
        "se": list(architecture.se_tokens),
        "architecture": architecture.to_dict(),
    }


def _table(architecture: Architecture, image_size: int) -> Table:
    """The stem, and each segment of each stage. A network of several families has a column for the family, and each
    family has its own columns."""
    segments = [segment for stage in architecture.stages for segment in stage.segments]
    own = [segment.block.columns(segment.width) for segment in segments]
    headings = list(dict.fromkeys(heading for cells in own for heading in cells))
    table = Table(box=None, padding=(0, 2, 0, 0))
    several = ["family"] if len({segment.block.name for segment in segments}) > 1 else []
    for name in ("", *several, "depth", "width", "stride", *headings, "pixels"):
        table.add_column(name, justify="right" if name not in ("", "family") else "left")
    table.add_column("SE")
    table.add_column("hidden")
    sizes = [str(size) for size in map_sizes(architecture, image_size=image_size)]
    sizes = sizes or [""] * (len(architecture.stages) + 1)
    stem = ["", str(architecture.stem.width), str(architecture.stem.stride)]
    table.add_row("stem", *([""] * len(several)), *stem, *([""] * len(headings)), sizes[0], "", "")
    stages = zip(architecture.stages, architecture.blocks(), sizes[1:], strict=True)
    for number, (stage, blocks, size) in enumerate(stages, start=1):
        for family, (name, *cells) in _stage_rows(number, stage, blocks, headings, size):
            table.add_row(name, *([family] if several else []), *cells)
    return table


def _stage_rows(
    number: int, stage: Stage, blocks: Sequence[BlockShape], headings: Sequence[str], size: str
) -> Iterator[tuple[str, list[str]]]:
    """The family and the cells of each segment. Only the first segment has the number of the stage, and only the last
    has the side of its map."""
    rest = list(blocks)
    for index, segment in enumerate(stage.segments):
        own, rest = rest[: segment.depth], rest[segment.depth :]
        columns = segment.block.columns(segment.width)
        token = format_tokens(segment.se)
        hidden = _runs([str(block.se.hidden) if block.se else "-" for block in own])
        yield (
            segment.block.name,
            [
                f"stage {number}" if index == 0 else "",
                str(segment.depth),
                str(own[-1].width_out),
                str(segment.stride),
                *(columns.get(heading, "") for heading in headings),
                "" if rest else size,
                token,
                hidden if token != NONE else "",
            ],
        )


def _runs(cells: Sequence[str]) -> str:
    """The cells, where equal neighbours stand once with their number.

    >>> _runs(["26", "52", "52"])
    '26, 52 ×2'
    """
    runs = [(cell, len(list(run))) for cell, run in groupby(cells)]
    return ", ".join(cell if count == 1 else f"{cell} ×{count}" for cell, count in runs)
