"""Say what image files show: `python launch/predict.py RUN_DIR/retrain/NAME IMAGE ...`."""

from se_nas.process.command_line import parse_flags, run

PROG = "predict.py"


def main() -> None:
    """Check, then predict."""
    from se_nas.commands.retrain.request import PredictRequest

    request = parse_flags(PredictRequest, prog=PROG)
    request.check()

    from rich.console import Console

    from se_nas.commands.predict import predict

    predict(request, Console(), Console(stderr=True))


if __name__ == "__main__":
    run(main, prog=PROG)
