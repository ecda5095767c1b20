"""Writes the tables and the page of a run folder again."""

from pathlib import Path

from rich.console import Console

from se_nas.commands.report.writing import write_report
from se_nas.commands.run_loading import load_progress
from se_nas.errors import RunFailedError
from se_nas.runs.lock import in_turn
from se_nas.runs.run_folder import RunFolder
from se_nas.tracking.console import line_printer
from se_nas.wording import counted


def rewrite_report(run_dir: Path, console: Console) -> None:
    """Write the tables and the page of a run folder again. RunFailedError if a part could not be drawn."""
    folder = RunFolder.open(run_dir)
    with in_turn(folder.path):
        config, progress = load_progress(folder)
        folder.write_tables(progress)
        report = write_report(folder, config, progress)
    print_line = line_printer(console)
    for line in report.lines:
        print_line(line)
    if report.not_drawn:
        raise RunFailedError(
            f"{folder.path}: {counted(len(report.not_drawn), 'part')} of the report could not be drawn"
        )
