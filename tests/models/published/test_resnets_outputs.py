"""ResNets compute what torchvision's networks compute, with weights copied by order."""

import pytest
import torchvision

from se_nas.models.network import build_model
from se_nas.space.published import published_network
from tests.models.published.copying import assert_equal_outputs


@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50", "resnext50_32x4d", pytest.param("resnet34", marks=pytest.mark.slow)]
)
def test_a_network_computes_what_torchvisions_computes(name):
    theirs = torchvision.models.get_model(name, weights=None)
    ours = build_model(published_network(name).build(), num_classes=1000)

    assert_equal_outputs(theirs, ours, size=32)
