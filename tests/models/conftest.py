"""Networks for tests: samples of the shipped spaces, and a function that makes every weight matter."""

from random import Random

import pytest
import torch
from torch import nn

from se_nas.space.files.loading import load_design_space
from tests.space.conftest import ROOT, TINY


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(params=sorted((ROOT / "search_spaces").glob("*.yaml")), ids=lambda path: path.stem)
def space(request):
    return load_design_space(request.param)


@pytest.fixture(scope="session")
def tiny_space(tmp_path_factory):
    """A space in which many assignments build the same network."""
    path = tmp_path_factory.mktemp("space") / "tiny.yaml"
    path.write_text(TINY)
    return load_design_space(path)


@pytest.fixture
def samples(space):
    """Two networks of a shipped space; one if its images are large."""
    rng = Random(0)
    return [space.decode(space.sample(rng)) for _ in range(2 if space.image_size <= 64 else 1)]


@torch.no_grad()
def wake(module: nn.Module) -> nn.Module:
    """Draw random norms and set evaluation mode. The branches of an initial network end in zeros and hide mistakes."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.uniform_(part.bias, -0.5, 0.5)
            nn.init.uniform_(part.running_mean, -0.5, 0.5)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
    return module.eval()
