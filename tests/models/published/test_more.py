"""More networks of torchvision and timm: their counts, to the last digit, and what they compute."""

import json

import pytest
from torch import nn

from se_nas.models.cost import measure_cost
from se_nas.models.network import build_model
from se_nas.space.files.architecture_file import parse_architecture
from se_nas.space.published import published_network
from tests.models.published.copying import assert_equal_outputs
from tests.space.conftest import ROOT

NETWORKS = {
    network["name"]: network
    for network in json.loads((ROOT / "tests/golden/families_more.json").read_text())["networks"]
}
QUICK = ("resnet10t", "resnetv2_18d", "resnetrs50", "seresnext26t_32x4d", "lcnet_050", "tinynet_e")
OUTPUTS = {
    "resnet10t": 65,
    "resnet14t": 65,
    "resnet18d": 65,
    "resnet26": 33,
    "resnet50c": 65,
    "resnet50s": 65,
    "resnet50t": 65,
    "resnetrs50": 65,
    "resnetv2_18": 65,
    "resnetv2_34d": 64,
    "resnetv2_50": 65,
    "resnetv2_50t": 64,
    "seresnet50t": 65,
    "seresnext26t_32x4d": 65,
    "seresnext101_32x4d": 40,
    "regnetx_004_tv": 64,
    "regnety_008_tv": 64,
    "lcnet_050": 64,
    "lcnet_150": 64,
    "mobilenet_edgetpu_100": 64,
    "tinynet_b": 64,
    "tinynet_e": 64,
    "efficientnetv2_rw_t": 64,
    "efficientnetv2_rw_s": 64,
    "tf_efficientnet_lite1": 64,
    "tf_efficientnet_es": 64,
}
"""The side of the images in pixels."""


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS]
)
def test_a_network_has_the_counts_of_its_source_and_is_read_back(name, tmp_path):
    network, published = NETWORKS[name], published_network(name)
    architecture = published.build()

    cost = measure_cost(architecture, image_size=network["image_size"], num_classes=network["classes"])
    read = parse_architecture(json.loads(json.dumps(architecture.to_dict())), tmp_path)

    assert cost.as_dict() == {name: network[name] for name in ("flops", "params", "activations")}
    assert published.image_size == network["image_size"]
    assert read == architecture
    assert read.fingerprint() == architecture.fingerprint()


@pytest.mark.slow
@pytest.mark.parametrize("name", OUTPUTS)
def test_a_network_computes_what_timms_computes(name):
    timm = pytest.importorskip("timm")
    chances = {"drop_rate": 0.0} | ({"drop_path_rate": 0.0} if "_v2" not in name and "lcnet" not in name else {})
    padding = {"pad_type": ""} if name.startswith("tf_") else {}
    theirs = timm.create_model(name, **chances, **padding)
    move_shortcuts(theirs, to_the_front=name.startswith("regnet"))
    ours = build_model(published_network(name).build(), num_classes=1000)

    assert_equal_outputs(theirs, ours, size=OUTPUTS[name], images=2)


def move_shortcuts(model: nn.Module, *, to_the_front: bool) -> None:
    """Give the shortcut of each block the place in the order of parameters that it has in our blocks."""
    for part in model.modules():
        names = [name for name, _ in part.named_children()]
        if "downsample" in names:
            for name in names:
                if (name != "downsample") == to_the_front:
                    child = part.get_submodule(name)
                    delattr(part, name)
                    setattr(part, name, child)
