"""Scripts in odd surroundings: without their streams, in a locale of ASCII, on Windows, beside their like."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.name for path in (ROOT / "launch").glob("*.py"))
IN_C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture
def search(space_file: Path, data_file: Path) -> list[str]:
    """The command of a search of two short trials."""
    flags = ["--data", f"npz:{data_file}", "--epochs", "1", "--budget", "2", "--workers", "1", "--wandb", "off"]
    return [sys.executable, str(ROOT / "launch" / "search.py"), "--space", str(space_file), *flags]


def run_in_shell(
    call: list[str], redirections: str, folder: Path, **settings: str
) -> subprocess.CompletedProcess[bytes]:
    shell = ["sh", "-c", f'exec "$@" {redirections}', "sh", *call]
    return subprocess.run(shell, cwd=folder, env={**os.environ, **settings}, capture_output=True, timeout=800)


@pytest.mark.parametrize("script", SCRIPTS)
def test_windows_is_refused_in_a_line_before_anything_is_imported(script: str, tmp_path: Path) -> None:
    program = (
        "import sys, runpy\n"
        "import se_nas, typing, traceback, threading, atexit, select, signal, dataclasses\n"
        "sys.platform = 'win32'\n"
        f"sys.argv = ['{script}', '--help']\n"
        f"runpy.run_path({str(ROOT / 'launch' / script)!r}, run_name='__main__')\n"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=800)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"{script}: se-nas runs on Linux and macOS")


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_is_printed_in_ascii_where_there_is_nothing_else(script: str, tmp_path: Path) -> None:
    call = [sys.executable, str(ROOT / "launch" / script), "--help"]

    done = run_in_shell(call, "", tmp_path, PYTHONIOENCODING="ascii", **IN_C)

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    assert b"usage:" in done.stdout


def test_a_search_without_any_stream_leaves_its_results(search: list[str], tmp_path: Path) -> None:
    done = run_in_shell([*search, "--run", "run"], "<&- >&- 2>&-", tmp_path)

    assert done.returncode == 0
    assert {"trials.csv", "front.json", "report.html"} <= {path.name for path in (tmp_path / "run").iterdir()}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has this device")
def test_a_search_whose_log_is_on_a_full_disk_leaves_its_results(search: list[str], tmp_path: Path) -> None:
    done = run_in_shell([*search, "--run", "run"], ">/dev/full", tmp_path)

    assert done.returncode == 3
    assert done.stderr.startswith(b"search.py: some of its output could not be written (No space left on device)")
    assert {"trials.csv", "front.json", "report.html"} <= {path.name for path in (tmp_path / "run").iterdir()}


@pytest.mark.slow
def test_a_search_in_a_locale_of_ascii_prints_plain_signs(search: list[str], tmp_path: Path) -> None:
    done = run_in_shell([*search, "--run", "run"], "", tmp_path, **IN_C)

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()
    assert b"SE by stage: . none, else its ratio" in done.stdout


@pytest.mark.slow
def test_one_of_two_searches_gets_a_folder_and_the_other_is_refused_in_a_line(
    search: list[str], tmp_path: Path
) -> None:
    pipe = subprocess.PIPE
    calls = [[*search, "--run", "run", "--seed", seed] for seed in ("1", "2")]
    both = [subprocess.Popen(call, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True) for call in calls]
    told = [process.communicate(timeout=800)[1] for process in both]

    assert sorted(process.returncode for process in both) == [0, 2]
    refused = next(index for index, process in enumerate(both) if process.returncode == 2)
    assert told[refused].count("\n") == 1
    assert "another command is writing here" in told[refused] or "already there and not empty" in told[refused]
    winner = "2" if refused == 0 else "1"
    assert f"\nseed: {winner}\n" in (tmp_path / "run" / "config.yaml").read_text()
