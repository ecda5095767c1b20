"""Write a retrained network for ONNX and for torch alone: `python launch/export.py RUN_DIR/retrain/NAME`."""

from se_nas.process.command_line import parse_flags, run

PROG = "export.py"


def main() -> None:
    """Export."""
    from se_nas.commands.retrain.request import ExportRequest

    request = parse_flags(ExportRequest, prog=PROG)

    from rich.console import Console

    from se_nas.commands.export import export

    export(request, Console())


if __name__ == "__main__":
    run(main, prog=PROG)
