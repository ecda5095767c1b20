from pathlib import Path

import pytest

from se_nas.errors import InputError
from se_nas.training.recipe import Recipe
from se_nas.training.recipe_file import load_recipe

SHIPPED = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))


def read(folder: Path, text: str, *, epochs: int | None = None) -> Recipe:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return load_recipe(path, epochs=epochs, usual_epochs=60)


def test_missing_keys_have_the_values_of_the_search(tmp_path: Path) -> None:
    assert read(tmp_path, "mixup: 0.2\n") == Recipe(epochs=60, mixup=0.2)


@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_class_weights_are_named_by_a_word(tmp_path: Path, weights: str) -> None:
    recipe = read(tmp_path, f"class_weights: {weights}\n")

    assert recipe.class_weights == weights
    assert recipe.as_dict().get("class_weights", "none") == weights
    assert ("class_weights" in recipe.as_dict()) == (weights != "none")  # earlier folders do not have it


@pytest.mark.parametrize(("text", "epochs", "expected"), [("epochs: 9\n", None, 9), ("epochs: 9\n", 3, 3)])
def test_the_number_of_epochs_comes_from_the_flag_then_the_file_then_the_default(
    tmp_path: Path, text: str, epochs: int | None, expected: int
) -> None:
    assert read(tmp_path, text, epochs=epochs).epochs == expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("mixupp: 0.2\n", "recipe.yaml:1: mixupp: unknown key; did you mean mixup?"),
        ("mixup: 0.2\nema_decay: 1\n", "recipe.yaml:2: ema_decay: expected at most 0.999999, but got 1"),
        ("epochs: 1.5\n", "recipe.yaml:1: epochs: expected a whole number, but got 1.5"),
        ("learning_rate: .nan\n", "recipe.yaml:1: learning_rate: expected a finite number, but got nan"),
        (
            "class_weights: balance\n",
            "recipe.yaml:1: class_weights: expected 'none' or 'balanced', but got the text 'balance'",
        ),
        ("class_weights: 1\n", "recipe.yaml:1: class_weights: expected 'none' or 'balanced', but got 1"),
        ("batch_size: 1\n", "recipe.yaml:1: batch_size: expected at least 2, but got 1"),
    ],
)
def test_the_error_for_a_mistake_names_its_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, text)

    assert str(error.value).endswith(complaint)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_recipe_is_valid_and_begins_with_its_purpose(path: Path) -> None:
    assert load_recipe(path, epochs=None, usual_epochs=60).epochs == 60
    assert path.read_text().startswith("# Recipe: ")
    assert f"--recipe recipes/{path.name}" in path.read_text()
