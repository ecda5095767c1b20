"""MobileNets, MnasNets, FBNets and EfficientNets compute what timm's and pytorchcv's networks compute.

timm's `tf_` networks pad as TensorFlow does. Here they get the padding of the other networks.
"""

import pytest
from torch import nn

from se_nas.models.network import build_model
from se_nas.space.published import published_network
from tests.models.published.copying import assert_equal_outputs

OF_TIMM = [
    "mobilenetv2_050",
    "mobilenetv2_110d",
    "mobilenetv3_small_050",
    "mobilenetv3_large_075",
    "mobilenetv3_rw",
    "tf_mobilenetv3_small_minimal_100",
    "mnasnet_075",
    "mnasnet_small",
    "semnasnet_075",
    "spnasnet_100",
    "fbnetc_100",
    "fbnetv3_b",
    "fbnetv3_d",
    "fbnetv3_g",
    "hardcorenas_a",
    "hardcorenas_f",
    "efficientnet_b1",
    "tf_efficientnet_b0",
    "efficientnet_lite1",
    "efficientnet_es",
    "efficientnet_em",
    "efficientnet_el",
    "tf_efficientnetv2_b0",
    "tf_efficientnetv2_b3",
]
OF_PYTORCHCV = ["mnasnet_a1", "mnasnet_b1", "fbnet_cb"]


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_TIMM)
def test_a_network_computes_what_timms_computes(name):
    timm = pytest.importorskip("timm")
    padding = {"pad_type": ""} if name.startswith("tf_") else {}
    theirs = timm.create_model(name, pretrained=False, drop_rate=0.0, drop_path_rate=0.0, **padding)
    ours = build_model(published_network(name).build(), num_classes=1000)

    assert_equal_outputs(theirs, ours, size=64)


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_PYTORCHCV)
def test_a_network_computes_what_pytorchcvs_computes(name):
    provider = pytest.importorskip("pytorchcv.model_provider")
    theirs = provider.get_model(name)
    for parent in list(theirs.modules()):
        for child, part in parent.named_children():
            if isinstance(part, nn.AvgPool2d):
                setattr(parent, child, nn.AdaptiveAvgPool2d(1))  # pytorchcv's pool is for 224 px
    ours = build_model(published_network(name).build(), num_classes=1000)

    assert_equal_outputs(theirs, ours, size=64)
