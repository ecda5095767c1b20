"""Measures a latency table, or the front of a search on the runtime of its table."""

import shlex
from pathlib import Path

from rich.console import Console

from se_nas.commands.known_latency import kept_table, latency_lines, measure_for
from se_nas.commands.latency.claimed_file import claimed, refuse_if_taken
from se_nas.commands.latency.flags import DEFAULT_SPACE, LatencyRequest
from se_nas.commands.latency.front import measure_front
from se_nas.commands.own_network import allow_network
from se_nas.commands.pretraining import kept_weights, with_weights
from se_nas.commands.report.writing import write_report
from se_nas.commands.run_loading import load_progress
from se_nas.errors import InputError
from se_nas.files import write_atomically
from se_nas.process.invocation import invocation
from se_nas.runs.latency_file import write_latencies
from se_nas.runs.lock import in_turn
from se_nas.runs.run_folder import RunFolder
from se_nas.shipped_files import given_or_shipped
from se_nas.space.files.loading import load_design_space, load_stored_space
from se_nas.tracking.console import line_printer
from se_nas.training.known_latency.table_file import table_text


def measure_latency(request: LatencyRequest, console: Console) -> None:
    """Write the table that `request` describes; or measure the front of its run, and write the page again."""
    if request.run is not None:
        _measure_run(request.run, request, console)
        return
    space = load_design_space(given_or_shipped(request.space or DEFAULT_SPACE, "search_spaces"))
    with claimed(request.table_path):
        table = measure_for(
            space,
            runtime=request.runtime or "eager",
            batch=request.batch or 1,
            threads=request.threads or 1,
            classes=request.classes or 10,
            image_size=request.image_size or space.image_size,
            console=console,
        )
        refuse_if_taken(request.table_path)
        write_atomically(request.table_path, table_text(table))
    print_line = line_printer(console)
    for line in latency_lines(table):
        print_line(line)
    chosen = [] if request.space is None else ["--space", str(request.space)]
    flags = shlex.join([*chosen, "--objectives", "accuracy,latency", "--latency-table", str(request.table_path)])
    print_line(f"search    {invocation('search')} {flags}")


def _measure_run(path: Path, request: LatencyRequest, console: Console) -> None:
    folder = RunFolder.open(path)
    allow_network(request.own_network, folder)
    config, progress = load_progress(folder)
    table = kept_table(folder, config)
    if table is None:
        raise InputError(f"--run {path}: this search has no latency table, so it predicted no latency")
    if not progress.front.members:
        raise InputError(f"--run {path}: no network is trained in full yet, so there is no front to measure")
    space = with_weights(load_stored_space(folder.space), kept_weights(folder, config))
    check = measure_front(progress.front, space, table)
    with in_turn(folder.path):
        write_latencies(folder, check)
        report = write_report(folder, config, progress)
    print_line = line_printer(console)
    for network in check.networks:
        print_line(
            f"trial {network.trial}: predicted {network.predicted:.3g} ms, measured {network.measured:.3g} ms "
            f"({network.error:+z.1%})"
        )
    for line in report.lines:
        print_line(line)
