"""DenseNet, MobileNetV1, Xception and ShuffleNet: the counts of their sources, to the last digit."""

import json

import pytest
import torch

from se_nas.errors import InputError
from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.models.cost import map_sizes, measure_cost
from se_nas.models.network import build_model
from se_nas.space.architecture import Architecture
from se_nas.space.attention.tokens import parse_token
from se_nas.space.families.shuffle_v1 import ShuffleV1Block
from se_nas.space.files.architecture_file import parse_architecture
from se_nas.space.parts.stage import Stage
from se_nas.space.placements import with_attention_by_stage, with_published_se
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


def with_se(name, token) -> Architecture:
    """A published network with other SE in every block."""
    return built({"name": name, "se": token})


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


def pooled_elements(architecture, image_size) -> int:
    """The number of elements that SE's pools average, for one image."""
    with torch.device("meta"):
        model = build_model(architecture, num_classes=1000).eval()
    elements = []
    for part in model.modules():
        if isinstance(part, SqueezeExcite):
            part.register_forward_pre_hook(lambda _, given: elements.append(given[0].numel()))
    model(torch.zeros(1, 3, image_size, image_size, device="meta"))
    return sum(elements)


# SENet, arXiv 1709.01507, table 3: millions of parameters, cut to one digit, without SE and with SE; and the MFLOPs
# that SE adds. The paper does not name the site.
SENET = {
    "mobilenet_w1": (4.2, 4.7, 3, "end/16 of site floor", ["inner/16 of site floor"]),
    "shufflenet_g3_w1": (1.8, 2.4, 2, "standard/16 of site floor", ["post/16 of site floor", "inner/16 of site floor"]),
}


@pytest.mark.parametrize("name", SENET)
def test_se_at_the_site_that_we_name_published_has_the_figures_of_senet(name):
    published, published_with_se, more_mflops, token, others = SENET[name]
    plain_network, se_network = published_network(name).build(), published_network(f"se_{name}").build()
    plain, with_its_se = (
        measure_cost(network, image_size=224, num_classes=1000) for network in (plain_network, se_network)
    )
    # the paper also counts one operation for each element that is pooled
    added = with_its_se.flops + pooled_elements(se_network, 224) - plain.flops

    assert se_network == with_se(name, token) == with_published_se(plain_network)
    assert plain.params // 10**5 == round(10 * published)
    assert with_its_se.params // 10**5 == round(10 * published_with_se)
    assert round(added / 1e6) == more_mflops
    for other in others:
        elsewhere = measure_cost(with_se(name, other), image_size=224, num_classes=1000)
        assert elsewhere.params // 10**5 != round(10 * published_with_se)


def test_the_published_se_of_a_densenet_is_on_the_new_maps_only():
    plain = published_network("densenet100_k12_bc_cifar10").build()

    assert with_published_se(plain) == published_network("se_densenet100_k12_bc_cifar10").build()


@pytest.mark.parametrize("name", sorted({network["name"] for network in NETWORKS}))
def test_a_network_is_read_back_as_it_was_written(tmp_path, name):
    architecture = published_network(name).build()
    read = parse_architecture(json.loads(json.dumps(architecture.to_dict())), tmp_path)

    assert read == architecture
    assert read.fingerprint() == architecture.fingerprint()


def test_a_first_block_without_groups_may_be_written_as_a_stage_of_its_own():
    architecture = published_network("shufflenet_g3_w1").build()
    first = Stage.of(ShuffleV1Block(groups=3, dense_entry=True), depth=1, width=240, stride=2)
    rest = Stage.of(ShuffleV1Block(groups=3), depth=3, width=240, stride=1)
    split = Architecture(stem=architecture.stem, stages=(first, rest, *architecture.stages[1:]))

    assert split.fingerprint() == architecture.fingerprint()
    assert split != architecture


def test_all_fingerprints_of_different_networks_differ():
    names = sorted({network["name"] for network in NETWORKS})
    prints = {name: published_network(name).build().fingerprint() for name in names}

    assert len(set(prints.values())) == len(names)
