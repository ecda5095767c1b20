"""Say what image files show: `python launch/predict.py RUN_DIR/retrain/NAME IMAGE ...`."""

from se_nas.command_line import parse_flags, run
from se_nas.experiment.retrained_request import PredictRequest

PROG = "predict.py"


def main(request: PredictRequest) -> None:
    """Check, then predict."""
    request.check()

    from rich.console import Console

    from se_nas.experiment.predict import predict

    predict(request, Console(), Console(stderr=True))


if __name__ == "__main__":
    run(lambda: main(parse_flags(PredictRequest, prog=PROG)), prog=PROG)
