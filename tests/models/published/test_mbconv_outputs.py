"""MobileNets, MnasNet and EfficientNets compute what torchvision's networks compute, with weights copied by order."""

import pytest
import torchvision
from torch import nn

from se_nas.models.network import build_model
from se_nas.space.published import published_network
from tests.models.published.copying import assert_equal_outputs

NETWORKS = [
    "mobilenet_v2",
    "mobilenet_v3_small",
    pytest.param("mobilenet_v3_large", marks=pytest.mark.slow),
    "mnasnet0_5",
    "efficientnet_b0",
    "efficientnet_v2_s",
]


def without_chance(model: nn.Module) -> nn.Module:
    """The network without dropout and without stochastic depth."""
    for part in model.modules():
        if isinstance(part, nn.Dropout | torchvision.ops.StochasticDepth):
            part.p = 0.0
    return model


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_computes_what_torchvisions_computes(name):
    theirs = without_chance(torchvision.models.get_model(name, weights=None))
    ours = build_model(published_network(name).build(), num_classes=1000)

    assert_equal_outputs(theirs, ours, size=64)
