"""ResNet, ResNeXt, wide ResNet and their SE variants: the counts of their sources, to the last digit."""

import json

import pytest

from se_nas.models.cost import measure_cost
from se_nas.space.architecture import Architecture
from se_nas.space.families.bottleneck import BottleneckBlock
from se_nas.space.families.regnet import RegNetBlock
from se_nas.space.files.architecture_file import parse_architecture
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from se_nas.space.placements import with_published_se, without_se
from se_nas.space.published import published_network
from se_nas.space.published.cifar_resnets import CIFAR_RESNETS
from se_nas.space.published.resnets import RESNETS
from tests.space.conftest import ROOT

NETWORKS = json.loads((ROOT / "tests/golden/families_resnets.json").read_text())["networks"]


def title(network) -> str:
    return f"{network['name']}-{network['source'].split()[0]}-{network['image_size']}-{network['classes']}"


@pytest.mark.parametrize("network", NETWORKS, ids=title)
def test_a_network_has_the_counts_of_its_source(network):
    architecture = published_network(network["name"]).build()

    cost = measure_cost(architecture, image_size=network["image_size"], num_classes=network["classes"])

    assert cost.as_dict() == {name: network[name] for name in ("flops", "params", "activations")}


@pytest.mark.parametrize("name", [*RESNETS, *CIFAR_RESNETS])
def test_a_network_is_read_back_as_it_was_written(tmp_path, name):
    architecture = published_network(name).build()
    read = parse_architecture(json.loads(json.dumps(architecture.to_dict())), tmp_path)

    assert read == architecture
    assert read.fingerprint() == architecture.fingerprint()


def test_all_fingerprints_of_different_networks_differ():
    prints = {name: published_network(name).build().fingerprint() for name in [*RESNETS, *CIFAR_RESNETS]}

    assert len(set(prints.values())) == len(prints)


@pytest.mark.parametrize(("plain", "with_se"), [("resnet50", "seresnet50"), ("resnet56_cifar10", "seresnet56_cifar10")])
def test_the_published_se_of_a_resnet_is_that_of_senet(plain, with_se):
    se_network = published_network(with_se).build()

    assert with_published_se(published_network(plain).build()).fingerprint() == se_network.fingerprint()
    assert without_se(se_network) == published_network(plain).build()


@pytest.mark.parametrize("stride", [1, 2])
def test_a_bottleneck_block_that_is_one_of_regnets_has_its_fingerprint(stride):
    regnet = Stage.of(RegNetBlock(group_width=8, bottleneck=2), depth=2, width=64, stride=stride)
    bottleneck = Stage.of(BottleneckBlock(groups=4, bottleneck=2), depth=2, width=64, stride=stride)
    others = [
        BottleneckBlock(groups=4, bottleneck=2, pre_activation=True),
        BottleneckBlock(groups=4, bottleneck=2, halved_entry=True),
        BottleneckBlock(groups=4, bottleneck=2, shortcut="pooled"),
        BottleneckBlock(groups=4, bottleneck=2, stride_at="1x1"),
    ]
    one, same, *different = (
        Architecture(stem=Stem.plain(width=32, stride=1), stages=(stage,)).fingerprint()
        for stage in (regnet, bottleneck, *(Stage.of(each, depth=2, width=64, stride=stride) for each in others))
    )

    assert one == same
    assert one not in different[:3]
    assert (one in different) == (stride == 1)  # without a stride, its place means nothing


@pytest.mark.parametrize(
    ("block", "width", "width_in", "message"),
    [
        (BottleneckBlock(groups=3), 64, 64, "groups=3, inner width 16 .width 64 / bottleneck 4"),
        (BottleneckBlock(groups=16, halved_entry=True), 64, 64, "and its half, but got groups=16, inner width 16"),
        (BottleneckBlock(shortcut="pad"), 32, 64, "cannot go from 64 channels to only 32"),
    ],
)
def test_a_block_that_cannot_be_built_is_refused_with_its_numbers(block, width, width_in, message):
    with pytest.raises(ValueError, match=message):
        Architecture(
            stem=Stem.plain(width=width_in, stride=1), stages=(Stage.of(block, depth=1, width=width, stride=1),)
        )


@pytest.mark.parametrize(("groups", "bottleneck"), [(1, 4), (3, 4), (32, 2), (8, 0.5), (7, 1)])
@pytest.mark.parametrize("width", [8, 50, 257])
def test_a_width_is_fitted_to_the_groups(groups, bottleneck, width):
    fitted, block = BottleneckBlock.fit(width, {"groups": groups, "bottleneck": bottleneck})

    block.check(width=fitted, stride=1)
    assert abs(fitted - width) <= max(groups * bottleneck, groups)
