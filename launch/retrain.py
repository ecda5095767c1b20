"""Retrain the winner of a search: `python launch/retrain.py RUN_DIR --pick knee`."""

from se_nas.process.command_line import parse_flags, run

PROG = "retrain.py"


def main() -> None:
    """Check, then retrain."""
    from se_nas.commands.retrain.request import RetrainRequest

    request = parse_flags(RetrainRequest, prog=PROG)
    request.check()

    from rich.console import Console

    from se_nas.commands.retrain.retrain import retrain

    retrain(request, Console())


if __name__ == "__main__":
    run(main, prog=PROG)
