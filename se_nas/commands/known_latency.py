"""The latency table of a space: measured with a progress bar, described in lines, and kept in a run folder."""

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from se_nas.commands.preflight import DrawnNetworks
from se_nas.process.invocation import invocation
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import SearchConfig
from se_nas.space.design_space import DesignSpace
from se_nas.tracking.console import line_printer
from se_nas.training.known_latency.measuring import find_parts, measure_table
from se_nas.training.known_latency.runtimes import OnRound
from se_nas.training.known_latency.table import LatencyTable
from se_nas.training.known_latency.table_file import load_kept_table

NEARLY_ALL = 0.995
"""A table that covers at least this fraction of a space's networks gets no warning."""


def measure_for(
    space: DesignSpace, *, runtime: str, batch: int, threads: int, classes: int, image_size: int, console: Console
) -> LatencyTable:
    """Measure the table of a space. The terminal shows a progress bar, and then what was measured."""
    with _progress(console) as on_round:
        found = find_parts(space, image_size=image_size, num_classes=classes)
        table = measure_table(
            found,
            runtime=runtime,
            batch=batch,
            threads=threads,
            classes=classes,
            image_size=image_size,
            on_round=on_round,
        )
    print_line = line_printer(console)
    if found.covered < NEARLY_ALL:
        print_line(
            f"warning   the latency table has all parts of about {found.covered:.0%} of this space's networks; the "
            "search proposes no others"
        )
    return table


def kept_table(folder: RunFolder, config: SearchConfig) -> LatencyTable | None:
    """The table in a run folder; None if the search has none. InputError if it is missing or damaged."""
    return load_kept_table(folder.latency_table, config.latency_table) if config.latency_table else None


def latency_lines(table: LatencyTable | None) -> Iterator[str]:
    """A line on the table, if there is one, and a warning about a table of the first format."""
    if table is None:
        return
    error = (
        "" if table.correction.error is None else f", error {table.correction.error:.1%} on {table.networks} networks"
    )
    yield f"latency   from a table of {len(table.milliseconds):,} parts: {table.setting.title}{error}"
    if table.correction.attention is None:
        yield (
            "warning   this table is of the first format, which predicts about half of SE's slowdown; "
            f"`{invocation('latency')}` measures another for a new search"
        )


def uncovered_lines(drawn: DrawnNetworks) -> Iterator[str]:
    """A line on drawn networks that the table does not cover, if there are any."""
    if drawn.unknown:
        yield (
            f"warning   {len(drawn.unknown)} of {drawn.draws} drawn networks have a part that the table lacks, so the "
            f"search proposes none like them: {drawn.unknown[0]}"
        )


@contextlib.contextmanager
def _progress(console: Console) -> Iterator[OnRound]:
    """A function that moves a progress bar, which disappears at the end. Without a terminal there is no bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("measuring latency", total=None)
        yield lambda done, rounds: progress.update(task, completed=done, total=rounds)
