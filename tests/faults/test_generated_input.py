"""Two hundred generated command lines. Each is accepted, or refused with one line, and never with a traceback."""

from random import Random
from typing import Any

import pytest

from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.confirm.flags import ConfirmRequest
from se_nas.commands.describe.flags import DescribeRequest
from se_nas.commands.export.flags import ExportRequest
from se_nas.commands.predict.flags import PredictRequest
from se_nas.commands.report.flags import ReportRequest
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.search.flags import SearchRequest
from se_nas.errors import InputError
from se_nas.process.command_line import parse_flags

REQUESTS: list[Any] = [
    SearchRequest,
    ConfirmRequest,
    AblateRequest,
    ReportRequest,
    DescribeRequest,
    RetrainRequest,
    ExportRequest,
    PredictRequest,
]
FLAGS = [
    "--budget",
    "--space",
    "--data",
    "--epochs",
    "--strategy",
    "--objectives",
    "--run",
    "--resume",
    "--seed",
    "--workers",
    "--gpus-per-trial",
    "--address",
    "--epoch-limit",
    "--wandb",
    "--wandb-trials",
    "--confirm",
    "--dry-run",
    "--seeds",
    "--most-seeds",
    "--networks",
    "--pick",
    "--max-flops",
    "--max-params",
    "--max-latency",
    "--recipe",
    "--baselines",
    "--image-size",
    "--classes",
    "--json",
    "--top",
    "--help",
    "-h",
    "--budgt",
    "--sead",
    "--Workers",
    "--",
    "-",
    "--=3",
    "--budget=3",
    "--no-confirm",
    "--json=yes",
    "--wandb=offline",
]
PLAIN = [
    "1",
    "3",
    "0",
    "-1",
    "1e3",
    "1.5",
    "nan",
    "inf",
    "-inf",
    "99999999999999999999",
    "0x10",
    "١",
    "true",
    "none",
    "auto",
    "x",
    "runs/x",
    ".",
    "/",
    "~",
    "~nobody/x",
    "accuracy,flops",
    "latency",
    "knee",
    "120M",
    "12Q",
    "npz:",
    "npz:x",
    "imagefolder:",
    "digits",
    "../../..",
    "*",
    "$HOME",
    "`id`",
    ";",
    "|",
    "&",
    "\\",
    "'",
    '"',
]
ODD = [
    "",
    " ",
    "\x1b[31mred\x1b[0m",
    "<script>alert(1)</script>",
    "\u202egnp.exe",
    "a" * 5000,
    "line\nbreak",
    "[bold]",
    "{}",
    "é",
]
VALUES = [*PLAIN, *ODD]


def command_line(seed: int) -> tuple[Any, list[str]]:
    rng = Random(seed)
    words = [rng.choice(FLAGS if rng.random() < 0.5 else VALUES) for _ in range(rng.randint(0, 8))]
    return rng.choice(REQUESTS), words


@pytest.mark.parametrize("first", range(0, 200, 20))
def test_a_generated_command_line_is_accepted_or_refused_with_one_line(
    first: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(first, first + 20):
        request, words = command_line(seed)
        monkeypatch.setattr("sys.argv", ["launch", *words])
        code, told = 0, ""
        try:
            asked = parse_flags(request, prog="launch")
            if hasattr(asked, "check"):
                asked.check()
        except InputError as error:
            code, told = 2, f"{error}\n"
        except SystemExit as end:
            code = int(end.code or 0)
            told = capsys.readouterr().err

        assert code in (0, 2), (words, code)
        if code == 2:
            assert len(told.rstrip("\n").splitlines()) == 1, (words, told)
            assert "Traceback" not in told
            assert "\x1b" not in told, (words, told)
        capsys.readouterr()
