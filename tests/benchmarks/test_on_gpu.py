"""The script that measures on a GPU: its parts exist, have valid flags, and do not depend on each other."""

import argparse
import importlib
import os
import shlex
import signal
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from se_nas.commands import entry_points
from se_nas.commands.entry_points import COMMANDS
from se_nas.process.command_line import parse_flags

BENCHMARKS, LAUNCH = (Path(__file__).parents[2] / name for name in ("benchmarks", "launch"))
SCRIPT = BENCHMARKS / "on_gpu.sh"
STAND_IN = """\
#!/bin/sh
case "$*" in
    *machine.py*) echo 'device    made up'; echo 'versions  1' ;;
    *roofline.py*) echo 'no figure'; exit 3 ;;
    *) echo "figures of $*" ;;
esac
"""
"""A program that stands in for Python. It knows a machine, and roofline.py fails."""


class FlagsAreValid(Exception):  # noqa: N818 - not an error: it ends a script after its flags
    """The script has read its flags."""


def run(
    out: Path, *flags: str, python: str = "python3", data: str = "npz:images.npz"
) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(SCRIPT), str(out), data, *flags]
    return subprocess.run(
        command, env={**os.environ, "PYTHON": python}, cwd=out.parent, capture_output=True, text=True, timeout=300
    )


def commands(folder: Path, *flags: str) -> dict[str, list[str]]:
    """The command of each part, by the part's name."""
    listed = run(folder / "out", "--list", *flags)
    assert listed.returncode == 0
    return {name: shlex.split(command) for name, command in (line.split("\t") for line in listed.stdout.splitlines())}


