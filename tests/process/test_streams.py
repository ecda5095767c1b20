"""Whatever the standard streams are, a script does its work and ends with the same exit code."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

ALL = "print('· 4 ± 0.1 – π é 😀'); print(chr(0xDCFF)); Path('done').touch()"
"""Prints characters that encodings lack. The last one is from a file name that is not UTF-8."""


def program(main: str, folder: Path) -> list[str]:
    """The command that runs a script with this `main` (one line), which is written to the folder."""
    lines = (
        "import os, sys, time",
        "from pathlib import Path",
        "from se_nas.process.command_line import run",
        "from se_nas.errors import InputError",
        "def main():",
        f"    {main}",
        "run(main, prog='script')",
    )
    (folder / "script.py").write_text("\n".join(lines), encoding="utf-8")
    return [sys.executable, str(folder / "script.py")]


def shell(main: str, redirections: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the script in a shell with its streams redirected or closed."""
    call = ["sh", "-c", f'exec "$@" {redirections}', "sh", *program(main, folder)]
    return subprocess.run(call, cwd=folder, capture_output=True, text=True, timeout=800)


@pytest.mark.parametrize(
    ("settings", "printed"),
    [
        ({"PYTHONIOENCODING": "ascii"}, b". 4 +/- 0.1 - \\u03c0 \\xe9 \\U0001f600\n\\udcff\n"),
        (
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            b". 4 +/- 0.1 - \\u03c0 \\xe9 \\U0001f600\n\\udcff\n",
        ),
        ({"PYTHONIOENCODING": "latin-1"}, b"\xb7 4 \xb1 0.1 - \\u03c0 \xe9 \\U0001f600\n\\udcff\n"),
        ({"PYTHONIOENCODING": "cp1252"}, b"\xb7 4 \xb1 0.1 \x96 \\u03c0 \xe9 \\U0001f600\n\\udcff\n"),
        ({"PYTHONIOENCODING": "cp437"}, b"\xfa 4 \xf1 0.1 - \xe3 \x82 \\U0001f600\n\\udcff\n"),
        ({"PYTHONIOENCODING": "ascii:strict"}, b". 4 +/- 0.1 - \\u03c0 \\xe9 \\U0001f600\n\\udcff\n"),
        ({"PYTHONUTF8": "1"}, "· 4 ± 0.1 – π é 😀\n\\udcff\n".encode()),
    ],
    ids=["ascii", "C", "latin-1", "cp1252", "cp437", "strict", "UTF-8"],
)
def test_a_character_that_the_encoding_lacks_is_printed_as_a_plain_one(
    tmp_path: Path, settings: dict[str, str], printed: bytes
) -> None:
    environment = {**{name: value for name, value in os.environ.items() if name[:2] != "LC"}, **settings}

    done = subprocess.run(program(ALL, tmp_path), cwd=tmp_path, env=environment, capture_output=True, timeout=800)

    assert (done.returncode, done.stdout, done.stderr) == (0, printed, b"")


@pytest.mark.parametrize(
    "closed", [">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&-", "<&- >&- 2>&-", ">&- 2>/dev/full", "2>/dev/full"]
)
def test_a_script_whose_streams_are_closed_does_its_work(tmp_path: Path, closed: str) -> None:
    done = shell(ALL, closed, tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "done").exists()


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_no_file_gets_the_number_of_a_closed_stream(tmp_path: Path, closed: str) -> None:
    opened = "file = open('record', 'w'); os.write(1, b'printed by a library'); file.write('mine'); file.close()"

    done = shell(opened, closed, tmp_path)

    assert done.returncode == 0
    assert (tmp_path / "record").read_text() == "mine"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "2>/dev/full", "<&- >&- 2>&-"])
def test_bad_input_is_exit_code_2_with_any_streams(tmp_path: Path, closed: str) -> None:
    done = shell("raise InputError('wrong')", closed, tmp_path)

    assert done.returncode == 2
    assert done.stderr in ("", "script: wrong\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has this device")
def test_output_to_a_full_disk_does_not_end_a_script_and_is_reported_at_the_end(tmp_path: Path) -> None:
    done = shell("[print(n, flush=True) for n in range(3)]; Path('done').touch()", ">/dev/full", tmp_path)

    assert (tmp_path / "done").exists()
    assert done.returncode == 3
    assert done.stderr == (
        "script: some of its output could not be written (No space left on device); everything else is done\n"
    )


def test_a_lost_terminal_does_not_end_a_script_under_nohup(tmp_path: Path) -> None:
    """The script waits until its terminal is closed, and then prints."""
    waits = (
        "Path('in').touch(); [time.sleep(0.01) for _ in iter(lambda: Path('closed').exists(), True)]; "
        "print('· anybody?', flush=True); Path('done').touch()"
    )
    ours, its = pty.openpty()
    ignoring = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *program(waits, tmp_path)]
    script = subprocess.Popen(ignoring, cwd=tmp_path, stdin=its, stdout=its, stderr=its, start_new_session=True)
    os.close(its)
    while not (tmp_path / "in").exists():
        assert script.poll() is None
    os.close(ours)
    (tmp_path / "closed").touch()

    assert script.wait(120) == 0
    assert (tmp_path / "done").exists()


def test_a_closed_terminal_ends_a_script_like_any_signal(tmp_path: Path) -> None:
    waits = "Path('in').touch(); time.sleep(120)"
    _, file = program(waits, tmp_path)
    heeding = (
        f"import runpy, signal; signal.signal(1, signal.SIG_DFL); runpy.run_path({file!r})"  # unlike `nohup pytest`
    )
    script = subprocess.Popen([sys.executable, "-c", heeding], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "in").exists():
        assert script.poll() is None
    script.send_signal(1)  # SIGHUP
    _, told = script.communicate(timeout=800)

    assert (script.returncode, told) == (
        129,
        "script: ended by signal 1 (SIGHUP: the terminal was closed)\n",
    )


def test_a_pipe_that_another_program_made_non_blocking_gets_all_output(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    script = subprocess.Popen(
        program("print('x' * 300_000)", tmp_path), cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE
    )
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        got = pipe.read()
    _, told = script.communicate(timeout=800)

    assert (script.returncode, told, len(got)) == (0, b"", 300_001)


def test_output_that_nobody_reads_gives_exit_code_141(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        program(ALL, tmp_path), cwd=tmp_path, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=800
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (141, "script: nobody reads its output\n")


def test_error_output_that_nobody_reads_does_not_change_the_exit_code(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(program("raise InputError('wrong')", tmp_path), cwd=tmp_path, stderr=writing, timeout=800)
    os.close(writing)

    assert done.returncode == 2


def test_native_errors_go_into_a_file_and_those_of_python_are_shown(tmp_path: Path) -> None:
    main = (
        "from se_nas.process.streams import native_errors_to; "
        "context = native_errors_to(Path('errors')); context.__enter__(); "
        "os.write(2, b'native\\n'); print('of Python', file=sys.stderr); context.__exit__(None, None, None); "
        "os.write(2, b'native again\\n')"
    )

    done = shell(main, "", tmp_path)

    assert (done.returncode, done.stderr) == (0, "of Python\nnative again\n")
    assert (tmp_path / "errors").read_text() == "native\n"
