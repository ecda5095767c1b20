"""ResNets compute what the networks of timm and pytorchcv compute."""

import pytest

from se_nas.models.network import build_model
from se_nas.space.published import published_network
from tests.models.published.copying import assert_equal_outputs

pytestmark = pytest.mark.slow

OF_TIMM = [
    "resnet50d",
    "seresnet18",
    "seresnet50",
    "seresnext26d_32x4d",
    "seresnext50_32x4d",
    "senet154",
    "legacy_seresnet18",
    "legacy_seresnet50",
    "legacy_seresnext26_32x4d",
    "legacy_senet154",
]
OF_PYTORCHCV = [
    "resnet20_cifar10",
    "resnet164bn_cifar10",
    "preresnet20_cifar10",
    "preresnet164bn_cifar10",
    "seresnet20_cifar10",
    "seresnet164bn_cifar10",
    "resnext29_32x4d_cifar10",
    "wrn16_10_cifar10",
]


@pytest.mark.parametrize("name", OF_TIMM)
def test_a_network_computes_what_timms_computes(name):
    timm = pytest.importorskip("timm")
    ours = build_model(published_network(name).build(), num_classes=1000)

    assert_equal_outputs(timm.create_model(name, drop_rate=0.0), ours, size=65, images=2)


@pytest.mark.parametrize("name", OF_PYTORCHCV)
def test_a_network_computes_what_pytorchcvs_computes(name):
    provider = pytest.importorskip("pytorchcv.model_provider")
    ours = build_model(published_network(name).build(), num_classes=10)

    assert_equal_outputs(provider.get_model(name), ours, size=32, images=2)
