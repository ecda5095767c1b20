"""A table predicts the latency of a network from its parts, and says which part it lacks."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from se_nas.errors import InputError, MissingPartError
from se_nas.space.design_space import Limit
from se_nas.space.placements import without_se
from se_nas.training.known_latency import measuring
from se_nas.training.known_latency.measuring import find_parts, measure_table
from se_nas.training.known_latency.runtimes import RUNTIMES
from se_nas.training.known_latency.table import Correction, LatencyTable, fitted_correction
from se_nas.training.known_latency.table_file import load_table, parse_table, table_text
from tests.fake_runtime import MICROSECOND, FakeRuntime
from tests.fakes import tiny_architecture, tiny_space


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    runtime = FakeRuntime()
    monkeypatch.setitem(RUNTIMES, "eager", runtime)  # type: ignore[arg-type]
    return runtime


def measured(*, batch: int = 1, threads: int = 1) -> LatencyTable:
    found = find_parts(tiny_space(), image_size=8, num_classes=2)
    return measure_table(found, runtime="eager", batch=batch, threads=threads, classes=2, image_size=8)


def test_each_part_of_a_space_is_measured_once_beside_some_whole_networks(runtime: FakeRuntime) -> None:
    found = find_parts(tiny_space(), image_size=8, num_classes=2)

    table = measure_table(found, runtime="eager", batch=1, threads=1, classes=2, image_size=8)

    assert found.covered > 0.99
    assert len({part.name for part in found.parts}) == len(found.parts) == len(table.milliseconds)
    assert runtime.measured == len(found.parts) + measuring.NETWORKS


@pytest.mark.parametrize("batch", [1, 4])
def test_the_sum_predicts_each_network_of_the_space_for_one_image(runtime: FakeRuntime, batch: int) -> None:
    table = measured(batch=batch)
    space = tiny_space()
    network = space.decode({name: decision.sample(measuring.Random(3)) for name, decision in space.decisions.items()})

    predicted = table.predict(network, image_size=8, num_classes=2)

    truth = 1000 * runtime._seconds(measuring.build_initial_model(network, num_classes=2, seed=0).eval())
    assert predicted == pytest.approx(truth, rel=0.02)


def test_a_network_is_slower_with_se_than_without(runtime: FakeRuntime) -> None:
    table, space = measured(), tiny_space()
    networks = [space.decode(space.sample(measuring.Random(seed))) for seed in range(30)]

    with_se = [network for network in networks if without_se(network) != network]

    assert with_se
    for network in with_se:
        plain = table.predict(without_se(network), image_size=8, num_classes=2)
        assert table.predict(network, image_size=8, num_classes=2) > plain


@pytest.mark.parametrize(
    ("size", "classes", "missing"), [(16, 2, "stem .* on 3x16x16"), (8, 3, "head .*3.* on "), (8, 2, "block .*")]
)
def test_a_part_that_was_not_measured_is_named(runtime: FakeRuntime, size: int, classes: int, missing: str) -> None:
    with pytest.raises(MissingPartError, match=f"^the latency table has no {missing}"):
        measured().predict(
            tiny_architecture(width=48 if missing.startswith("block") else 8), image_size=size, num_classes=classes
        )


def test_a_runtime_that_lacks_something_is_refused_with_what_to_do(runtime: FakeRuntime) -> None:
    runtime.lacks = "it needs a package: install it"

    with pytest.raises(InputError, match=r"^runtime eager: it needs a package: install it$"):
        measured()


def test_the_threads_reach_the_runtime(runtime: FakeRuntime) -> None:
    measured(threads=3)

    assert runtime.threads == [3]


def test_the_search_for_parts_ends_at_its_time_and_says_how_much_it_covers(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 1.0, 2.0, *[1e9] * 9])

    found = find_parts(tiny_space(), image_size=8, num_classes=2, clock=lambda: next(times))

    assert found.covered < 1
    assert 0 < len(found.networks) <= 3


@pytest.mark.parametrize("allowed_in", [50, 400])
def test_networks_that_break_the_bounds_do_not_end_the_search_for_parts(
    monkeypatch: pytest.MonkeyPatch, allowed_in: int
) -> None:
    whole = find_parts(tiny_space(), image_size=8, num_classes=2)
    allowed = list(itertools.islice(measuring._draws(tiny_space(), image_size=8, num_classes=2), 300))
    rare = (drawn if index == 0 else None for drawn in itertools.cycle(allowed) for index in range(allowed_in))
    monkeypatch.setattr(measuring, "_draws", lambda *_, **__: rare)

    found = find_parts(tiny_space(), image_size=8, num_classes=2, clock=lambda: 0.0)

    assert {part.name for part in found.parts} == {part.name for part in whole.parts}
    assert found.covered > 0.99


def test_bounds_that_no_network_keeps_end_the_search_for_parts() -> None:
    impossible = replace(tiny_space(), bounds={"flops": Limit(high=1)})

    with pytest.raises(InputError, match="no drawn network keeps its bounds at 8 px"):
        find_parts(impossible, image_size=8, num_classes=2, clock=lambda: 0.0)


PARTS = [[0.5] * 2, [0.5] * 4, [1.0] * 3, [1.0] * 5, [0.5] * 8, [2.0] * 2, [0.75] * 6]


@pytest.mark.parametrize(("constant", "each"), [(0.0, 0.0), (0.0, 0.1), (0.0, -0.1), (0.5, 0.1)])
def test_whole_networks_correct_the_parts(constant: float, each: float) -> None:
    measured = [constant + sum(each + 0.8 * own for own in parts) for parts in PARTS]

    found = fitted_correction(PARTS, measured)

    assert (found.constant, found.each) == (pytest.approx(constant, abs=1e-4), pytest.approx(each, abs=1e-4))
    assert found.predict([1.0, 2.0, 3.0]) == pytest.approx(constant + 3 * each + 4.8, rel=1e-4)


def test_networks_of_equal_size_give_a_factor_alone() -> None:
    found = fitted_correction([[0.25] * 4] * 6, [2.0, 2.1, 1.9, 2.0, 2.0, 2.0])

    assert (found.constant, found.each) == (0, 0)
    assert found.scale == pytest.approx(2.0, rel=0.05)


def test_too_few_networks_leave_the_plain_sum() -> None:
    assert fitted_correction([[1.0], [1.0, 1.0]], [5.0, 6.0]).predict([1.0, 0.5]) == 1.5


def test_each_part_makes_a_network_slower_also_if_parts_alone_take_longer() -> None:
    correction = Correction(each=-0.5)

    assert correction.predict([1.0, 0.1]) > correction.predict([1.0])


def test_a_written_table_is_read_back(runtime: FakeRuntime, tmp_path: Path) -> None:
    table, path = measured(), tmp_path / "table.json"
    path.write_text(table_text(table))

    read, content = load_table(path)

    assert read == table
    assert content == path.read_bytes()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff\xfe",
        b'{"format": "another"}',
        b'{"format": "se-nas latency table 1", "setting": {}, "milliseconds": {"stem": 1}}',
    ],
)
def test_a_file_that_is_no_table_is_refused_with_its_name(content: bytes) -> None:
    with pytest.raises(InputError, match=r"^here\.json: not a latency table \("):
        parse_table(content, Path("here.json"))


@pytest.mark.parametrize("value", ["0", "-1", "1e999", '"fast"', "null"])
def test_a_part_without_a_time_above_zero_is_refused(runtime: FakeRuntime, value: str) -> None:
    text = table_text(measured())
    name = next(iter(measured().milliseconds.values()))

    with pytest.raises(InputError, match="not a latency table"):
        parse_table(text.replace(f"{name}", value, 1).encode(), Path("here.json"))


@pytest.mark.parametrize(
    "correction",
    [
        {"constant": 0, "each": 0, "scale": 0},
        {"constant": 0, "each": 0, "scale": 1e-323},
        {"constant": 0, "each": -1e9, "scale": 1e-323},
        {"constant": 1e308, "each": 1e308, "scale": 1e308},
    ],
)
def test_a_correction_that_predicts_no_time_above_zero_is_refused(
    runtime: FakeRuntime, correction: dict[str, float]
) -> None:
    content = {**json.loads(table_text(measured())), "correction": {**correction, "error": None}}

    with pytest.raises(InputError, match=r"^here\.json: not a latency table \(correction"):
        parse_table(json.dumps(content).encode(), Path("here.json"))


@pytest.mark.parametrize("setting", ["batch", "threads"])
def test_a_setting_beyond_its_limit_is_refused(runtime: FakeRuntime, setting: str) -> None:
    content = json.loads(table_text(measured()))
    content["setting"][setting] = 10**9

    with pytest.raises(InputError, match=rf"^here\.json: not a latency table \(setting\.{setting}: "):
        parse_table(json.dumps(content).encode(), Path("here.json"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_table(tmp_path / "none.json")


def test_the_fake_clock_is_in_milliseconds(runtime: FakeRuntime) -> None:
    assert min(measured().milliseconds.values()) >= 1000 * MICROSECOND
