"""Write the report of a run folder anew: `python launch/report.py RUN_DIR`."""

from se_nas.process.command_line import parse_flags, run

PROG = "report.py"


def main() -> None:
    """Read the study, write page and tables."""
    from se_nas.commands.search.request import ReportRequest

    request = parse_flags(ReportRequest, prog=PROG)

    from rich.console import Console

    from se_nas.commands.reporting import load_progress, write_report
    from se_nas.errors import RunFailedError
    from se_nas.runs.lock import in_turn
    from se_nas.runs.run_folder import RunFolder
    from se_nas.tracking.console import plain_teller
    from se_nas.wording import counted

    folder = RunFolder.open(request.run_dir)
    with in_turn(folder.path):
        config, progress = load_progress(folder)
        folder.write_tables(progress)
        report = write_report(folder, config, progress)
    tell = plain_teller(Console())
    for line in report.lines:
        tell(line)
    if report.not_drawn:
        raise RunFailedError(
            f"{folder.path}: {counted(len(report.not_drawn), 'part')} of the report could not be drawn"
        )


if __name__ == "__main__":
    run(main, prog=PROG)