def interrupt(folder: Path, stand_in: Path, script: str, stopping: signal.Signals, data: str = "digits") -> str:
    """Send a signal while a script runs. Return what was printed, after checks that all has ended."""
    begun = folder / "begun"
    os.mkfifo(begun)
    hanging = f'case "$*" in *{script}*) echo $$ >{begun}; exec sleep 600 ;; esac'
    stand_in.write_text(STAND_IN.replace("#!/bin/sh", f"#!/bin/sh\n{hanging}"))
    command = ["bash", str(SCRIPT), str(folder / "figures"), data, "--tiny"]
    with subprocess.Popen(
        command, env={**os.environ, "PYTHON": str(stand_in)}, stdout=subprocess.PIPE, text=True
    ) as process:
        sleeping = psutil.Process(int(begun.read_text()))
        process.send_signal(stopping)
        output, _ = process.communicate(timeout=300)
    assert process.returncode == 130
    assert psutil.wait_procs([sleeping], timeout=300)[1] == []
    return output


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    program = tmp_path / "stand-in"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("flags", [(), ("--tiny",)], ids=["gpu", "tiny"])
def test_each_part_is_a_script_that_knows_its_flags(
    tmp_path: Path, flags: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = argparse.ArgumentParser.parse_args

    def read_and_end(parser: argparse.ArgumentParser, args: None = None, namespace: None = None) -> None:
        read(parser, args, namespace)
        raise FlagsAreValid

    def read_request_and_end(request: type[Any], *, prog: str) -> None:
        parse_flags(request, prog=prog).check()
        raise FlagsAreValid

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", read_and_end)
    monkeypatch.setattr(entry_points, "parse_flags", read_request_and_end)
    found = commands(tmp_path, *flags)
    tests = found.pop("tests")
    assert Path(tests[3]).is_dir()
    assert {"sharing_small", "stacked_128", "search", "roofline_1024", "accuracy", "compilation"} <= found.keys()
    assert {"placements", "choice", "story_search", "story_ablate", "story_retrain"} <= found.keys()
    for _python, script, *arguments in found.values():
        folder, name = Path(script).parent, Path(script).stem
        assert folder in (BENCHMARKS, LAUNCH)
        command = importlib.import_module(name).main if folder == BENCHMARKS else partial(COMMANDS[name], name)
        monkeypatch.setattr("sys.argv", [script, *arguments])
        with pytest.raises(FlagsAreValid):
            command()


def test_a_part_that_fails_stops_no_other_and_is_the_only_one_to_run_again(tmp_path: Path, stand_in: Path) -> None:
    out = tmp_path / "figures"
    first = run(out, "--tiny", python=str(stand_in))
    assert first.returncode == 1
    runs = [line.split("\t")[:2] for line in (out / "parts.tsv").read_text().splitlines()]
    assert [name for name, _ in runs] == list(commands(tmp_path, "--tiny"))
    assert [name for name, code in runs if code != "0"] == ["roofline_1024"]
    log = (out / "roofline_1024.log").read_text()
    assert all(text in log for text in ("device    made up", "roofline.py --device cpu", "no figure", "exit code 3"))

    stand_in.write_text(STAND_IN.replace("exit 3", "exit 0"))
    second = run(out, "--tiny", python=str(stand_in))

    assert second.returncode == 0
    again = (out / "parts.tsv").read_text().splitlines()[len(runs) :]
    assert [line.split("\t")[:2] for line in again] == [["roofline_1024", "0"]]
    assert "sharing_small: done before" in second.stdout
    assert (out / "summary.txt").read_text().count("roofline_1024") == 1


def test_a_part_with_other_settings_runs_again(tmp_path: Path, stand_in: Path) -> None:
    run(tmp_path / "figures", "--tiny", python=str(stand_in))

    other = run(tmp_path / "figures", "--tiny", python=str(stand_in), data="digits")

    assert "sharing_small: exit code 0" in other.stdout
    assert "stacked_128: done before" in other.stdout


@pytest.mark.parametrize(
    ("before", "now"), [("device    made up", "device    another card"), ("versions  1", "versions  2")]
)
def test_parts_run_again_on_another_card_and_with_other_versions(
    tmp_path: Path, stand_in: Path, before: str, now: str
) -> None:
    run(tmp_path / "figures", "--tiny", python=str(stand_in))
    stand_in.write_text(stand_in.read_text().replace(before, now))

    other = run(tmp_path / "figures", "--tiny", python=str(stand_in))

    assert "sharing_small: exit code 0" in other.stdout
    assert "done before" not in other.stdout


@pytest.mark.parametrize("kind", ["npz", "imagefolder", "csv", "imagenet", "places365"])
def test_relative_paths_hold_in_the_folder_where_parts_run(tmp_path: Path, stand_in: Path, kind: str) -> None:
    ended = run(tmp_path / "figures", "--tiny", python=f"./{stand_in.name}", data=f"{kind}:some/images")

    assert "sharing_small: exit code 0" in ended.stdout
    assert f"{kind}:{tmp_path}/some/images" in (tmp_path / "figures" / "sharing_small.log").read_text()


@pytest.mark.parametrize("seconds", ["0", "08", "000"])
def test_no_part_begins_after_the_given_seconds(tmp_path: Path, stand_in: Path, seconds: str) -> None:
    ended = run(tmp_path / "figures", "--tiny", "--seconds", seconds, python=str(stand_in))

    assert ended.returncode == 1
    assert not (tmp_path / "figures" / "parts.tsv").exists()
    assert "tests: no time is left" in ended.stdout


@pytest.mark.parametrize("stopping", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_interruption_ends_the_current_part_and_prints_the_summary(
    tmp_path: Path, stand_in: Path, stopping: signal.Signals
) -> None:
    output = interrupt(tmp_path, stand_in, "roofline.py", stopping)

    assert "exit code, seconds" in output
    assert "roofline_1024: exit code 130" in output


def test_a_part_that_was_interrupted_runs_again_even_if_other_data_were_done(tmp_path: Path, stand_in: Path) -> None:
    run(tmp_path / "figures", "--tiny", python=str(stand_in), data="digits")
    whole = stand_in.read_text()
    interrupt(tmp_path, stand_in, "sharing.py", signal.SIGTERM, data="fashion_mnist")
    stand_in.write_text(whole)

    again = run(tmp_path / "figures", "--tiny", python=str(stand_in), data="fashion_mnist")

    assert "sharing_small: exit code 0" in again.stdout
    assert "stacked_128: done before" in again.stdout


def test_a_search_that_was_cut_off_is_resumed(tmp_path: Path, stand_in: Path) -> None:
    story = tmp_path / "figures" / "story"
    story.mkdir(parents=True)

    run(tmp_path / "figures", "--tiny", python=str(stand_in))

    assert f"search.py --resume {story} --workers 1" in (tmp_path / "figures" / "story_search.log").read_text()


def test_a_part_whose_log_has_no_end_runs_again(tmp_path: Path, stand_in: Path) -> None:
    run(tmp_path / "figures", "--tiny", python=str(stand_in))
    log = tmp_path / "figures" / "sharing_small.log"
    log.write_text(log.read_text().partition("exit code")[0])

    again = run(tmp_path / "figures", "--tiny", python=str(stand_in))

    assert "sharing_small: exit code 0" in again.stdout


@pytest.mark.parametrize("arguments", [(), ("only-a-folder",), ("a", "b", "c"), ("a", "b", "--tinny")])
def test_wrong_arguments_print_the_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = subprocess.run(["bash", str(SCRIPT), *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300)

    assert ended.returncode == 2
    assert "OUT_DIR DATA" in ended.stdout
    assert not list(tmp_path.iterdir())


def test_seconds_that_are_no_number_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PART_SECONDS", "10m")

    ended = run(tmp_path / "figures", "--tiny")

    assert ended.returncode == 2
    assert "PART_SECONDS=10m: expected whole seconds" in ended.stderr


def test_a_machine_that_cannot_run_them_is_named_at_once(tmp_path: Path) -> None:
    ended = run(tmp_path / "figures", "--tiny", python="/does/not/exist")

    assert ended.returncode == 1
    assert "/does/not/exist" in ended.stderr
    assert not (tmp_path / "figures" / "parts.tsv").exists()
