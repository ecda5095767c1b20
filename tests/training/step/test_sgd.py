import subprocess
import sys

import torch
from torch import nn

from se_nas.training.step.sgd import Sgd

A_TRAINING = """\
import sys
from se_nas.models.network import build_empty_model
from tests.fakes import network_with_se
from tests.training.test_trainer import trainer_of

trainer_of(epochs=1).run_epoch()
build_empty_model(network_with_se("inner/4"), num_classes=3)  # as a trained network is loaded
print("torch._dynamo" in sys.modules)
"""


def test_steps_equal_torchs_and_weights_without_gradient_stay_unchanged() -> None:
    torch.manual_seed(0)
    ours, theirs = (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)) for _ in range(2))
    theirs.load_state_dict(ours.state_dict())
    sgd = Sgd(list(ours.parameters()), rate=torch.tensor(0.1), momentum=0.9, weight_decay=0.01)
    groups = [
        {"params": [weight for weight in theirs.parameters() if weight.ndim > 1], "weight_decay": 0.01},
        {"params": [weight for weight in theirs.parameters() if weight.ndim <= 1], "weight_decay": 0.0},
    ]
    reference = torch.optim.SGD(groups, lr=0.1, momentum=0.9, nesterov=True, foreach=False)

    for _ in range(3):
        images = torch.randn(5, 3, 6, 6)
        sgd.forget_gradients()
        reference.zero_grad()
        for network in (ours, theirs):
            network[1](network[0](images)).square().sum().backward()
        sgd.step()
        reference.step()

    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other)
    assert set(sgd.momenta) == {*ours[0].parameters(), *ours[1].parameters()}


def test_without_momentum_no_state_is_kept() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    sgd = Sgd([weight], rate=torch.tensor(0.5), momentum=0.0, weight_decay=0.0)

    weight.sum().backward()
    sgd.step()

    assert torch.equal(weight, torch.full((2, 2), 0.5))
    assert not sgd.momenta


def test_neither_a_training_nor_the_loading_of_a_network_loads_the_compiler() -> None:
    """The compiler would take every worker and every command two seconds."""
    done = subprocess.run([sys.executable, "-c", A_TRAINING], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
