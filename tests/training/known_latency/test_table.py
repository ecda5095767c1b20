"""A table predicts the latency of a network from its parts, and says which part it lacks."""

import itertools
import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from se_nas.commands.known_latency import latency_lines
from se_nas.errors import InputError, MissingPartError
from se_nas.models.parts import is_attention, parts_of
from se_nas.space.design_space import Limit
from se_nas.space.placements import without_se
from se_nas.training.known_latency import measuring
from se_nas.training.known_latency.measuring import SpaceParts, find_parts, measure_table
from se_nas.training.known_latency.runtimes import RUNTIMES
from se_nas.training.known_latency.table import Correction, LatencyTable, PartTimes, fitted_correction
from se_nas.training.known_latency.table_file import load_table, parse_table, table_text
from tests.fake_runtime import MICROSECOND, FakeRuntime
from tests.fakes import tiny_architecture, tiny_space


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    runtime = FakeRuntime()
    monkeypatch.setitem(RUNTIMES, "eager", runtime)  # type: ignore[arg-type]
    return runtime


@cache
def found_parts() -> SpaceParts:
    return find_parts(tiny_space(), image_size=8, num_classes=2)


def measured(*, batch: int = 1, threads: int = 1) -> LatencyTable:
    return measure_table(found_parts(), runtime="eager", batch=batch, threads=threads, classes=2, image_size=8)


def test_each_part_of_a_space_is_measured_once_beside_some_whole_networks(runtime: FakeRuntime) -> None:
    found = found_parts()

    table = measure_table(found, runtime="eager", batch=1, threads=1, classes=2, image_size=8)

    assert found.covered > 0.99
    assert len({part.name for part in found.parts}) == len(found.parts) == len(table.milliseconds)
    assert runtime.measured == len(found.parts) + table.networks
    with_se = {network.fingerprint() for network, _ in found.networks}
    plain = {without_se(network).fingerprint() for network, _ in found.networks}
    assert len(with_se) == measuring.NETWORKS
    assert table.networks == len(with_se | plain)


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
    whole = found_parts()
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


TRUNKS = [(0.5,) * 2, (0.5,) * 4, (1.0,) * 3, (1.0,) * 5, (0.5,) * 8, (2.0,) * 2, (0.75,) * 6]
PARTS = [PartTimes(trunk=trunk) for trunk in TRUNKS]


@pytest.mark.parametrize(("constant", "each"), [(0.0, 0.0), (0.0, 0.1), (0.0, -0.1), (0.5, 0.1)])
def test_whole_networks_correct_the_parts(constant: float, each: float) -> None:
    measured = [constant + sum(each + 0.8 * own for own in trunk) for trunk in TRUNKS]

    found = fitted_correction(PARTS, measured)

    assert (found.constant, found.each) == (pytest.approx(constant, abs=1e-4), pytest.approx(each, abs=1e-4))
    assert found.predict(PartTimes(trunk=(1.0, 2.0, 3.0))) == pytest.approx(constant + 3 * each + 4.8, rel=1e-4)


@pytest.mark.parametrize("slower", [0.5, 1.0, 1.3, 2.0])
@pytest.mark.parametrize("trunks", [TRUNKS, TRUNKS[:1]], ids=["many trunks", "one trunk"])
def test_networks_with_and_without_attention_give_attention_its_own_factor(
    trunks: list[tuple[float, ...]], slower: float
) -> None:
    attention = [(), (0.1,), (0.2, 0.1), (0.1, 0.3, 0.2), (0.4,)]
    parts = [PartTimes(trunk=trunk, attention=own) for trunk in trunks for own in attention]

    found = fitted_correction(parts, [0.9 * sum(own.trunk) + slower * sum(own.attention) for own in parts])

    assert found.attention == pytest.approx(slower, rel=1e-3)
    with_attention, without = (found.predict(PartTimes(trunk=trunks[0], attention=own)) for own in [(0.2,), ()])
    assert with_attention - without == pytest.approx(0.2 * slower, rel=1e-3)


