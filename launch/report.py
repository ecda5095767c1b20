"""Write the report of a run folder anew: `python launch/report.py RUN_DIR`."""

from se_nas.command_line import parse_flags, run
from se_nas.experiment.request import ReportRequest

PROG = "report.py"


def main(request: ReportRequest) -> None:
    """Read the study, write page and tables."""
    from rich.console import Console

    from se_nas.experiment.reporting import load_progress, write_report
    from se_nas.experiment.run_folder import RunFolder
    from se_nas.tracking.console import plain_teller

    folder = RunFolder.open(request.run_dir)
    config, progress = load_progress(folder)
    folder.write_tables(progress)
    problems = write_report(folder, config, progress).problems
    tell = plain_teller(Console())
    for line in [*problems, f"report    {folder.report}"]:
        tell(line)


if __name__ == "__main__":
    run(lambda: main(parse_flags(ReportRequest, prog=PROG)), prog=PROG)
