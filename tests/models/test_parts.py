"""The parts of a network are its modules, each on the map that enters it in the network."""

from pathlib import Path
from random import Random

import pytest
import torch
from torch import nn

from se_nas.commands.own_network import read_network, space_of_network
from se_nas.errors import ImageTooSmallError
from se_nas.models.attention.module import AttentionModule
from se_nas.models.network import build_model
from se_nas.models.parts import Part, parts_of
from se_nas.shipped_files import shipped
from se_nas.space.architecture import Architecture
from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec
from se_nas.space.families.regnet import RegNetBlock
from se_nas.space.files.loading import load_design_space, parse_design_space
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from se_nas.space.yaml_file import parse_yaml
from tests.fakes import tiny_architecture
from tests.space.conftest import ROOT

SPACES = ["small", "resnet_small", "mobilenet_v3_small", "densenet_small", "shufflenet_small", "xception_small"]


def drawn(space: str, *, seed: int = 0) -> tuple[Architecture, int]:
    found = load_design_space(shipped("search_spaces", f"{space}.yaml"))
    return found.decode(found.sample(Random(seed))), found.image_size


def params_of(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("space", SPACES)
def test_the_parts_together_have_the_parameters_of_the_network(space: str) -> None:
    network, size = drawn(space)

    parts = parts_of(network, image_size=size, num_classes=10)

    assert sum(params_of(part.build()) for part in parts) == params_of(build_model(network, num_classes=10))


@pytest.mark.parametrize("space", SPACES)
def test_each_part_runs_on_its_map_and_the_next_plain_part_takes_its_result(space: str) -> None:
    network, size = drawn(space)
    plain = [part for part in parts_of(network, image_size=size, num_classes=10) if not is_attention(part)]

    features = torch.zeros(1, 3, size, size)
    for part in plain:
        assert features.shape == (1, part.channels, part.size, part.size)
        with torch.no_grad():
            features = part.build().eval()(features)

    assert features.shape == (1, 10)


def is_attention(part: Part) -> bool:
    return part.name.startswith("attention")


@pytest.mark.parametrize(("site", "size"), [("pre", 8), ("inner", 4), ("standard", 4), ("post", 4), ("identity", 4)])
def test_attention_runs_on_the_map_of_its_site(site: str, size: int) -> None:
    spec = SqueezeExciteSpec(site=site, reduction=4)
    stage = Stage.of(RegNetBlock(group_width=8), depth=1, width=16, stride=2, se=(spec,))
    network = Architecture(stem=Stem.plain(width=8, stride=1), stages=(stage,))

    (attention,) = [part for part in parts_of(network, image_size=8, num_classes=2) if is_attention(part)]

    assert (attention.channels, attention.size) == (8 if site == "pre" else 16, size)


def test_equal_parts_have_equal_names_and_other_maps_give_other_names() -> None:
    names = [part.name for part in parts_of(tiny_architecture(), image_size=8, num_classes=2)]
    again = [part.name for part in parts_of(tiny_architecture(), image_size=8, num_classes=2)]
    larger = [part.name for part in parts_of(tiny_architecture(), image_size=16, num_classes=2)]

    assert names == again
    assert not {*names} & {*larger}


def test_a_network_with_its_own_image_size_has_parts_of_that_size() -> None:
    network = Architecture(stem=Stem.plain(width=8, stride=1), stages=tiny_architecture().stages, image_size=12)

    assert parts_of(network, image_size=8, num_classes=2)[0].size == 12


def test_too_small_images_are_refused() -> None:
    network, _ = drawn("resnet_small")

    with pytest.raises(ImageTooSmallError):
        parts_of(network, image_size=1, num_classes=2)


def test_a_users_own_network_is_one_part_beside_its_attention_on_the_maps_of_its_places() -> None:
    network = read_network(f"{ROOT / 'docs' / 'examples' / 'small_resnet.py'}:build")
    content = space_of_network(network, None, classes=4, image_size=16, group="site")
    space = parse_design_space(parse_yaml(Path("own.yaml"), content))
    drawn = [space.decode(space.sample(Random(seed))) for seed in range(8)]

    for architecture in drawn:
        whole, *attention = parts_of(architecture, image_size=16, num_classes=4)
        assert whole.name.startswith("network ")
        assert len(attention) == sum(block.se is not None for blocks in architecture.blocks() for block in blocks)
        model = build_model(architecture, num_classes=4)
        assert params_of(whole.build()) + sum(params_of(part.build()) for part in attention) == params_of(model)
        assert maps_into_attention(model, size=16) == sorted(
            (part.channels, part.size, part.size) for part in attention
        )


def maps_into_attention(model: nn.Module, *, size: int) -> list[tuple[int, ...]]:
    """The shapes of the maps that enter the attention of a network, without the batch, in order."""
    maps: list[tuple[int, ...]] = []
    for module in model.modules():
        if isinstance(module, AttentionModule):
            module.register_forward_pre_hook(lambda _, given: maps.append(tuple(given[0].shape[1:])))
    with torch.no_grad():
        model.eval()(torch.zeros(1, 3, size, size))
    return sorted(maps)
