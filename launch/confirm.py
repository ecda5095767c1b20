"""How sure is a search's front? Train it again on fresh seeds: `python launch/confirm.py RUN_DIR --seeds 3`."""

from se_nas.process.command_line import parse_flags, run

PROG = "confirm.py"


def main() -> None:
    """Check, then confirm."""
    from se_nas.commands.search.request import ConfirmRequest

    request = parse_flags(ConfirmRequest, prog=PROG)
    request.check()

    from rich.console import Console

    from se_nas.commands.confirm import confirm

    confirm(request, Console())


if __name__ == "__main__":
    run(main, prog=PROG)
