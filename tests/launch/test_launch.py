"""The scripts as users call them: in processes of their own."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from PIL import Image

from tests.conftest import LaunchHere
from tests.processes import is_trainer, left_behind

ROOT = Path(__file__).parents[2]


def command(script: str, *arguments: object) -> list[str]:
    return [sys.executable, str(ROOT / "launch" / script), *map(str, arguments)]


def launch(script: str, *arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "COLUMNS": "120"}
    return subprocess.run(
        command(script, *arguments), cwd=cwd, env=environment, capture_output=True, text=True, timeout=800
    )


def trial_rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open() as file:
        return list(csv.DictReader(file))


def settled_rows(folder: Path) -> dict[str, dict[str, str]]:
    """Each trial's row without the accuracy that a stopped one is expected to reach, which later trials change."""
    return {row["trial"]: {key: row[key] for key in row if key != "expected_accuracy"} for row in trial_rows(folder)}


@pytest.fixture
def flags(space_file: Path, data_file: Path) -> list[object]:
    return ["--space", space_file, "--data", f"npz:{data_file}", "--epochs", 4, "--wandb", "off"]


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "launch").glob("*.py")))
def test_help_answers_without_slow_imports(script: str, tmp_path: Path) -> None:
    probe = (
        "import runpy, sys\n"
        f"sys.argv = ['{script}', '--help']\n"
        "try:\n"
        f"    runpy.run_path({str(ROOT / 'launch' / script)!r}, run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "slow = {'torch', 'ray', 'optuna', 'wandb', 'plotly', 'numpy', 'filelock', 'yaml'} & set(sys.modules)\n"
        "assert not slow, slow\n"
    )

    done = subprocess.run([sys.executable, "-c", probe], cwd=tmp_path, capture_output=True, text=True, timeout=800)

    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_the_main_command_searches_the_digits_that_are_embedded(tmp_path: Path) -> None:
    done = launch("search.py", "--budget", 3, "--epochs", 1, "--workers", 1, "--wandb", "offline", cwd=tmp_path)

    (run,) = (tmp_path / "runs").iterdir()
    assert (done.returncode, done.stderr) == (0, "")
    assert len(trial_rows(run)) == 3
    assert list(run.glob("wandb/offline-run-*"))


def test_search_retrain_report_describe_is_one_road(
    tmp_path: Path, flags: list[object], launch_here: LaunchHere
) -> None:
    """The search is a process of its own. The others run in this process."""
    run = tmp_path / "run"

    searched = launch("search.py", "--budget", 5, "--workers", 2, "--confirm", "--run", run, *flags, cwd=tmp_path)
    described = launch_here("describe.py", f"{run}:knee", "--json")
    retrained = launch_here("retrain.py", run, "--pick", "knee", "--epochs", 2, "--wandb", "off")
    confirmed = launch_here("confirm.py", run, "--wandb", "off")
    ablated = launch_here("ablate.py", f"{run}:knee", "--seeds", 2, "--workers", 1, "--wandb", "offline")
    (target,) = (run / "retrain").iterdir()
    Image.new("RGB", (9, 12), "white").save(tmp_path / "white.png")
    exported = launch_here("export.py", target)
    predicted = launch_here("predict.py", target, tmp_path / "white.png", "--json")
    (run / "report.html").unlink()
    reported = launch_here("report.py", run)

    for done in (searched, described, retrained, confirmed, ablated, exported, predicted, reported):
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert sum(Counter(row["state"] for row in trial_rows(run)).values()) == 5
    picked = json.loads((run / "front.json").read_text())["picks"]["knee"]
    knee = json.loads(described.stdout)
    assert all(picked[name] == knee[name] for name in ("fingerprint", "flops", "params", "activations"))
    assert "Test accuracy on 40 images" in retrained.stdout
    assert "epoch    2/2" in retrained.stdout
    assert "Confirmed on fresh seeds" in searched.stdout
    assert searched.stdout.endswith(confirmed.stdout)  # nothing was trained again
    assert "What SE is worth in trial" in ablated.stdout
    assert f"wandb sync {run}/wandb/offline-run-*" in ablated.stdout
    assert list(run.glob("wandb/offline-run-*-ablate-*"))
    assert (target / "model.onnx").is_file()
    assert json.loads(predicted.stdout)["classes"][0]["name"] == "1"  # the brighter class
    page = (run / "report.html").read_text()
    assert "How sure is it?" in page
    assert "What is SE worth?" in page


