"""A search whose latency comes from a table: known before training, bounded, kept in the run folder."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import nn

from se_nas.commands.latency.flags import LatencyRequest
from se_nas.commands.latency.latency import measure_latency
from se_nas.commands.report.report import rewrite_report
from se_nas.commands.run_loading import load_progress
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.search import resume_search, start_search
from se_nas.errors import InputError
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import load_config, write_config
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.training.known_latency.runtimes import RUNTIMES
from se_nas.training.known_latency.table_file import load_table
from se_nas.training.measurements import MEASUREMENTS
from tests.commands.conftest import said_on
from tests.fake_runtime import FakeRuntime

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture(autouse=True)
def _without_paper_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("se_nas.report.figures.paper.paper_figures", lambda *_: {})


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    runtime = FakeRuntime()
    monkeypatch.setitem(RUNTIMES, "eager", runtime)  # type: ignore[arg-type]
    monkeypatch.setitem(RUNTIMES, "cuda", runtime)  # type: ignore[arg-type]
    return runtime


@pytest.fixture
def request_small(request_tiny: SearchRequest) -> SearchRequest:
    return replace(request_tiny, epochs=1, objectives="accuracy,latency")


def refuse_to_measure(
    models: Sequence[nn.Module], *, image_size: int, device: torch.device
) -> Sequence[Sequence[float]]:
    raise AssertionError("a trial measured its latency")


def seven_milliseconds(
    models: Sequence[nn.Module], *, image_size: int, device: torch.device
) -> Sequence[Sequence[float]]:
    return [[7.0] * 9 for _ in models]


def records_of(run: Path) -> list[TrialRecord]:
    return list(load_progress(RunFolder.open(run))[1].records)


def resumed(request: SearchRequest, console: Console, budget: int) -> list[TrialRecord]:
    run = request.run
    assert run is not None
    again = replace(request, run=None, space=None, objectives=None, latency_table=None, resume=run, budget=budget)
    resume_search(run, again, console)
    return records_of(run)


def test_each_trial_knows_its_latency_from_the_table_and_none_measures_it(
    request_small: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MEASUREMENTS, "latency", refuse_to_measure)

    start_search(request_small, console)

    run = request_small.run
    assert run is not None
    table, _ = load_table(run / "latency_table.json")
    folder = RunFolder.open(run)
    for record in records_of(run):
        predicted = table.predict(folder.load_network(record), image_size=8, num_classes=2)
        assert record.cost["latency"] == pytest.approx(predicted)
    front = json.loads((run / "front.json").read_text())
    assert front["objectives"] == ["accuracy", "latency"]
    assert 0 < front["reference"][1] < 2 * max(record.cost["latency"] for record in records_of(run))
    assert "latency   from a table of" in said_on(console)


@pytest.mark.usefixtures("with_figures")
def test_the_page_shows_the_predicted_beside_the_measured_latency_of_the_front(
    request_small: SearchRequest, console: Console
) -> None:
    start_search(request_small, console)

    run = request_small.run
    assert run is not None
    written = json.loads((run / "latency.json").read_text())
    members = {record.number for record in load_progress(RunFolder.open(run))[1].front.members}
    assert {network["trial"] for network in written["networks"]} == members
    assert "Is the latency right?" in (run / "report.html").read_text()
    (run / "latency.json").write_text("{}")
    rewrite_report(run, console)
    assert "damaged" in said_on(console)
    assert "Is the latency right?" not in (run / "report.html").read_text()


def test_a_resumed_search_uses_the_kept_table_and_measures_nothing_again(
    request_small: SearchRequest, console: Console, runtime: FakeRuntime
) -> None:
    start_search(request_small, console)
    before = records_of(request_small.run)  # type: ignore[arg-type]
    runtime.lacks = "nothing may be measured"

    records = resumed(request_small, console, budget=12)

    assert records[:10] == before
    assert len(records) == 12
    assert all(record.cost["latency"] > 0 for record in records)


def test_a_bound_on_latency_refuses_networks_before_they_train(
    request_small: SearchRequest, console: Console, space_file: Path, runtime: FakeRuntime
) -> None:
    space_file.write_text(space_file.read_text() + "bounds: {latency: {min: 3.0, max: 6.0}}\n")

    start_search(replace(request_small, objectives="accuracy,flops"), console)

    records = records_of(request_small.run)  # type: ignore[arg-type]
    assert all(3.0 <= record.cost["latency"] <= 6.0 for record in records)
    assert not [record for record in records if "is above" in record.reason or "is below" in record.reason]


@pytest.mark.parametrize("bound", ["max: 0.001", "min: 1000"])
def test_a_bound_that_no_network_keeps_is_refused_with_the_range(
    request_small: SearchRequest, console: Console, space_file: Path, bound: str
) -> None:
    space_file.write_text(space_file.read_text() + f"bounds: {{latency: {{{bound}}}}}\n")

    with pytest.raises(InputError, match=r"keeps its bounds .* and [\d.]+ ms to [\d.]+ ms latency: adapt the bounds"):
        start_search(request_small, console)


def test_latency_equals_measured_is_measured_by_each_trial_without_a_table(
    request_small: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch, runtime: FakeRuntime
) -> None:
    monkeypatch.setitem(MEASUREMENTS, "latency", seven_milliseconds)

    start_search(replace(request_small, objectives="accuracy,latency=measured"), console)

    run = request_small.run
    assert run is not None
    assert {record.cost["latency"] for record in records_of(run)} == {7.0}
    assert runtime.measured == 0
    assert not (run / "latency_table.json").exists()
    assert [record.status for record in resumed(request_small, console, budget=12)].count(TrialStatus.FAILED) == 0


def test_a_folder_of_an_earlier_version_goes_on_measuring(
    request_small: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch, runtime: FakeRuntime
) -> None:
    monkeypatch.setitem(MEASUREMENTS, "latency", seven_milliseconds)
    start_search(replace(request_small, objectives="accuracy,latency=measured"), console)
    folder = RunFolder.open(request_small.run)  # type: ignore[arg-type]
    earlier = load_config(folder).model_copy(update={"objectives": "accuracy,latency"})
    write_config(folder, earlier)

    records = resumed(request_small, console, budget=12)

    assert len(records) == 12
    assert {record.cost["latency"] for record in records} == {7.0}
    assert runtime.measured == 0


@pytest.mark.parametrize("damage", ["changed", "missing", "empty"])
def test_a_kept_table_that_is_not_the_searchs_is_refused(
    request_small: SearchRequest, console: Console, damage: str
) -> None:
    start_search(request_small, console)
    kept = RunFolder(request_small.run).latency_table  # type: ignore[arg-type]
    text = kept.read_text()
    kept.unlink()
    if damage != "missing":
        kept.write_text("" if damage == "empty" else text.replace("a made-up processor", "another"))

    with pytest.raises(InputError, match=r"latency_table\.json: (not the table|cannot be read|not a latency table)"):
        resumed(request_small, console, budget=12)


def measured_table(folder: Path, space: Path, console: Console, *, size: int = 8, classes: int = 2) -> Path:
    path = folder / "table.json"
    measure_latency(LatencyRequest(space=space, out=path, image_size=size, classes=classes), console)
    return path


def test_a_carried_table_is_used_and_copied(
    request_small: SearchRequest, console: Console, space_file: Path, tmp_path: Path, runtime: FakeRuntime
) -> None:
    table = measured_table(tmp_path, space_file, console)
    runtime.device = "the machine that searches"

    start_search(replace(request_small, latency_table=table), console)

    run = request_small.run
    assert run is not None
    assert (run / "latency_table.json").read_bytes() == table.read_bytes()
    assert "a made-up processor" in said_on(console)
    assert not (run / "latency.json").exists()
    assert "measure the front there with: python launch/latency.py --run" in " ".join(said_on(console).split())

    measure_latency(LatencyRequest(run=run), console)
    assert "the front on the machine that searches" in (run / "report.html").read_text()


def test_a_part_of_a_space_that_the_table_lacks_is_named_in_one_line(
    request_small: SearchRequest, console: Console, space_file: Path, tmp_path: Path
) -> None:
    table = measured_table(tmp_path, space_file, console)
    space_file.write_text(space_file.read_text().replace("[16, 24]", "[32, 40]"))

    with pytest.raises(InputError, match=r"^none of 1,000 drawn networks of .* is in the table: the latency .* no "):
        start_search(replace(request_small, latency_table=table), console)


def test_networks_that_the_table_lacks_are_not_proposed_and_a_line_says_so(
    request_small: SearchRequest, console: Console, space_file: Path, tmp_path: Path
) -> None:
    table = measured_table(tmp_path, space_file, console)
    space_file.write_text(space_file.read_text().replace("[16, 24]", "[16, 24, 40]"))

    start_search(replace(request_small, latency_table=table), console)

    assert "drawn networks have a part that the table lacks" in " ".join(said_on(console).split())
    assert {record.assignment["stage2.width"] for record in records_of(request_small.run)} <= {16, 24}  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "classes", "said"), [(16, 2, "at 16 px, .* 8 px"), (8, 5, "for 5 classes, .* 2;")])
def test_a_table_for_other_images_is_refused_with_the_flags_that_fit(
    request_small: SearchRequest, console: Console, space_file: Path, tmp_path: Path, size: int, classes: int, said: str
) -> None:
    table = measured_table(tmp_path, space_file, console, size=size, classes=classes)

    with pytest.raises(InputError, match=f"measured {said}.*--image-size 8 --classes 2"):
        start_search(replace(request_small, latency_table=table), console)


def test_a_search_of_a_users_own_network_measures_the_table_that_fits(
    request_small: SearchRequest, console: Console, space_file: Path, tmp_path: Path
) -> None:
    table, network = measured_table(tmp_path, space_file, console, size=16), tmp_path / "own.py"
    network.write_text(
        "from torch import nn\n"
        "def build(place, num_classes=2):\n"
        "    layers = nn.Conv2d(3, 8, 3), place('first', 8), nn.AdaptiveAvgPool2d(1), nn.Flatten()\n"
        "    return nn.Sequential(*layers, nn.Linear(8, num_classes))\n"
    )
    request = replace(request_small, space=None, own_network=f"{network}:build", latency_table=table)

    with pytest.raises(InputError, match=r"measured at 16 px, .*; without the flag, the search measures another$"):
        start_search(request, console)


@pytest.mark.parametrize("objectives", ["accuracy,flops", "accuracy,latency=measured"])
def test_a_table_that_nothing_needs_is_refused(
    request_small: SearchRequest, console: Console, tmp_path: Path, objectives: str
) -> None:
    with pytest.raises(InputError, match=r"--latency-table .*use --objectives accuracy,latency$"):
        start_search(replace(request_small, objectives=objectives, latency_table=tmp_path / "table.json"), console)


def test_a_dry_run_measures_nothing(request_small: SearchRequest, console: Console, runtime: FakeRuntime) -> None:
    start_search(replace(request_small, dry_run=True), console)

    assert runtime.measured == 0
