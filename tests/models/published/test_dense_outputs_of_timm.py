"""DenseNet, MobileNetV1, Xception and ShuffleNetV1 compute what the networks of timm and pytorchcv compute."""

import pytest

from se_nas.models.network import build_model
from se_nas.space.published import published_network
from tests.models.published.copying import assert_equal_outputs

pytestmark = pytest.mark.slow

OF_TIMM = {
    "densenet264d": ("densenet264d", 32),
    "mobilenetv1_100": ("mobilenetv1_100", 64),
    "mobilenetv1_100h": ("mobilenetv1_100h", 64),
    "mobilenetv1_125": ("mobilenetv1_125", 64),
    "xception": ("legacy_xception", 71),
}
"""By our name: timm's name, and the side of the images in pixels."""

OF_PYTORCHCV = {
    "mobilenet_w1": 224,
    "mobilenet_wd4": 224,
    "xception": 299,
    "shufflenet_g1_w1": 224,
    "shufflenet_g3_w1": 224,
    "shufflenet_g8_w1": 224,
    "shufflenet_g3_wd4": 224,
    "densenet40_k12_cifar10": 32,
    "densenet40_k12_bc_cifar10": 32,
    "densenet100_k12_bc_cifar10": 32,
}
"""The side of the images in pixels. These networks pool maps of one size only."""


@pytest.mark.parametrize("name", OF_TIMM)
def test_a_network_computes_what_timms_computes(name):
    timm = pytest.importorskip("timm")
    theirs, size = OF_TIMM[name]
    ours = build_model(published_network(name).build(), num_classes=1000)

    assert_equal_outputs(timm.create_model(theirs), ours, size=size)


@pytest.mark.parametrize("name", OF_PYTORCHCV)
def test_a_network_computes_what_pytorchcvs_computes(name):
    provider = pytest.importorskip("pytorchcv.model_provider")
    published = published_network(name)
    ours = build_model(published.build(), num_classes=published.classes)

    assert_equal_outputs(provider.get_model(name), ours, size=OF_PYTORCHCV[name], images=2)
