"""A made-up measured cost works everywhere, although only its entry and its measurement name it."""

import json
import runpy
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from se_nas.commands.ablate import ablate
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.describe import describe
from se_nas.commands.describe.flags import DescribeRequest
from se_nas.commands.preflight import cost_on, draw_networks
from se_nas.commands.report.report import rewrite_report
from se_nas.commands.retrain import flags, retrain
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.run_loading import load_progress
from se_nas.commands.search.search import start_search
from se_nas.costs import COSTS, counted_names, measured_among
from se_nas.data.sources import load_data
from se_nas.errors import InputError
from se_nas.models.cost import measure_cost
from se_nas.process.command_line import parse_flags
from se_nas.runs.ablation_file import load_ablation
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.searching.surrogate.features import features_of
from se_nas.space.files.loading import load_design_space
from se_nas.training.measurements import MEASUREMENTS
from tests.commands.conftest import rows_of, said_on
from tests.conftest import tiny_request
from tests.contracts.conftest import BUDGET, front_of, measure_energy
from tests.fakes import tiny_architecture


def records_of(run: Path) -> list[TrialRecord]:
    return list(load_progress(RunFolder.open(run))[1].records)


def test_each_measured_cost_has_a_measurement_and_every_other_is_counted() -> None:
    cost = measure_cost(tiny_architecture(), image_size=8, num_classes=2)

    assert set(measured_among(COSTS)) == set(MEASUREMENTS)
    assert list(counted_names()) == list(cost.as_dict())


def test_a_search_measures_it_minimises_it_and_goes_on_after_its_process_died(run: Path) -> None:
    records = records_of(run)
    complete = [record for record in records if record.status is TrialStatus.COMPLETE]

    assert len(records) == BUDGET
    assert not [record for record in records if record.status is TrialStatus.FAILED]
    assert all(record.cost["energy"] == pytest.approx(record.cost["params"] / 1000) for record in records)
    front = front_of(run)
    assert front["objectives"] == ["accuracy", "energy"]
    assert {member["trial"] for member in front["members"]} == {  # type: ignore[index, attr-defined]
        one.number
        for one in complete
        if not any(
            other.accuracy >= one.accuracy  # type: ignore[operator]
            and other.cost["energy"] <= one.cost["energy"]
            and (other.accuracy, other.cost["energy"]) != (one.accuracy, one.cost["energy"])
            for other in complete
        )
    }


def test_the_reference_of_the_hypervolume_is_a_quarter_above_the_largest_drawn_network(run: Path) -> None:
    config, _ = load_progress(RunFolder.open(run))
    data = load_data(config.data, image_size=config.image_size)
    drawn = draw_networks(load_design_space(run / "space.yaml"), data, cost_on(data)).costs
    largest = max(drawn, key=lambda costs: costs["activations"])

    assert front_of(run)["reference"] == [0.0, pytest.approx(1.25 * largest["params"] / 1000)]


def test_it_is_no_feature_of_the_model_because_no_candidate_has_it_before_training(run: Path) -> None:
    decisions = load_design_space(run / "space.yaml").decisions
    record = records_of(run)[0]
    counted = {name: record.cost[name] for name in counted_names()}

    assert features_of(decisions, record.assignment, record.cost).tolist() == (
        features_of(decisions, record.assignment, counted).tolist()
    )


def test_the_table_and_the_page_show_it_with_its_unit_and_its_axis(run: Path, console: Console) -> None:
    rewrite_report(run, console)

    page = (run / "report.html").read_text()
    record = records_of(run)[0]
    assert rows_of(run)[0]["energy"] == str(record.cost["energy"])
    assert (run / "figures" / "front.svg").is_file()
    assert "energy of one image (mJ)" in page
    assert f'<td class="number">{record.cost["energy"]:.2f} mJ</td>' in page


def test_describe_shows_it_beside_the_counted_costs(run: Path, console: Console) -> None:
    record = records_of(run)[0]

    describe.describe(DescribeRequest(network=f"{run}:0"), console)
    said = said_on(console)
    describe.describe(DescribeRequest(network=f"{run}:0", json=True), console)

    assert f"energy {record.cost['energy']:.2f} mJ" in said
    assert json.loads(said_on(console)[len(said) :])["energy"] == record.cost["energy"]


def test_an_ablation_has_what_se_adds_to_it_and_the_gain_for_that(run: Path, console: Console) -> None:
    ablate.ablate(AblateRequest(network=f"{run}:0", seeds=2, epochs=1, workers=1, wandb="off"), console)

    ablation = load_ablation(next(run.glob("ablate-*.json")))
    for effect in ablation.effects:
        assert effect.added["energy"].amount == pytest.approx(effect.added["params"].amount / 1000)
    page = " ".join((run / "report.html").read_text().split())
    assert all(column in page for column in ("mJ, 95 %", "per 0.1 mJ", "ms, 95 %", "per 0.1 ms", "points per 1k FLOPs"))


def test_a_retrained_network_keeps_it(run: Path, console: Console) -> None:
    record = load_progress(RunFolder.open(run))[1].front.knee

    retrain.retrain(RetrainRequest(run_dir=run, epochs=1, wandb="off"), console)

    (folder,) = (run / "retrain").iterdir()
    assert json.loads((folder / "result.json").read_text())["cost"]["energy"] == record.cost["energy"]
    assert f"| energy | {record.cost['energy']:.2f} mJ |" in (folder / "README.md").read_text()
    assert f"{record.cost['energy']:.2f} mJ" in said_on(console)


def test_a_flag_of_retrain_limits_it(run: Path, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    energies = [record.cost["energy"] for record in load_progress(RunFolder.open(run))[1].front.members]
    limit = max(energies) - 0.001
    monkeypatch.setattr("sys.argv", ["retrain.py", str(run), "--pick", "best", "--max-energy", f"{limit:g}"])
    request = parse_flags(runpy.run_path(flags.__file__)["RetrainRequest"], prog="retrain.py")  # reads `COSTS` again

    retrain.retrain(replace(request, epochs=1, wandb="off"), console)

    (folder,) = (run / "retrain").iterdir()
    assert json.loads((folder / "result.json").read_text())["cost"]["energy"] <= limit


def test_a_search_for_a_cost_that_this_version_does_not_know_is_refused_with_a_line(
    run: Path, monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    monkeypatch.delitem(COSTS, "energy")

    with pytest.raises(InputError, match="no objective 'energy'"):
        rewrite_report(run, console)


@pytest.mark.parametrize("epochs", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_a_trial_whose_measured_cost_breaks_a_bound_is_stopped_at_once(
    tmp_path: Path, space_file: Path, data_file: Path, console: Console, monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    space_file.write_text(space_file.read_text() + "bounds: {latency: {max: 4.2}}\n")
    monkeypatch.setitem(MEASUREMENTS, "latency", measure_energy)

    request = replace(tiny_request(tmp_path, space_file, data_file), budget=12, epochs=epochs)
    start_search(replace(request, objectives="accuracy,latency=measured"), console)

    records = records_of(tmp_path / "run")
    above = [record for record in records if record.cost["latency"] > 4.2]
    assert 0 < len(above) < len(records)
    for record in above:
        assert (record.status, len(record.curve)) == (TrialStatus.PRUNED, 1)
        assert record.reason == f"latency {record.cost['latency']:.2f} ms is above 4.20 ms"
    assert not [record for record in records if record not in above and "is above" in record.reason]
