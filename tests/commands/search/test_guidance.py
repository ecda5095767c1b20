import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from se_nas.analysis.first_placements import first_placements
from se_nas.analysis.supernet_scores import ScoredPlacement, SupernetScores
from se_nas.commands.interface import load_run
from se_nas.commands.search.flags import SearchRequest
from se_nas.commands.search.guidance import SupernetPrior
from se_nas.commands.search.search import resume_search, start_search
from se_nas.commands.shared_weights import relaxed_task, strategies
from se_nas.commands.supernet.flags import SupernetRequest
from se_nas.commands.supernet.supernet import supernet
from se_nas.errors import InputError
from se_nas.files import write_checked
from se_nas.runs.supernet_file import load_scores
from se_nas.training.supernet import relaxed_gates
from se_nas.training.supernet.reading import Reading
from se_nas.training.trainer import Trainer
from tests.commands.conftest import SE_ALONE, outcome_of, said_on, written_nothing
from tests.conftest import quiet_console
from tests.fakes import record

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.fixture
def request_alone(request_tiny: SearchRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SearchRequest:
    """A search of four trials of two epochs in a space of nine placements, long enough for the prior of a supernet."""
    space = tmp_path / "se_alone.yaml"
    space.write_text(SE_ALONE)
    for module in ("search.answer", "supernet.supernet"):
        monkeypatch.setattr(f"se_nas.commands.{module}.write_report", written_nothing)
    monkeypatch.setattr(relaxed_gates, "STEPS", 4)
    monkeypatch.setattr(strategies, "BLIND_TRIALS", 3)
    return replace(request_tiny, space=space, budget=4, epochs=2)


@pytest.mark.parametrize("strategy", ["supernet", "differentiable"])
def test_a_search_that_is_interrupted_in_its_shared_training_continues(
    request_alone: SearchRequest, console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    request = replace(request_alone, strategy=strategy)
    whole = start_search(replace(request, run=tmp_path / "whole"), console)
    assert whole is not None
    original = Trainer.train_epoch

    def stop(self: Trainer) -> float:
        if self.epoch == 1:
            raise KeyboardInterrupt
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_epoch", stop)
        with pytest.raises(KeyboardInterrupt) as interrupt:
            start_search(request, console)
    assert request.run is not None
    resume_search(request.run, SearchRequest(resume=request.run, workers=1, wandb="off"), console)

    assert f"search.py --resume {request.run}" in interrupt.value.__notes__[0]
    assert outcome_of(request.run) == outcome_of(whole)
    kept = [json.loads((folder / f"{strategy}.json").read_text()) for folder in (whole, request.run)]
    names = ("placements",) if strategy == "supernet" else ("choices",)
    assert [kept[0][name] for name in names] == [kept[1][name] for name in names]


@pytest.mark.parametrize("loss", ["sum", "product"])
def test_the_first_trials_are_the_placements_that_the_gates_chose(
    request_alone: SearchRequest, console: Console, loss: str
) -> None:
    run = start_search(replace(request_alone, strategy="differentiable", gate_loss=loss, epochs=1), console)

    assert run is not None
    content = json.loads((run / "differentiable.json").read_text())
    choices = content["choices"]
    assert content["loss"] == loss
    assert [each["exponent"] is None for each in choices] == [loss == "sum"] * 6
    chosen = list(dict.fromkeys(str(each["se"]) for each in choices))
    trials = [str(list(trial.se)) for trial in load_run(run).records]
    assert trials[: len(chosen)] == chosen[:4]


def test_a_search_uses_the_supernet_that_its_folder_has(
    request_alone: SearchRequest, data_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, console = tmp_path / "supernet", quiet_console()
    request = SupernetRequest(
        space=request_alone.space, data=f"npz:{data_file}", run=run, epochs=2, draw="one", wandb="off"
    )
    supernet(request, console)
    before = (run / "supernet.json").read_bytes()

    resume_search(run, SearchRequest(resume=run, budget=200, workers=1, wandb="off"), console)

    assert (run / "supernet.json").read_bytes() == before
    assert len(outcome_of(run)) == 9


@pytest.mark.parametrize("changes", [{}, {"epochs": 1}, {"draw": "one"}, {"seed": 3}])
def test_if_too_few_placements_of_a_supernet_were_read_the_others_are_read_without_another_training(
    request_alone: SearchRequest,
    data_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
) -> None:
    run, console, read = tmp_path / "supernet", quiet_console(), []
    given: dict[str, Any] = {"space": request_alone.space, "data": f"npz:{data_file}", "run": run, "epochs": 2}
    supernet(SupernetRequest(**{**given, "read": 2, "wandb": "off"}), console)
    if changes:
        supernet(SupernetRequest(target=str(run), read=2, wandb="off", again=True, **{"epochs": 2, **changes}), console)
    monkeypatch.setattr(Trainer, "train_epoch", lambda _: pytest.fail("it trained again"))
    original = Reading.accuracy
    monkeypatch.setattr(
        Reading, "accuracy", lambda self, placement: (read.append(placement), original(self, placement))[1]
    )
    monkeypatch.setattr("se_nas.commands.search.assembly.SearchLoop", interrupt)

    with pytest.raises(KeyboardInterrupt):
        resume_search(run, SearchRequest(resume=run, workers=1, wandb="off"), console)

    content = json.loads((run / "supernet.json").read_text())
    assert len(content["placements"]) == 9
    assert len(read) == 7
    assert {name: content[name] for name in changes} == changes
    assert "2 placements of the 9 that a prior needs were read before" in said_on(console)


def test_half_of_the_first_trials_train_the_best_placements_of_the_supernet(
    request_alone: SearchRequest, console: Console
) -> None:
    run = start_search(replace(request_alone, strategy="supernet", budget=5, epochs=1), console)

    assert run is not None
    scores, _ = load_scores(run / "supernet.json")
    best = [each.se for each in first_placements(scores, ("flops",), 3)]
    trials = [trial.se for trial in load_run(run).records]
    assert [trials[number] for number in (0, 3, 4)] == best
    assert "3 of the first 5 trials train placements that the supernet ranks best within budgets of cost" in said_on(
        console
    )


@pytest.mark.parametrize(
    ("budget", "reductions", "bounds", "networks"),
    [
        (9, "[2, 4]", "", 9),
        (200, "[2, 4]", "", 9),
        (200, "[2, 4, 8]", "bounds: {params: {max: 1960}}", 5),
        (8, "[2, 4]", "", None),
        (3, "[2, 4, 8]", "bounds: {params: {max: 1960}}", None),
        (4, "[2, 4, 8]", "", None),
        (200, "[2, 4, 8]", "", None),
    ],
)
def test_a_search_that_trains_all_of_few_networks_trains_no_supernet_and_says_so(
    request_tiny: SearchRequest,
    console: Console,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    budget: int,
    reductions: str,
    bounds: str,
    networks: int | None,
) -> None:
    """The space has 9 or 16 placements, and the bounds leave a few of them."""
    (space := tmp_path / "se_alone.yaml").write_text(f"{SE_ALONE.replace('[2, 4]', reductions)}{bounds}\n")
    monkeypatch.setattr(Trainer, "train_epoch", interrupt)
    monkeypatch.setattr("se_nas.commands.search.assembly.SearchLoop", interrupt)

    with pytest.raises(KeyboardInterrupt):
        start_search(replace(request_tiny, space=space, strategy="supernet", budget=budget, epochs=1), console)

    line = f"not used: {networks} networks of the space can be trained, and this search trains each of them"
    assert (line in said_on(console)) == (networks is not None)
    assert ("trained before the first trial" in said_on(console)) == (networks is None)


def test_too_few_scores_of_another_supernet_are_refused_with_what_to_do(
    request_alone: SearchRequest, data_file: Path, tmp_path: Path
) -> None:
    run, console = tmp_path / "supernet", quiet_console()
    supernet(
        SupernetRequest(
            space=request_alone.space, data=f"npz:{data_file}", run=run, epochs=1, read=2, draw="one", wandb="off"
        ),
        console,
    )
    path = run / "supernet.json"
    content = {name: value for name, value in json.loads(path.read_text()).items() if name != "seal"}
    write_checked(path, {**content, "identity": "of other images"})

    with pytest.raises(InputError, match=r"supernet\.json: of another supernet .*; remove the file") as refused:
        resume_search(run, SearchRequest(resume=run, workers=1, wandb="off"), console)

    assert "--again" not in str(refused.value)  # a flag of `supernet` alone


@pytest.mark.parametrize("strategy", ["supernet", "differentiable"])
def test_a_space_with_several_trunks_is_refused(request_tiny: SearchRequest, console: Console, strategy: str) -> None:
    with pytest.raises(InputError, match=f"--strategy {strategy}: needs a space with one trunk, but space 'tiny'"):
        start_search(replace(request_tiny, strategy=strategy), console)

    assert request_tiny.run is not None
    assert not request_tiny.run.exists()


@pytest.mark.parametrize("milliseconds", [0.001, 0.0004, 0.0])
def test_a_cost_without_a_positive_log_is_refused_before_anything_is_trained(
    request_alone: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch, milliseconds: float
) -> None:
    monkeypatch.setattr(relaxed_task, "measure_costs", lambda *_, **__: {"latency": milliseconds})
    monkeypatch.setattr(Trainer, "train_epoch", lambda _: pytest.fail("it trained"))
    request = replace(request_alone, objectives="accuracy,latency=measured", strategy="differentiable")

    with pytest.raises(InputError, match=r"--gate-loss product: the cost latency of .* a search with --gate-loss sum"):
        start_search(replace(request, gate_loss="product"), console)


def test_a_loss_of_gates_belongs_to_relaxed_gates_and_stays_that_of_the_search(
    request_alone: SearchRequest, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    for strategy in ("supernet", "front", None):
        with pytest.raises(InputError, match="--gate-loss product: belongs to --strategy differentiable, but the str"):
            replace(request_alone, strategy=strategy, gate_loss="product").check()
    with pytest.raises(InputError, match=r"--gate-loss prod: no such loss; did you mean product\?"):
        replace(request_alone, strategy="differentiable", gate_loss="prod").check()
    monkeypatch.setattr(Trainer, "train_epoch", interrupt)
    with pytest.raises(KeyboardInterrupt):
        start_search(replace(request_alone, strategy="differentiable"), console)
    assert request_alone.run is not None

    with pytest.raises(InputError, match=r"--gate-loss product: the search in .* was begun with sum"):
        resume_search(request_alone.run, SearchRequest(resume=request_alone.run, gate_loss="product"), console)


def interrupt(*_: object, **__: object) -> float:
    raise KeyboardInterrupt


def scores_of(accuracies: list[float]) -> SupernetScores:
    placements = tuple(
        ScoredPlacement(
            options=(index,), se=(), fingerprint=f"{index}", modules=1, accuracy=accuracy, cost={"params": 5.0}
        )
        for index, accuracy in enumerate(accuracies)
    )
    return SupernetScores(trunk="", switches=("stage1",), options=(("none",),), count=20, placements=placements)


def test_the_prior_is_used_only_if_the_trials_show_that_it_knows_something() -> None:
    said: list[str] = []
    accuracies = [(7 * index % 20) / 20 for index in range(20)]
    prior = SupernetPrior(scores_of(accuracies), said.append)

    def trials(values: list[float]) -> list[Any]:
        return [replace(record(index, accuracy=value), fingerprint=f"{index}") for index, value in enumerate(values)]

    assert prior(trials(accuracies[:5])) == {}
    assert prior(trials(accuracies)) == {f"{index}": value for index, value in enumerate(accuracies)}
    assert prior(trials([(3 * index % 7) / 7 for index in range(16)])) == {}
    assert ["knows more" in line for line in said] == [True, False]
