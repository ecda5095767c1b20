"""Tests that need a GPU. Run `pytest tests/gpu` on a machine with a GPU."""

import pytest
import torch

from se_nas.training.devices.device import prepare


@pytest.fixture(autouse=True)
def gpu() -> torch.device:
    """The GPU, set up as for a trial."""
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    device = torch.device("cuda")
    prepare(device)
    return device
