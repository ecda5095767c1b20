"""The command that measures a table."""

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from se_nas.commands.latency.flags import LatencyRequest
from se_nas.commands.latency.latency import measure_latency
from se_nas.errors import InputError, WriteError
from se_nas.training.known_latency.runtimes import RUNTIMES
from se_nas.training.known_latency.table_file import load_table
from tests.commands.conftest import said_on
from tests.fake_runtime import FakeRuntime


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    runtime = FakeRuntime()
    for name in RUNTIMES:
        monkeypatch.setitem(RUNTIMES, name, runtime)  # type: ignore[arg-type]
    return runtime


@pytest.mark.parametrize("name", list(RUNTIMES))
def test_a_table_says_what_it_was_measured_on(name: str, space_file: Path, tmp_path: Path, console: Console) -> None:
    out = tmp_path / "table.json"

    measure_latency(LatencyRequest(space=space_file, out=out, runtime=name, batch=4, threads=2, classes=5), console)  # type: ignore[arg-type]

    setting = load_table(out)[0].setting
    assert (setting.runtime, setting.device, setting.batch, setting.threads) == (name, "a made-up processor", 4, 2)
    assert (setting.classes, setting.image_size) == (5, 8)
    command = f"--space {space_file} --objectives accuracy,latency --latency-table {out}"
    assert "".join(command.split()) in "".join(said_on(console).split())


def test_an_existing_file_is_not_replaced(space_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "table.json"
    out.write_text("precious")

    with pytest.raises(InputError, match=r"--out .*: already there"):
        LatencyRequest(space=space_file, out=out).check()


@pytest.mark.parametrize("name", ["n" * 300 + ".json", "closed/table.json", "taken.json"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(
    space_file: Path, tmp_path: Path, console: Console, runtime: FakeRuntime, name: str
) -> None:
    (tmp_path / "taken.json").mkdir()

    with pytest.raises((InputError, WriteError), match=r"^--out .*: (cannot be written|already there)"):
        measure_latency(LatencyRequest(space=space_file, out=tmp_path / name), console)

    assert runtime.measured == 0


def test_a_file_that_appears_while_measuring_is_not_replaced(
    space_file: Path, tmp_path: Path, console: Console, runtime: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, measure = tmp_path / "table.json", runtime.measure

    def measure_beside(*given: Any, **named: Any) -> Any:
        out.write_text("precious")
        return measure(*given, **named)

    monkeypatch.setattr(runtime, "measure", measure_beside)

    with pytest.raises(WriteError, match="another program wrote this file meanwhile"):
        measure_latency(LatencyRequest(space=space_file, out=out), console)

    assert out.read_text() == "precious"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"batch": 0}, "--batch 0: must be 1 to 4,096"),
        ({"batch": 10**9}, "--batch 1000000000: must be 1 to 4,096"),
        ({"threads": -1}, "--threads -1: must be 1 to 1,024"),
        ({"threads": 100_000}, "--threads 100000: must be 1 to 1,024"),
        ({"image_size": 5000}, "--image-size 5000: must be 1 to 4,096"),
        ({"classes": 0}, "--classes 0: must be 1 to"),
        ({"out": Path("no/such/folder/table.json")}, "there is no folder no/such/folder"),
        ({"run": Path("runs/x"), "out": Path("t.json")}, "--out t.json: cannot be used with --run"),
        ({"run": Path("runs/x"), "runtime": "eager"}, "--runtime eager: cannot be used with --run"),
        ({"run": Path("runs/x"), "batch": 1}, "--batch 1: cannot be used with --run"),
        ({"run": Path("runs/x"), "threads": 4}, "--threads 4: cannot be used with --run"),
        ({"run": Path("runs/x"), "classes": 10}, "--classes 10: cannot be used with --run"),
        ({"own_network": "net.py:build"}, "--network net.py:build: belongs to --run"),
    ],
)
def test_wrong_flags_are_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        LatencyRequest(**wrong).check()  # type: ignore[arg-type]


def test_nothing_is_written_if_the_runtime_lacks_something(
    space_file: Path, tmp_path: Path, console: Console, runtime: FakeRuntime
) -> None:
    runtime.lacks = "ONNX needs onnxruntime: pip install it"

    with pytest.raises(InputError, match="runtime onnx: ONNX needs onnxruntime"):
        measure_latency(LatencyRequest(space=space_file, out=tmp_path / "table.json", runtime="onnx"), console)

    assert not (tmp_path / "table.json").exists()


def test_a_search_without_a_table_has_no_latency_to_check(searched: Path, console: Console) -> None:
    with pytest.raises(InputError, match="has no latency table"):
        measure_latency(LatencyRequest(run=searched), console)
