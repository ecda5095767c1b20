"""The entry points of the commands. Each reads its flags, checks them, and only then imports what it needs.

`python launch/NAME.py` and `se-nas NAME` are the same command.
"""

import sys
from collections.abc import Callable
from typing import NoReturn

from se_nas.errors import InputError
from se_nas.process.command_line import parse_flags, run
from se_nas.process.invocation import CONSOLE
from se_nas.wording import suggest


def search(prog: str) -> None:
    """Start or resume a search, and confirm its front if asked to."""
    from se_nas.commands.confirm.flags import confirmation_of
    from se_nas.commands.search.flags import SearchRequest

    request = parse_flags(SearchRequest, prog=prog)
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
        from se_nas.commands.confirm.confirm import confirm as confirm_front

        confirm_front(confirmation_of(run_dir, request), console)


def confirm(prog: str) -> None:
    """Train the front of a search again on fresh seeds."""
    from se_nas.commands.confirm.flags import ConfirmRequest

    request = parse_flags(ConfirmRequest, prog=prog)
    request.check()

    from rich.console import Console

    from se_nas.commands.confirm.confirm import confirm as confirm_front

    confirm_front(request, Console())


def ablate(prog: str) -> None:
    """Measure what SE is worth in a network, stage by stage."""
    from se_nas.commands.ablate.flags import AblateRequest

    request = parse_flags(AblateRequest, prog=prog)
    request.check()

    from rich.console import Console

    from se_nas.commands.ablate.ablate import ablate as ablate_network

    ablate_network(request, Console())


def supernet(prog: str) -> None:
    """Train one network that is every placement of SE, and read them all from it."""
    from se_nas.commands.supernet.flags import SupernetRequest

    request = parse_flags(SupernetRequest, prog=prog)
    request.check()

    from rich.console import Console

    from se_nas.commands.supernet.supernet import supernet as train_supernet

    train_supernet(request, Console())


def describe(prog: str) -> None:
    """Print the stages, the SE and the cost of a network."""
    from se_nas.commands.describe.flags import DescribeRequest

    request = parse_flags(DescribeRequest, prog=prog)
    request.check()

    from rich.console import Console

    from se_nas.commands.describe.describe import describe as describe_network

    describe_network(request, Console())


def latency(prog: str) -> None:
    """Measure a latency table on the machine that will run the network."""
    from se_nas.commands.latency.flags import LatencyRequest

    request = parse_flags(LatencyRequest, prog=prog)
    request.check()

    from rich.console import Console

    from se_nas.commands.latency.latency import measure_latency

    measure_latency(request, Console())


def retrain(prog: str) -> None:
    """Retrain networks of a search in full."""
    from se_nas.commands.retrain.flags import RetrainRequest

    request = parse_flags(RetrainRequest, prog=prog)
    request.check()

    from rich.console import Console

    from se_nas.commands.retrain.retrain import retrain as retrain_networks

    retrain_networks(request, Console())


def export(prog: str) -> None:
    """Write a retrained network as ONNX, in int8 too, as torch's .pt2, or for Hugging Face."""
    from se_nas.commands.export.flags import ExportRequest

    request = parse_flags(ExportRequest, prog=prog)
    request.check()

    from rich.console import Console

    from se_nas.commands.export.export import export as export_network

    export_network(request, Console())


def predict(prog: str) -> None:
    """Print the classes that a retrained network sees in image files."""
    from se_nas.commands.predict.flags import PredictRequest

    request = parse_flags(PredictRequest, prog=prog)
    request.check()

    from rich.console import Console

    from se_nas.commands.predict.predict import predict as predict_images

    predict_images(request, Console(), Console(stderr=True))


def detect(prog: str) -> None:
    """Train a detector on the trunk of a retrained network."""
    from se_nas.commands.detect.flags import DetectRequest

    request = parse_flags(DetectRequest, prog=prog)
    request.check()

    from rich.console import Console

    from se_nas.commands.detect.detect import detect as train_detectors

    train_detectors(request, Console())


def report(prog: str) -> None:
    """Write the tables and the page of a run folder again."""
    from se_nas.commands.report.flags import ReportRequest

    request = parse_flags(ReportRequest, prog=prog)

    from rich.console import Console

    from se_nas.commands.report.report import rewrite_report

    rewrite_report(request.run_dir, Console())


COMMANDS: dict[str, Callable[[str], None]] = {
    "search": search,
    "confirm": confirm,
    "ablate": ablate,
    "supernet": supernet,
    "describe": describe,
    "latency": latency,
    "retrain": retrain,
    "export": export,
    "predict": predict,
    "detect": detect,
    "report": report,
}


def run_script(command: str) -> NoReturn:
    """Run a command as its launch script does, and exit with its code."""
    prog = f"{command}.py"
    run(lambda: COMMANDS[command](prog), prog=prog)


def main() -> NoReturn:
    """Run `se-nas COMMAND ...` and exit with its code."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in COMMANDS:
        prog = f"{CONSOLE} {name}"
        del sys.argv[1]
        run(lambda: COMMANDS[name](prog), prog=prog)
    run(lambda: _help_or_refuse(name), prog=CONSOLE)


def _help_or_refuse(name: str) -> None:
    if name not in ("-h", "--help", "help", "--version"):
        raise InputError(f"{name}: there is no such command; {suggest(name, COMMANDS)}")
    if name == "--version":
        from se_nas import __version__

        print(f"se-nas {__version__}")  # noqa: T201
        return
    width = max(map(len, COMMANDS))
    print("se-nas COMMAND ...; `se-nas COMMAND --help` lists the flags of a command\n")  # noqa: T201
    for each, command in COMMANDS.items():
        print(f"  {each:<{width}}  {(command.__doc__ or '').strip()}")  # noqa: T201
