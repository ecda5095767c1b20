"""What end-to-end tests share: a data set and a space so small that a search takes seconds."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from se_nas.experiment.request import SearchRequest

TINY_SPACE = """\
# Question: for tests.
name: tiny
image_size: 8
stem: {width: 8, stride: 1}
every_stage: {depth: 1, group_width: 8, se: {present: [false, true], reduction: [2, 4]}}
stages:
  - {width: [8, 16], stride: 2}
  - {width: [16, 24], stride: 2}
"""


@pytest.fixture
def space_file(tmp_path: Path) -> Path:
    """36 networks that train in milliseconds."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY_SPACE)
    return path


@pytest.fixture
def data_file(tmp_path: Path) -> Path:
    """160 + 40 + 40 images of 8×8 pixels in MedMNIST's layout, two classes that differ in brightness."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, count in (("train", 160), ("val", 40), ("test", 40)):
        labels = np.arange(count) % 2
        noise = rng.integers(0, 120, (count, 8, 8, 3))
        arrays[f"{name}_images"] = (noise + 60 * labels[:, None, None, None]).astype(np.uint8)
        arrays[f"{name}_labels"] = labels[:, None]
    path = tmp_path / "tiny.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture
def searched(request_tiny: SearchRequest, console: Console) -> Path:
    """The run folder of a search of six trials."""
    from se_nas.experiment.search import start_search

    start_search(replace(request_tiny, budget=6), console)
    assert request_tiny.run is not None
    return request_tiny.run


@pytest.fixture
def request_tiny(tmp_path: Path, space_file: Path, data_file: Path) -> SearchRequest:
    """A search of ten short trials in this process."""
    return SearchRequest(
        space=space_file,
        data=f"npz:{data_file}",
        budget=10,
        epochs=4,
        run=tmp_path / "run",
        workers=1,
        wandb="off",
    )


@pytest.fixture
def console() -> Console:
    """A console that nobody reads; `.file.getvalue()` is what it was told."""
    return Console(file=io.StringIO(), width=120, color_system=None)
