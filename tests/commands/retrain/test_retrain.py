from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

from se_nas.analysis.ablation import Ablation
from se_nas.analysis.paired import Effect, Extra, Gain
from se_nas.commands.retrain import retrain, retraining
from se_nas.commands.retrain.flags import RetrainRequest
from se_nas.commands.retrain.task import RetrainingTask
from se_nas.commands.run_loading import load_progress
from se_nas.commands.search import search
from se_nas.commands.search.flags import SearchRequest
from se_nas.costs import COSTS
from se_nas.errors import InputError
from se_nas.files import read_checked, write_checked
from se_nas.models.network import build_model
from se_nas.runs.ablation_file import write_ablation
from se_nas.runs.retrained_files import load_retrained
from se_nas.runs.run_folder import RunFolder
from se_nas.space.files.architecture_file import load_architecture
from se_nas.training.scoring import Scores
from se_nas.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("without_figures")


def retrained(run: Path, console: Console, **changes: Any) -> list[Path]:
    """The folders that a retraining writes."""
    retrain.retrain(RetrainRequest(run_dir=run, **{"epochs": 4, "wandb": "off", **changes}), console)
    return sorted((run / "retrain").iterdir())


def result_in(folder: Path) -> dict[str, Any]:
    """The result without its seconds."""
    result = read_checked(folder / "result.json") or {}
    for epoch in result["history"]:
        del epoch["seconds"], epoch["training_seconds"]
    return dict(result)


@pytest.fixture
def changed_recipe(searched: Path, console: Console, tmp_path: Path) -> Path:
    """A recipe that was changed after a network was retrained with it."""
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("mixup: 0.2\n")
    retrained(searched, console, epochs=1, recipe=recipe)
    recipe.write_text("mixup: 0.4\n")
    return recipe


