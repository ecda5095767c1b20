"""Search where Squeeze-and-Excitation pays: `python launch/search.py --budget 200`."""

from se_nas.command_line import parse_flags, run
from se_nas.experiment.request import SearchRequest

PROG = "search.py"


def main(request: SearchRequest) -> None:
    """Start or resume."""
    request.check()

    from rich.console import Console

    from se_nas.experiment.search import resume_search, start_search

    if request.resume is not None:
        resume_search(request.resume, request, Console())
    else:
        start_search(request, Console())


if __name__ == "__main__":
    asked = parse_flags(SearchRequest, prog=PROG)
    run(lambda: main(asked), prog=PROG)
