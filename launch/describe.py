"""Show a network and its cost: `python launch/describe.py RUN_DIR:knee`."""

from se_nas.command_line import parse_flags, run
from se_nas.experiment.request import DescribeRequest

PROG = "describe.py"


def main(request: DescribeRequest) -> None:
    """Check, then describe."""
    request.check()

    from rich.console import Console

    from se_nas.experiment.describe import describe

    describe(request, Console())


if __name__ == "__main__":
    run(lambda: main(parse_flags(DescribeRequest, prog=PROG)), prog=PROG)
