"""DenseNet, MobileNetV1, Xception and ShuffleNet: the counts of their sources, to the last digit."""

import json

import pytest

from se_nas.errors import InputError
from se_nas.models.cost import map_sizes, measure_cost
from se_nas.space.architecture import Architecture
from se_nas.space.attention.tokens import parse_token
from se_nas.space.placements import with_attention_by_stage
from se_nas.space.published import published_network
from tests.space.conftest import ROOT

NETWORKS = json.loads((ROOT / "tests/golden/families_dense.json").read_text())["networks"]


def built(network) -> Architecture:
    """The network of an entry of the file. An entry may have other SE than the published network."""
    architecture = published_network(network["name"]).build()
    if "se" not in network:
        return architecture
    spec = parse_token(network["se"])
    return with_attention_by_stage(architecture, [lambda _: spec] * len(architecture.stages))


def title(network) -> str:
    return f"{network['name']}-{network.get('se', 'own')}-{network['source'].split()[0]}"


@pytest.mark.parametrize("network", NETWORKS, ids=title)
def test_a_network_has_the_counts_of_its_source(network):
    cost = measure_cost(built(network), image_size=network["image_size"], num_classes=network["classes"])

    assert cost.as_dict() == {name: network[name] for name in ("flops", "params", "activations")}


@pytest.mark.parametrize("network", NETWORKS, ids=title)
def test_a_network_is_published_for_the_images_of_its_source(network):
    published = published_network(network["name"])

    assert (published.image_size, published.classes) == (network["image_size"], network["classes"])


@pytest.mark.parametrize("count", [measure_cost, map_sizes])
@pytest.mark.parametrize(("name", "size"), [("densenet121", 15), ("densenet100_k12_bc_cifar10", 3)])
def test_an_image_too_small_for_the_transitions_is_one_clear_line(name, size, count):
    classes = {"num_classes": 10} if count is measure_cost else {}
    architecture = published_network(name).build()

    with pytest.raises(InputError, match="the image is too small for the strides") as caught:
        count(architecture, image_size=size, **classes)

    assert "\n" not in str(caught.value)
    assert count(architecture, image_size=2 * size, **classes)
