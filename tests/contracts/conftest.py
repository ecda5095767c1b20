"""A made-up cost and a made-up metric, and one search that minimises the one and logs the other."""

import io
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import nn

from se_nas.commands.search.search import resume_search, start_search
from se_nas.costs import COSTS, CostKind
from se_nas.searching.study.study import SearchStudy
from se_nas.training.measurements import MEASUREMENTS
from se_nas.training.metrics import METRICS
from tests.conftest import tiny_request, write_tiny_data, write_tiny_space
from tests.cut_off import CutOffError, cut_off_at

ENERGY = CostKind(axis="energy of one image (mJ)", column="mJ", unit="mJ", measured=True, step=0.1)
BUDGET, CUT_OFF = 13, 4
"""The trials of the search, and the trial during which its first process dies. The model proposes from trial 10 on."""


def measure_energy(models: Sequence[nn.Module], *, image_size: int, device: torch.device) -> Sequence[Sequence[float]]:
    """A made-up energy that grows with the parameters. The values scatter around their median."""
    params = [sum(parameter.numel() for parameter in model.parameters()) for model in models]
    return [[count / 1000 + scatter for scatter in (0.0, 0.001, -0.001) * 10] for count in params]


@pytest.fixture(autouse=True)
def _without_paper_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """matplotlib takes as long as a small search. The shared search draws its figures once."""
    monkeypatch.setattr("se_nas.report.figures.paper.paper_figures", lambda *_: {})


@pytest.fixture(scope="package")
def registered() -> Iterator[None]:
    """Register the cost `energy` and the metric `epochs_squared`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(COSTS, "energy", ENERGY)
        patch.setitem(MEASUREMENTS, "energy", measure_energy)
        patch.setitem(METRICS, "epochs_squared", lambda trainer, result: result.epoch**2)
        yield


@pytest.fixture(scope="package")
def searched_for_energy(registered: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a search for accuracy and energy, which died in trial 4 and was resumed."""
    folder = tmp_path_factory.mktemp("energy")
    request = replace(
        tiny_request(folder, write_tiny_space(folder), write_tiny_data(folder)),
        objectives="accuracy,energy",
        budget=BUDGET,
        epochs=2,
    )
    console = Console(file=io.StringIO())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SearchStudy, "finish", cut_off_at(CUT_OFF))
        with pytest.raises(CutOffError):
            start_search(request, console)
    resume_search(request.run, replace(request, run=None, space=None, resume=request.run), console)
    return request.run


@pytest.fixture
def run(searched_for_energy: Path, tmp_path: Path) -> Path:
    """The test's own copy of that run folder."""
    return Path(shutil.copytree(searched_for_energy, tmp_path / "run"))


def front_of(run: Path) -> dict[str, object]:
    """The content of `front.json`."""
    return dict(json.loads((run / "front.json").read_text()))