def test_two_processes_retrain_one_network(searched: Path, tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    script = [str(ROOT / "launch" / "retrain.py"), str(searched), "--epochs", "2", "--wandb", "off"]

    done = subprocess.run([*torchrun, *script], cwd=tmp_path, capture_output=True, text=True, timeout=800)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch    2/2") == 1
    assert done.stdout.count("Test accuracy on 40 images") == 1
    (target,) = (searched / "retrain").iterdir()
    assert {file.name for file in target.iterdir()} == {
        "README.md",
        "architecture.yaml",
        "result.json",
        "weights.safetensors",
    }


def wait_for_trials(folder: Path, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 800
    while len(list(folder.glob("trials/*/result.json"))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def worker_of(search: subprocess.Popen[str]) -> psutil.Process:
    """A process that trains; Ray names it so while it does."""
    while search.poll() is None:
        for process in psutil.Process(search.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if is_trainer(process):
                    return process
    raise AssertionError(search.communicate())


@pytest.mark.parametrize(
    ("sent", "code", "workers"),
    [
        (signal.SIGTERM, 143, 1),
        pytest.param(signal.SIGINT, 130, 2, marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, 130, 1, marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, 143, 2, marks=pytest.mark.slow),
    ],
)
def test_a_search_that_is_told_to_stop_says_how_to_resume_and_does(
    tmp_path: Path, flags: list[object], launch_here: LaunchHere, sent: signal.Signals, code: int, workers: int
) -> None:
    run = tmp_path / "run"
    started = subprocess.Popen(
        command(
            "search.py",
            "--budget",
            30,
            "--workers",
            workers,
            "--run",
            run,
            *flags[:4],
            "--epochs",
            80,
            "--wandb",
            "off",
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_trials(run, 2, started)

    started.send_signal(sent)
    _, told = started.communicate(timeout=800)
    finished = settled_rows(run)
    budget = max(5, len(finished) + int(workers))  # a trial of each worker may have been cut off
    resumed = launch_here("search.py", "--resume", run, "--budget", budget, "--workers", 1, "--wandb", "off")

    assert started.returncode == code, told
    assert told.count("\n") == 1
    assert f"--resume {run}" in told
    assert resumed.returncode == 0, resumed.stderr
    after = settled_rows(run)
    assert len(after) == budget
    assert {number: after[number] for number in finished} == finished


@pytest.mark.slow
def test_a_killed_driver_loses_nothing_finished_and_leaves_nobody_training(tmp_path: Path, flags: list[object]) -> None:
    run = tmp_path / "run"
    started = subprocess.Popen(
        command(
            "search.py", "--budget", 30, "--workers", 2, "--run", run, *flags[:4], "--epochs", 80, "--wandb", "off"
        ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    wait_for_trials(run, 3, started)
    children = psutil.Process(started.pid).children(recursive=True)

    started.kill()
    started.wait()
    results = {path: path.read_bytes() for path in run.glob("trials/*/result.json")}
    resumed = launch("search.py", "--resume", run, "--budget", 9, "--workers", 2, "--wandb", "off", cwd=tmp_path)

    assert resumed.returncode == 0, resumed.stderr
    assert all(path.read_bytes() == content for path, content in results.items())
    assert len(trial_rows(run)) == 9
    assert all(row["state"] in ("complete", "pruned", "failed") for row in trial_rows(run))
    assert not left_behind(children)


def test_a_killed_worker_costs_one_repetition(tmp_path: Path, flags: list[object]) -> None:
    run = tmp_path / "run"
    started = subprocess.Popen(
        command("search.py", "--budget", 6, "--workers", 2, "--run", run, *flags[:4], "--epochs", 60, "--wandb", "off"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for_trials(run, 1, started)

    worker_of(started).kill()
    said, told = started.communicate(timeout=800)

    assert started.returncode == 0, told
    assert "(raylet)" not in said  # what Ray says of it, in colours
    rows = trial_rows(run)
    assert [row["trial"] for row in rows] == [str(number) for number in range(6)]
    assert all(row["state"] in ("complete", "pruned") for row in rows)


BAD_CALLS = [
    (["search.py", "--budgt", "3"], "--budget"),
    (["search.py", "--budget", "many"], "--budget"),
    (["search.py", "--budget", "0"], "--budget 0: must be at least 1"),
    (["search.py", "--budget", "-5"], "--budget"),
    (["search.py", "--epochs", "0"], "--epochs 0: must be at least 1"),
    (["search.py", "--workers", "0"], "--workers 0: must be at least 1"),
    (["search.py", "--gpus-per-trial", "-1"], "--gpus-per-trial -1"),
    (["search.py", "--gpus-per-trial", "nan"], "--gpus-per-trial nan"),
    (["search.py", "--gpus-per-trial", "99"], "GPUs that torch can use"),
    (["search.py", "--strategy", "tpee"], "did you mean tpe?"),
    (["search.py", "--objectives", "accuracy,flop"], "did you mean flops?"),
    (["search.py", "--objectives", "flops"], "expected accuracy and one or two costs"),
    (["search.py", "--wandb", "maybe"], "--wandb"),
    (["search.py", "--space", "nowhere.yaml"], "nowhere.yaml: no such file, and no such name in search_spaces"),
    (["search.py", "--space", "."], "cannot be read"),
    (["search.py", "--data", "digit"], "did you mean digits?"),
    (["search.py", "--data", "npz:nowhere.npz"], "no such file"),
    (["search.py", "--data", "imagefolder:nowhere"], "no such folder"),
    (["search.py", "--resume", "nowhere"], "nowhere: not the run folder of a search (no such folder)"),
    (["search.py", "--resume", "nowhere", "--run", "x"], "--run x: belongs to a new search"),
    (["search.py", "--run", "full"], "full: already there and not empty"),
    (["search.py", "extra"], "extra"),
    (["retrain.py"], "RUN_DIR"),
    (["retrain.py", "nowhere"], "not the run folder of a search"),
    (["export.py", "nowhere"], "nowhere: no retrained network; expected a folder RUN_DIR/retrain/NAME"),
    (["predict.py", "nowhere", "image.png"], "nowhere: no retrained network"),
    (["predict.py", "nowhere"], "name one or more image files"),
    (["report.py", "nowhere"], "not the run folder of a search"),
    (["describe.py", "nowhere.yaml"], "cannot be read"),
    (["describe.py", "x.yaml", "--image-size", "100000"], "--image-size 100000: must be 1 to 4,096"),
    (["search.py", "--data", "npz:~nobody-here/x.npz"], "home directory"),
    (["describe.py", "nowhere:knee"], "not the run folder of a search"),
    (["describe.py", "."], "a folder; say which of its networks"),
]


@pytest.mark.parametrize(("call", "expected"), BAD_CALLS, ids=[" ".join(call) for call, _ in BAD_CALLS])
def test_bad_input_is_one_line_and_exit_code_2(
    call: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, launch_here: LaunchHere
) -> None:
    """The scripts are run in this process, since each of its own would import torch."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    monkeypatch.chdir(tmp_path)

    done = launch_here(*call)

    assert done.returncode == 2
    assert (done.stdout, done.stderr.count("\n")) == ("", 1), done.stderr
    assert expected in done.stderr


def test_bad_input_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = launch("search.py", "--address", "127.0.0.1:1", cwd=tmp_path)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "--address 127.0.0.1:1: cannot be reached" in done.stderr
