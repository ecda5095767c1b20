"""The recipe of trials: what the digits change, and that all commands of a run folder train by the same recipe."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from se_nas.checksums import checksum
from se_nas.commands.ablate import ablate
from se_nas.commands.ablate.flags import AblateRequest
from se_nas.commands.confirm import confirm
from se_nas.commands.confirm.flags import ConfirmRequest
from se_nas.commands.search import evaluation, search
from se_nas.commands.search.flags import DIGITS_RECIPE, SearchRequest
from se_nas.errors import InputError
from se_nas.runs.run_folder import RunFolder
from se_nas.runs.settings import load_config
from se_nas.shipped_files import shipped
from se_nas.training.recipe import Recipe
from se_nas.training.recipe_file import load_recipe

pytestmark = pytest.mark.usefixtures("without_figures")

OTHER = {"warmup_epochs": 0.5, "ema_decay": 0.9}


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """The list of the recipes of all further trainings."""
    used: list[Recipe] = []
    evaluate = evaluation.TrialEvaluation.__call__

    def noted(self: Any, task: Any) -> Any:
        used.append(self.recipe)
        return evaluate(self, task)

    monkeypatch.setattr(evaluation.TrialEvaluation, "__call__", noted)
    return used


def rewrite_settings(run: Path, **changes: Any) -> None:
    """Write the settings of a run folder again; a change to None removes the setting, as in an earlier version."""
    folder = RunFolder(run)
    settings = {**load_config(folder).model_dump(), **changes}
    settings = {name: value for name, value in settings.items() if value is not None}
    folder.config.write_text(json.dumps({**settings, "seal": checksum(settings)}))


def continue_search(run: Path, console: Console) -> None:
    search.resume_search(run, SearchRequest(budget=7, workers=1, wandb="off"), console)


def confirm_front(run: Path, console: Console) -> None:
    confirm.confirm(ConfirmRequest(run_dir=run, seeds=1, workers=1, wandb="off"), console)


def ablate_knee(run: Path, console: Console) -> None:
    ablate.ablate(AblateRequest(network=f"{run}:knee", seeds=2, workers=1, wandb="off"), console)


def test_only_the_digits_have_a_recipe_of_their_own() -> None:
    assert SearchRequest().trial_recipe.changes == DIGITS_RECIPE
    assert SearchRequest(data="digits", epochs=12).trial_recipe == Recipe(epochs=12, **DIGITS_RECIPE)
    assert (
        SearchRequest(data="cifar10").trial_recipe == SearchRequest(data="npz:digits").trial_recipe == Recipe(epochs=12)
    )


def test_a_recipe_file_trains_trials_as_it_trains_a_retraining(tmp_path: Path) -> None:
    strong = load_recipe(shipped("recipes", "strong.yaml"), epochs=None, usual_epochs=6)
    assert SearchRequest(recipe=Path("strong")).trial_recipe == strong
    file = tmp_path / "own.yaml"
    file.write_text("epochs: 4\nbatch_size: 64\n")
    assert SearchRequest(recipe=file).trial_recipe == Recipe(epochs=4, batch_size=64)
    assert SearchRequest(recipe=file, epochs=2).trial_recipe == Recipe(epochs=2, batch_size=64)
    file.write_text("batch: 64\n")
    with pytest.raises(InputError, match=r"own\.yaml"):
        _ = SearchRequest(recipe=file).trial_recipe


def test_the_settings_keep_the_recipe_of_a_file(tmp_path: Path, console: Console, recipes: list[Recipe]) -> None:
    file = tmp_path / "own.yaml"
    file.write_text("epochs: 1\nrand_augment_operations: 1\nlearning_rate: 0.05\n")
    request = SearchRequest(recipe=file, budget=2, workers=1, strategy="random", run=tmp_path / "run", wandb="off")
    search.start_search(request, console)
    config = load_config(RunFolder(tmp_path / "run"))
    own = Recipe(epochs=1, rand_augment_operations=1, learning_rate=0.05)
    assert config.trial_recipe() == own
    assert set(recipes) == {own}
    assert isinstance(config.recipe["rand_augment_operations"], int)


@pytest.mark.parametrize("command", [continue_search, confirm_front, ablate_knee])
def test_commands_train_by_the_recipe_of_the_search(
    command: Any, searched: Path, console: Console, recipes: list[Recipe]
) -> None:
    rewrite_settings(searched, recipe=OTHER)

    command(searched, console)

    assert set(recipes) == {Recipe(epochs=load_config(RunFolder(searched)).epochs, warmup_epochs=0.5, ema_decay=0.9)}


def test_a_search_of_a_version_without_recipes_in_its_settings_continues_by_the_usual_recipe(
    searched: Path, console: Console, recipes: list[Recipe]
) -> None:
    rewrite_settings(searched, recipe=None)

    continue_search(searched, console)

    assert set(recipes) == {Recipe(epochs=load_config(RunFolder(searched)).epochs)}


def test_other_epochs_of_a_confirmation_keep_the_rest_of_the_recipe(
    searched: Path, console: Console, recipes: list[Recipe]
) -> None:
    rewrite_settings(searched, recipe=OTHER)

    confirm.confirm(ConfirmRequest(run_dir=searched, seeds=1, epochs=1, workers=1, wandb="off"), console)

    assert set(recipes) == {Recipe(epochs=1, warmup_epochs=0.5, ema_decay=0.9)}
