"""MobileNetV2 and V3, MnasNet, FBNet, HardCoRe-NAS and EfficientNet: the counts of their sources, to the last digit."""

import json

import pytest
import torch
from torch import nn

from se_nas.models.cost import measure_cost
from se_nas.models.network import build_model
from se_nas.space.files.architecture_file import parse_architecture
from se_nas.space.published import PUBLISHED, published_network
from se_nas.space.published.efficientnets import EFFICIENTNETS
from se_nas.space.published.mnasnets import MNASNETS
from se_nas.space.published.mobilenets import MOBILENETS
from tests.space.conftest import ROOT

NETWORKS = json.loads((ROOT / "tests/golden/families_mbconv.json").read_text())["networks"]


def title(network) -> str:
    return f"{network['name']}-{network['source'].split()[0]}-{network['image_size']}"


@pytest.mark.parametrize("network", NETWORKS, ids=title)
def test_a_network_has_the_counts_and_the_norms_of_its_source(network):
    published = published_network(network["name"])
    architecture = published.build()

    cost = measure_cost(architecture, image_size=network["image_size"], num_classes=network["classes"])

    assert cost.as_dict() == {name: network[name] for name in ("flops", "params", "activations")}
    assert published.classes == network["classes"]
    assert architecture.norm.epsilon == pytest.approx(network["epsilon"])
    assert architecture.norm.momentum == pytest.approx(network["momentum"], rel=1e-3)


@pytest.mark.parametrize("name", {network["name"]: None for network in NETWORKS})
def test_a_network_is_published_for_images_of_a_size_of_its_source(name):
    sizes = [network["image_size"] for network in NETWORKS if network["name"] == name]

    assert published_network(name).image_size in sizes


@pytest.mark.parametrize("name", [*MOBILENETS, *MNASNETS, *EFFICIENTNETS])
def test_every_name_builds_a_network_that_its_own_file_reads_back(name):
    architecture = PUBLISHED[name].build()

    read = parse_architecture(json.loads(json.dumps(architecture.to_dict())), ROOT)

    assert read == architecture
    assert read.fingerprint() == architecture.fingerprint()


def test_initial_weights_have_tensorflows_standard_deviations():
    # tensorflow/tpu, mnasnet_model.py, `conv_kernel_initializer`; timm, _efficientnet_builder.py, `_init_weight_goog`
    torch.manual_seed(0)
    model = build_model(published_network("efficientnet_b0").build(), num_classes=1000)

    for part in (part for part in model.modules() if isinstance(part, nn.Conv2d)):
        if part.weight.numel() > 2000:
            fan_out = part.kernel_size[0] ** 2 * part.out_channels // part.groups
            assert part.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.1)
    assert model.head.classify.weight.abs().max().item() == pytest.approx(1000**-0.5, rel=0.01)
