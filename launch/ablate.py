"""What is SE worth in a network, and where? `python launch/ablate.py RUN_DIR:knee --seeds 5`."""

from se_nas.process.command_line import parse_flags, run

PROG = "ablate.py"


def main() -> None:
    """Check, then ablate."""
    from se_nas.commands.search.request import AblateRequest

    request = parse_flags(AblateRequest, prog=PROG)
    request.check()

    from rich.console import Console

    from se_nas.commands.ablate import ablate

    ablate(request, Console())


if __name__ == "__main__":
    run(main, prog=PROG)
