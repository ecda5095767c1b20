"""DenseNet and ShuffleNetV2 compute what torchvision's networks compute, with weights copied by order."""

import pytest
import torchvision

from se_nas.models.network import build_model
from se_nas.space.published import published_network
from tests.models.published.copying import assert_equal_outputs

NETWORKS = [
    "densenet121",
    "shufflenet_v2_x0_5",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("densenet169", "shufflenet_v2_x1_0")),
]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_computes_what_torchvisions_computes(name):
    theirs = torchvision.models.get_model(name, weights=None)
    ours = build_model(published_network(name).build(), num_classes=1000)

    assert_equal_outputs(theirs, ours, size=64)
