"""Search where Squeeze-and-Excitation pays: `python launch/search.py --budget 200`."""

from se_nas.process.command_line import parse_flags, run

PROG = "search.py"


def main() -> None:
    """Start or resume, and confirm if asked to."""
    from se_nas.commands.search.request import SearchRequest, confirmation_of

    request = parse_flags(SearchRequest, prog=PROG)
    request.check()

    from rich.console import Console

    from se_nas.commands.search.search import resume_search, start_search

    console = Console()
    run_dir = request.resume
    if run_dir is not None:
        resume_search(run_dir, request, console)
    else:
        run_dir = start_search(request, console)
    if request.confirm and run_dir is not None:
        from se_nas.commands.confirm import confirm

        confirm(confirmation_of(run_dir, request), console)


if __name__ == "__main__":
    run(main, prog=PROG)