def test_the_test_images_are_used_once(searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    evaluate = Trainer.scores

    def counted(trainer: Trainer, part: Any = None) -> Scores:
        looks.append(part is not None)
        return evaluate(trainer, part)

    monkeypatch.setattr(Trainer, "scores", counted)
    retrained(searched, console)
    retrained(searched, console)

    assert looks == [False] * 4 + [True]


def test_a_network_that_another_command_has_just_retrained_is_not_retrained_again(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other command ends after this command's first check and before its lock."""
    alone_in = retrain.alone_in

    @contextmanager
    def alone_after_the_other(folder: Path) -> Iterator[None]:
        monkeypatch.setattr(retrain, "alone_in", alone_in)
        retrained(searched, console, epochs=1)
        monkeypatch.setattr(retraining, "train", lambda *_: pytest.fail("trained and tested twice"))
        with alone_in(folder):
            yield

    monkeypatch.setattr(retrain, "alone_in", alone_after_the_other)

    (target,) = retrained(searched, console, epochs=1)

    assert (target / "result.json").is_file()


def test_the_page_after_a_retraining_has_trials_that_the_search_trained_in_the_meantime(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = retrain.train_and_test

    def run_beside_a_search(*given: Any, **named: Any) -> Any:
        search.resume_search(searched, SearchRequest(budget=7, workers=1, wandb="off"), console)
        return began(*given, **named)

    monkeypatch.setattr(retrain, "train_and_test", run_beside_a_search)
    shown: list[int] = []
    write_report = retrain.write_report
    monkeypatch.setattr(
        retrain, "write_report", lambda *given: (shown.append(len(given[2].records)), write_report(*given))[1]
    )

    retrained(searched, console, epochs=1)

    assert shown == [7]


def test_the_saved_weights_belong_to_the_network_beside_them(searched: Path, console: Console) -> None:
    (folder,) = retrained(searched, console)

    architecture = load_architecture(folder / "architecture.yaml")
    model = build_model(architecture, num_classes=2)
    model.load_state_dict(load_file(folder / "weights.safetensors"))

    assert architecture.fingerprint() == result_in(folder)["fingerprint"]
    assert model.eval()(torch.zeros(1, 3, 8, 8)).isfinite().all()


def test_an_interrupted_retraining_continues_to_the_same_result(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole,) = retrained(searched, console)
    expected, weights = result_in(whole), load_file(whole / "weights.safetensors")
    for file in whole.iterdir():
        file.unlink()
    train = retraining.train

    def interrupted(trainer: Trainer) -> Iterator[Any]:
        for epoch in train(trainer):
            yield epoch
            if epoch.epoch == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(retraining, "train", interrupted)
    with pytest.raises(KeyboardInterrupt) as cut:
        retrained(searched, console)
    monkeypatch.setattr(retraining, "train", train)
    (resumed,) = retrained(searched, console)

    assert cut.value.__notes__ == ["the same command continues after epoch 2"]
    assert result_in(resumed) == expected
    assert all(
        torch.equal(tensor, weights[name]) for name, tensor in load_file(resumed / "weights.safetensors").items()
    )


@pytest.mark.parametrize("pick", ["best", "cheapest", "0"])
def test_a_member_or_a_number_can_be_picked(searched: Path, console: Console, pick: str) -> None:
    _, progress = load_progress(RunFolder(searched))
    front = progress.front
    expected = {"best": front.best, "cheapest": front.cheapest, "0": progress.records[0]}[pick]

    (folder,) = retrained(searched, console, pick=pick, epochs=1)

    assert result_in(folder)["trial"] == expected.number


def test_a_limit_restricts_the_networks_that_can_be_picked(searched: Path, console: Console) -> None:
    complete = [row for row in load_progress(RunFolder.open(searched))[1].records if row.accuracy is not None]
    most = sorted(row.cost["flops"] for row in complete)[-1] - 1

    (folder,) = retrained(searched, console, pick="best", max_flops=str(most))

    assert result_in(folder)["search_accuracy"] == max(row.accuracy for row in complete if row.cost["flops"] <= most)


def test_a_limit_that_no_network_keeps_names_where_the_front_begins(searched: Path, console: Console) -> None:
    with pytest.raises(
        InputError, match=r"keeps --max-flops 1e\+09, --max-params 3; the front begins at .* flops, .* params"
    ):
        retrained(searched, console, max_params="3", max_flops="1G")


@pytest.mark.parametrize("wrong", ["", "12X", "-3", "nan", "M"])
def test_a_limit_that_is_no_count_is_refused(wrong: str) -> None:
    with pytest.raises(InputError, match=r"--max-flops .*: expected a positive number, e.g. 120M"):
        RetrainRequest(run_dir=Path("x"), max_flops=wrong).check()


@pytest.mark.parametrize("wrong", ["", "2 ms", "-0.5", "nan", "inf", -1.0])
def test_a_limit_on_a_measured_cost_that_is_no_amount_is_refused(wrong: str | float) -> None:
    with pytest.raises(InputError, match=r"--max-latency .*: expected a number of at least 0, e.g. 2.5"):
        RetrainRequest(run_dir=Path("x"), max_latency=wrong).check()


def test_every_cost_has_a_limit_as_text_or_as_a_number() -> None:
    for given in ("3", 3, 3.0):
        request = RetrainRequest(run_dir=Path("x"), **{f"max_{name}": given for name in COSTS})

        assert request.limits() == dict.fromkeys(COSTS, 3.0)


def test_a_limit_together_with_a_trial_is_refused() -> None:
    with pytest.raises(InputError, match="--pick 3: a limit goes with knee, best, cheapest or front"):
        RetrainRequest(run_dir=Path("x"), pick="3", max_latency=2.0).check()


def test_the_whole_front_can_be_retrained(searched: Path, console: Console) -> None:
    _, progress = load_progress(RunFolder(searched))

    folders = retrained(searched, console, pick="front", epochs=1)

    assert len(folders) == len(progress.front)


@pytest.mark.parametrize("pick", ["kneee", "99", "-1"])
def test_a_network_that_does_not_exist_cannot_be_picked(searched: Path, console: Console, pick: str) -> None:
    with pytest.raises(InputError, match="no trial"):
        retrained(searched, console, pick=pick)


def test_an_altered_architecture_file_is_refused(searched: Path, console: Console) -> None:
    first, second = RunFolder(searched).architecture(0), RunFolder(searched).architecture(1)
    first.write_bytes(second.read_bytes())

    with pytest.raises(InputError, match="not the network that trial 0 trained"):
        retrained(searched, console, pick="0")


def test_several_seeds_are_several_trainings_of_one_network(searched: Path, console: Console) -> None:
    folders = retrained(searched, console, epochs=1, seeds=2)

    results = [result_in(folder) for folder in folders]
    assert [result["seed"] for result in results] == [0, 1]
    assert results[0]["fingerprint"] == results[1]["fingerprint"]
    assert results[0]["history"] != results[1]["history"]


def test_baselines_are_regnets_of_equal_flops_without_se_and_with_se_everywhere(
    searched: Path, console: Console
) -> None:
    x, y, own = (result_in(folder) for folder in retrained(searched, console, epochs=1, baselines=True))

    assert (x["se"], y["se"]) == (["none", "none"], ["inner/4", "inner/4"])
    assert x["search_accuracy"] is None
    for other in (x, y):
        assert other["cost"]["flops"] == pytest.approx(own["cost"]["flops"], rel=0.15)
    assert all(name in console.file.getvalue() for name in ("RegNetX by", "RegNetY by"))  # type: ignore[attr-defined]


def test_another_recipe_of_the_same_name_is_not_taken_for_the_first(
    searched: Path, console: Console, changed_recipe: Path
) -> None:

    with pytest.raises(InputError, match=r"mine-epochs-1-seed-0: trained with another recipe of that name"):
        retrained(searched, console, epochs=1, recipe=changed_recipe)


def test_the_card_has_the_measurements_and_the_method(searched: Path, console: Console) -> None:
    (folder,) = retrained(searched, console, epochs=2)

    card, result = (folder / "README.md").read_text(), result_in(folder)

    assert f"{100 * result['test_accuracy']:.2f} % of 40 images, used only once" in card
    assert f"`{result['fingerprint']}`" in card
    assert "| epochs | 2 |" in card
    assert "with seed 0" in card


def test_the_report_lists_retrained_networks_and_the_terminal_names_a_damaged_result(
    searched: Path, console: Console
) -> None:
    folders = retrained(searched, console, epochs=1, seeds=2)
    (folders[1] / "result.json").write_text("{")

    networks, damaged = load_retrained(RunFolder(searched))

    page = (searched / "report.html").read_text()
    assert "long, 1 epoch<" in page
    assert [len(one.counts) for one in networks] == [1]
    assert damaged == [f"{folders[1] / 'result.json'}: damaged; remove the folder and retrain"]


def test_a_damaged_result_is_refused_with_a_line(searched: Path, console: Console) -> None:
    (folder,) = retrained(searched, console, epochs=1)
    path = folder / "result.json"
    result = read_checked(path) or {}
    changes: list[dict[str, Any]] = [{"test_accuracy": "abc"}, {"test_images": -1}, {"cost": None}, {"recipe": {}}]
    for change in changes:
        write_checked(path, result | change)
        with pytest.raises(InputError, match=r"damaged; remove the folder and retrain|another recipe of that name"):
            retrained(searched, console, epochs=1)
    write_checked(path, result)
    path.write_text(path.read_text().replace('"test_accuracy": ', '"test_accuracy": 0.5, "was": '))
    with pytest.raises(InputError, match="damaged; remove the folder and retrain"):
        retrained(searched, console, epochs=1)


def test_trainings_by_different_recipes_of_one_name_are_not_taken_for_seeds_of_one_recipe(
    searched: Path, console: Console, changed_recipe: Path
) -> None:
    retrained(searched, console, epochs=1, recipe=changed_recipe, seed=1)

    networks, damaged = load_retrained(RunFolder(searched))

    assert [len(one.counts) for one in networks] == [1, 1]
    assert damaged == []


def test_a_recipe_whose_name_cannot_be_in_a_folder_name_is_refused() -> None:
    with pytest.raises(InputError, match="call the file by up to 64 letters"):
        RetrainRequest(run_dir=Path("x"), recipe=Path("my recipe: 1.yaml")).check()


def test_a_limit_on_a_cost_that_was_not_measured_is_refused(searched: Path, console: Console) -> None:
    with pytest.raises(InputError, match=r"--max-latency 3: the search in .* did not measure latency"):
        retrained(searched, console, max_latency=3.0)


def test_a_second_command_for_the_same_network_is_refused(
    searched: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = retrain.train_and_test
    refused: list[str] = []

    def meanwhile(task: RetrainingTask, **how: Any) -> Any:
        monkeypatch.setattr(retrain, "train_and_test", run)
        with pytest.raises(InputError) as error:
            retrained(searched, console)
        refused.append(str(error.value))
        return run(task, **how)

    monkeypatch.setattr(retrain, "train_and_test", meanwhile)

    assert len(retrained(searched, console)) == 1
    assert ["another command is writing here" in told for told in refused] == [True]


def test_the_model_card_says_what_an_ablation_has_found(searched: Path, console: Console) -> None:
    gain = Gain(mean=0.02, half_width=0.01, seeds=5)
    effect = Effect(where="in stage 2", over="", gain=gain, added={"params": Extra.counted(500.0)})
    ablation = Ablation(trial=0, epochs=4, effects=(effect,))
    write_ablation(RunFolder(searched), ablation, networks={}, accuracies={}, costs={})

    retrained(searched, console, pick="0", epochs=1)
    folders = retrained(searched, console, pick="1", epochs=1)

    said = "SE in stage 2 is worth +2.00 ± 1.00 points for +500 parameters."
    assert [said in (folder / "README.md").read_text() for folder in folders] == [True, False]