def test_attention_that_costs_nothing_in_measured_networks_still_makes_a_network_slower() -> None:
    parts = [*PARTS, *(PartTimes(trunk=trunk, attention=(0.3,)) for trunk in TRUNKS)]

    found = fitted_correction(parts, [sum(own.trunk) for own in parts])

    assert found.predict(PartTimes(trunk=(1.0,), attention=(0.1,))) > found.predict(PartTimes(trunk=(1.0,)))


def test_networks_of_equal_size_give_a_factor_alone() -> None:
    found = fitted_correction([PartTimes(trunk=(0.25,) * 4)] * 6, [2.0, 2.1, 1.9, 2.0, 2.0, 2.0])

    assert (found.constant, found.each) == (0, 0)
    assert found.scale == pytest.approx(2.0, rel=0.05)


def test_too_few_networks_leave_the_plain_sum() -> None:
    few = fitted_correction([PartTimes(trunk=(1.0,)), PartTimes(trunk=(1.0, 1.0))], [5.0, 6.0])

    assert few.predict(PartTimes(trunk=(1.0, 0.5), attention=(0.25,))) == 1.75


@pytest.mark.parametrize("attention", [None, 1.0])
def test_each_part_makes_a_network_slower_also_if_parts_alone_take_longer(attention: float | None) -> None:
    correction = Correction(each=-0.5, attention=attention)

    small = correction.predict(PartTimes(trunk=(1.0,)))
    assert correction.predict(PartTimes(trunk=(1.0, 0.1))) > small
    assert correction.predict(PartTimes(trunk=(1.0,), attention=(0.1,))) > small


def test_a_written_table_is_read_back(runtime: FakeRuntime, tmp_path: Path) -> None:
    table, path = measured(), tmp_path / "table.json"
    path.write_text(table_text(table))

    read, content = load_table(path)

    assert read == table
    assert content == path.read_bytes()


def as_first_format(table: LatencyTable) -> bytes:
    content = json.loads(table_text(table))
    del content["correction"]["attention"]
    content["format"] = "se-nas latency table 1"
    return json.dumps(content).encode()


def test_a_table_of_the_first_format_predicts_attention_as_it_did(runtime: FakeRuntime) -> None:
    table, network = measured(), tiny_architecture()
    content = json.loads(as_first_format(table))
    content["correction"] = {"constant": 0.5, "each": 0.25, "scale": 2.0}
    parts = parts_of(network, image_size=8, num_classes=2)

    old = parse_table(json.dumps(content).encode(), Path("here.json"))

    assert any(is_attention(part.name) for part in parts)
    truth = 0.5 + sum(0.25 + 2.0 * table.milliseconds[part.name] for part in parts)
    assert old.predict(network, image_size=8, num_classes=2) == pytest.approx(truth)
    assert parse_table(table_text(old).encode(), Path("here.json")) == old


def test_only_a_table_of_the_first_format_comes_with_a_warning(runtime: FakeRuntime) -> None:
    table = measured()
    old = parse_table(as_first_format(table), Path("here.json"))

    assert [line[:7] for line in latency_lines(table)] == ["latency"]
    assert [line[:7] for line in latency_lines(old)] == ["latency", "warning"]


@pytest.mark.parametrize("form", [1, 2])
def test_a_factor_for_attention_is_in_each_table_of_the_second_format_and_in_no_other(
    runtime: FakeRuntime, form: int
) -> None:
    content = json.loads(table_text(measured()) if form == 1 else as_first_format(measured()))
    content["format"] = f"se-nas latency table {form}"

    with pytest.raises(InputError, match=r"^here\.json: not a latency table \(correction\.attention: expected in"):
        parse_table(json.dumps(content).encode(), Path("here.json"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff\xfe",
        b'{"format": "another"}',
        b'{"format": "se-nas latency table 1", "setting": {}, "milliseconds": {"stem": 1}}',
        b'{"format": "se-nas latency table 3", "setting": {}, "milliseconds": {"stem": 1}}',
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
        {"constant": 0, "each": 0, "scale": 1, "attention": 1e-323},
    ],
)
def test_a_correction_that_predicts_no_time_above_zero_is_refused(
    runtime: FakeRuntime, correction: dict[str, float]
) -> None:
    content = {**json.loads(table_text(measured())), "correction": {"attention": 1, **correction, "error": None}}

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
