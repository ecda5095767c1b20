"""The example notebook runs from its first cell to its last."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs" / "search_to_prediction.ipynb"


SHORTER = {"budget=10, epochs=4": "budget=3, epochs=3", "epochs=12, seeds=2": "epochs=8, seeds=2"}


@pytest.mark.parametrize("replaced", [SHORTER, pytest.param({}, marks=pytest.mark.slow)], ids=["shorter", "whole"])
def test_it_ends_with_predictions_that_are_mostly_right(tmp_path: Path, replaced: dict[str, str]) -> None:
    written = NOTEBOOK.read_text()
    assert all(written.count(settings) == 1 for settings in replaced)
    for settings, fewer in replaced.items():
        written = written.replace(settings, fewer)
    notebook = nbformat.reads(written, as_version=4)

    NotebookClient(notebook, timeout=800, resources={"metadata": {"path": str(tmp_path)}}).execute()

    said = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", ()))
    named, are = (
        next(line for line in said.splitlines() if line.startswith(word)).split()[1:] for word in ("named", "are")
    )
    assert sum(one == other for one, other in zip(named, are, strict=True)) >= 7
    assert (tmp_path / "runs" / "notebook" / "report.html").is_file()
