"""Show a network and its cost: `python launch/describe.py RUN_DIR:knee`."""

from se_nas.process.command_line import parse_flags, run

PROG = "describe.py"


def main() -> None:
    """Check, then describe."""
    from se_nas.commands.search.request import DescribeRequest

    request = parse_flags(DescribeRequest, prog=PROG)
    request.check()

    from rich.console import Console

    from se_nas.commands.describe import describe

    describe(request, Console())


if __name__ == "__main__":
    run(main, prog=PROG)
