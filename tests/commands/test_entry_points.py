"""`se-nas COMMAND` and `python launch/COMMAND.py` are the same commands."""

import contextlib
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from se_nas.commands.entry_points import COMMANDS
from se_nas.errors import InputError
from se_nas.process.invocation import SCRIPTS, invocation
from se_nas.shipped_files import given_or_shipped, shipped
from se_nas.space.files.loading import load_design_space

ROOT = Path(__file__).parents[2]


def console(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `se-nas` with these arguments."""
    program = "import sys; sys.argv[0] = 'se-nas'; from se_nas.commands.entry_points import main; main()"
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)


def test_each_launch_script_is_a_command() -> None:
    assert set(COMMANDS) == {path.stem for path in (ROOT / "launch").glob("*.py")}


@pytest.mark.parametrize("asked", [(), ("--help",), ("-h",)])
def test_without_a_command_the_commands_are_listed(asked: tuple[str, ...]) -> None:
    done = console(*asked)

    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"\n  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("serch",), "se-nas: serch: there is no such command; did you mean search?\n"),
        (
            ("search", "--budgt", "3"),
            "se-nas search: Unrecognized options: --budgt, 3 (did you mean --budget?); see --help\n",
        ),
        (("report", "nowhere"), "se-nas report: nowhere: not the run folder of a search (no such folder)\n"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_command(arguments: tuple[str, ...], line: str) -> None:
    done = console(*arguments)

    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


MISTAKES = {
    ("search", "--budgt", "3"): "search.py: Unrecognized options: --budgt, 3 (did you mean --budget?); see --help",
    ("search", "runs/x"): "search.py: Unrecognized options: runs/x; see --help",
    ("search", "--budget", "x"): "search.py: --budget x: expected a number; see --help",
    ("search", "--cache", ""): "search.py: --cache: expected a value, but got an empty text; see --help",
    ("search", "--run="): "search.py: --run: expected a value, but got an empty text; see --help",
    ("predict", ""): "predict.py: an argument is empty; see --help",
    ("confirm", "--wandb", "maybe"): "confirm.py: invalid choice 'maybe' for argument '--wandb'. Expected one of",
    ("ablate",): "ablate.py: Missing from ablate.py: NETWORK",
}
"""Command lines with a mistake, and how the line begins that names it."""


@pytest.mark.parametrize("place", ["pipe", "terminal", "ASCII terminal"])
def test_a_mistake_is_one_plain_line_wherever_it_is_printed(place: str) -> None:
    for (name, *arguments), line in MISTAKES.items():
        said = told(name, *arguments, place=place)
        assert said.count("\n") == 1, said
        assert said.startswith(line), said


def told(name: str, *arguments: str, place: str) -> str:
    """What a script says of its command line, which has a mistake, in a pipe or in a terminal."""
    environment = {**os.environ, "TERM": "xterm-256color"}
    if place == "ASCII terminal":
        environment["PYTHONIOENCODING"] = "ascii"
    command = [sys.executable, str(SCRIPTS / f"{name}.py"), *arguments]
    if place == "pipe":
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
        assert done.returncode == 2
        return done.stdout + done.stderr
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        said = b""
        with contextlib.suppress(OSError):  # Linux reports the end of a terminal as an error
            while piece := os.read(ours, 4096):
                said += piece
        os.close(ours)
    assert process.returncode == 2
    return said.decode().replace("\r\n", "\n")


def test_the_help_names_the_command_as_it_was_called() -> None:
    done = console("describe", "--help")

    assert done.returncode == 0
    assert done.stdout.startswith("usage: se-nas describe ")


def test_messages_name_the_command_as_the_user_called_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["launch/search.py"])
    assert invocation("search") == "python launch/search.py"

    monkeypatch.setattr(sys, "argv", ["/home/me/env/bin/se-nas", "search"])
    assert invocation("search") == "se-nas search"

    monkeypatch.setattr(sys, "argv", ["notebook"])
    monkeypatch.setattr("se_nas.process.invocation.SCRIPTS", tmp_path)
    assert invocation("search") == "se-nas search"


@pytest.mark.parametrize("given", ["cifar", "cifar.yaml", "search_spaces/cifar.yaml"])
def test_a_space_that_comes_with_se_nas_is_found_by_its_name(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    found = given_or_shipped(Path(given), "search_spaces")

    assert found == shipped("search_spaces", "cifar.yaml")
    assert load_design_space(found).name == "cifar"


@pytest.mark.parametrize("given", ["own.yaml", "folder/cifar.yaml", "/cifar.yaml"])
def test_an_own_file_and_a_path_elsewhere_stay_as_they_are(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.yaml").touch()

    assert given_or_shipped(Path(given), "search_spaces") == Path(given)


@pytest.mark.parametrize("given", ["cifr", "cifr.yaml", "search_spaces/cifr.yaml"])
def test_an_unknown_name_gets_a_suggestion(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InputError, match=f"{given}: no such file, and no such name in search_spaces; .*cifar"):
        given_or_shipped(Path(given), "search_spaces")


def test_an_unknown_recipe_gets_the_names_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(InputError, match="known: fast, long, strong"):
        given_or_shipped(Path("nope"), "recipes")
