"""Prints one network: stages, SE and cost."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from se_nas.commands.describe.flags import DescribeRequest
from se_nas.commands.run_loading import find_trial
from se_nas.costs import format_cost, measured_among
from se_nas.models.cost import map_sizes, measure_cost
from se_nas.space.architecture import Architecture
from se_nas.space.architecture_file import load_architecture
from se_nas.space.attention.tokens import NONE

IMAGE_SIZE, CLASSES = 224, 1000


def describe(request: DescribeRequest, console: Console) -> None:
    """Print the network that `request` names."""
    found = _find(request.network)
    image_size, classes = request.image_size or found.image_size, request.classes or found.classes
    architecture = load_architecture(found.path)
    counted = measure_cost(architecture, image_size=image_size, num_classes=classes).as_dict()
    measured = found.measured if (image_size, classes) == (found.image_size, found.classes) else {}
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
    """An architecture file, the size and the classes of its images, and the costs that a search has measured on it."""

    path: Path
    image_size: int
    classes: int
    measured: Mapping[str, float]


def _find(network: str) -> Found:
    """The architecture file that the text `network` names, with its images and measured costs."""
    path = Path(network)
    if path.is_dir() or (":" in network and not path.is_file()):
        folder, config, _, record = find_trial(network)
        return Found(
            path=folder.architecture(record.number),
            image_size=config.image_size,
            classes=config.classes,
            measured={name: record.cost[name] for name in measured_among(record.cost)},
        )
    return Found(path=path, image_size=IMAGE_SIZE, classes=CLASSES, measured={})


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
    """The stem and the stages. A network of several families has a column for the family, and each family has its own
    columns."""
    families = {stage.block.name for stage in architecture.stages}
    own = [stage.block.columns(stage.width) for stage in architecture.stages]
    headings = list(dict.fromkeys(heading for cells in own for heading in cells))
    sizes = [str(size) for size in map_sizes(architecture, image_size=image_size)]
    table = Table(box=None, padding=(0, 2, 0, 0))
    several = ["family"] if len(families) > 1 else []
    for name in ("", *several, "depth", "width", "stride", *headings, "pixels"):
        table.add_column(name, justify="right" if name not in ("", "family") else "left")
    table.add_column("SE")
    table.add_column("hidden")
    blank = [""] * len(headings)
    stem = ["", str(architecture.stem_width), str(architecture.stem_stride)]
    table.add_row("stem", *([""] * len(several)), *stem, *blank, sizes[0], "", "")
    stages = zip(architecture.stages, architecture.blocks(), own, sizes[1:], strict=True)
    for number, (stage, blocks, cells, size) in enumerate(stages, start=1):
        hidden = ", ".join(str(block.se.hidden) if block.se else "-" for block in blocks)
        table.add_row(
            f"stage {number}",
            *([stage.block.name] if several else []),
            str(stage.depth),
            str(blocks[-1].width_out),
            str(stage.stride),
            *(cells.get(heading, "") for heading in headings),
            size,
            stage.se_token,
            hidden if stage.se_token != NONE else "",
        )
    return table
