"""The public Python interface: its names, its quick import, and the content of a loaded run."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import se_nas
from tests.commands.conftest import rows_of

HEAVY = {"torch", "ray", "optuna", "wandb", "plotly", "fvcore", "pandas", "numpy"}


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = f"import sys, se_nas; dir(se_nas); print(*sorted({HEAVY!r} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "\n"


@pytest.mark.parametrize("name", se_nas.__all__)
def test_every_public_name_exists_and_is_typed(name: str) -> None:
    typed = (Path(se_nas.__file__).parent / "__init__.pyi").read_text()

    assert getattr(se_nas, name) is not None
    assert f" as {name}\n" in typed or name == "__version__"


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'serch'"):
        _ = se_nas.serch  # type: ignore[attr-defined]


def test_a_loaded_run_has_the_content_of_its_files(searched: Path) -> None:
    run = se_nas.load_run(searched)

    frame = run.frame()
    assert len(run.records) == len(frame) == len(rows_of(searched))
    assert set(run.picks) == {"knee", "best", "cheapest"}
    assert run.picks["cheapest"] == run.front[0]
    best = run.picks["best"]
    assert frame.accuracy.max() == best.accuracy
    assert run.architecture(best).fingerprint() == best.fingerprint
    model = se_nas.build_model(run.architecture(best), num_classes=2)
    assert sum(weight.numel() for weight in model.parameters()) == frame.params[best.number]


def test_a_search_from_python_goes_on_with_a_larger_budget(tiny_settings: se_nas.SearchRequest) -> None:
    begun = se_nas.search(tiny_settings)
    assert begun is not None

    ended = se_nas.resume(begun.path, se_nas.SearchRequest(budget=4, workers=1, wandb="off"))

    assert ended.records[:2] == begun.records
    assert len(ended.records) == 4


def test_a_folder_without_a_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(se_nas.InputError, match="not the run folder of a search"):
        se_nas.load_run(tmp_path)


@pytest.fixture
def tiny_settings(request_tiny: se_nas.SearchRequest) -> se_nas.SearchRequest:
    """A search of two trials."""
    return replace(request_tiny, budget=2)
