"""The latency table of a new search: a file that the user names, or measured before the search."""

import shlex
from dataclasses import dataclass, replace

from rich.console import Console

from se_nas.commands.known_latency import measure_for
from se_nas.commands.search.flags import SearchRequest
from se_nas.data.image_data import ImageData
from se_nas.errors import InputError
from se_nas.process.invocation import invocation
from se_nas.searching.objectives import Objectives
from se_nas.space.design_space import DesignSpace
from se_nas.training.devices.device import pick_device
from se_nas.training.known_latency.table import LatencyTable
from se_nas.training.known_latency.table_file import load_table, table_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenTable:
    """The table of a new search, the content of its file, and the objectives that it makes known before training."""

    table: LatencyTable
    content: bytes
    objectives: Objectives


def choose_table(
    request: SearchRequest, objectives: Objectives, space: DesignSpace, data: ImageData, console: Console
) -> ChosenTable | None:
    """The table that a request names, or a table that is measured now; None if nothing needs one.

    A dry run measures none. InputError if the named table does not fit the images.
    """
    wanted = objectives.tabled_among(dict.fromkeys([*objectives.costs, *space.bounds]))
    if request.latency_table is not None:
        if not wanted:
            reason = "the trials measure it" if objectives.left_to_trials else "no objective and no bound needs it"
            raise InputError(f"--latency-table {request.latency_table}: {reason}; use --objectives accuracy,latency")
        table, content = load_table(request.latency_table)
        if (difference := table.difference(image_size=data.image_size, num_classes=data.classes)) is not None:
            raise InputError(f"--latency-table {request.latency_table}: measured {difference}; {_cure(request, data)}")
    elif wanted and not request.dry_run:
        on_gpu = pick_device(use_gpu=request.gpus_per_trial != 0).type == "cuda"
        table = measure_for(
            space,
            runtime="cuda" if on_gpu else "eager",
            batch=1,
            threads=1,
            classes=data.classes,
            image_size=data.image_size,
            console=console,
        )
        content = table_text(table).encode()
    else:
        return None
    return ChosenTable(table=table, content=content, objectives=replace(objectives, tabled=wanted))


def _cure(request: SearchRequest, data: ImageData) -> str:
    """The way to a table for these images. `latency` measures none of a user's own network; its search does."""
    if request.own_network is not None:
        return "without the flag, the search measures another"
    chosen = "" if request.space is None else f"--space {shlex.quote(str(request.space))} "
    command = f"{invocation('latency')} {chosen}--image-size {data.image_size} --classes {data.classes}"
    return f"measure another with `{command}`"
