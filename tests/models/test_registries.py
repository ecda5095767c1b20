"""The contract of block families and of channel attention: every member of the registries, and made-up ones."""

import json
from dataclasses import replace
from itertools import product

import pytest
import torch
import yaml
from torch import nn

from se_nas.models.blocks import BLOCKS, build_block
from se_nas.models.cost import measure_cost, measure_module_cost
from se_nas.models.network import build_model
from se_nas.space.architecture import Architecture
from se_nas.space.attention import ATTENTIONS
from se_nas.space.attention.attention import attention_shape
from se_nas.space.attention.squeeze_excite import Reference, SqueezeExciteSpec
from se_nas.space.attention.tokens import format_token, parse_token
from se_nas.space.families import FAMILIES
from se_nas.space.families.basic import BasicBlock
from se_nas.space.families.bottleneck import BottleneckBlock
from se_nas.space.families.dense import DenseLayer
from se_nas.space.families.fused_mbconv import FusedMBConv
from se_nas.space.families.mbconv import MBConv
from se_nas.space.families.regnet import RegNetBlock
from se_nas.space.families.separable import SeparableBlock
from se_nas.space.families.shuffle_v1 import ShuffleV1Block
from se_nas.space.families.shuffle_v2 import ShuffleV2Block
from se_nas.space.families.transition import Transition
from se_nas.space.families.xception import XceptionBlock
from se_nas.space.files.architecture_file import parse_architecture
from se_nas.space.parts.stage import BlockShape, Stage
from se_nas.space.parts.stem import Stem
from tests.made_up import Eca, Growing, Thinning, second_members

# Each stage: its block, its width and its stride.
STAGES = {
    "regnet": [(RegNetBlock(group_width=4), 16, 2), (RegNetBlock(group_width=8, bottleneck=0.5), 24, 1)],
    "bottleneck": [
        (BottleneckBlock(groups=4, bottleneck=1, stride_at="1x1"), 16, 2),
        (BottleneckBlock(pre_activation=True, shortcut="pad"), 24, 2),
        (BottleneckBlock(bottleneck=0.5, halved_entry=True, shortcut="3x3"), 16, 2),
        (BottleneckBlock(bottleneck=2, shortcut="pooled"), 16, 1),
    ],
    "basic": [
        (BasicBlock(), 16, 1),
        (BasicBlock(shortcut="pooled"), 24, 2),
        (BasicBlock(pre_activation=True), 24, 2),
        (BasicBlock(pre_activation=True, shortcut="pad"), 16, 1),
    ],
    "dense": [(DenseLayer(), 8, 1), (DenseLayer(bottleneck=0), 12, 1)],
    "transition": [(Transition(), 1, 2), (Transition(compression=1), 1, 2)],
    "separable": [(SeparableBlock(), 24, 2), (SeparableBlock(kernel=5, activation="hard-swish"), 16, 1)],
    "xception": [
        (XceptionBlock(convolutions=2, form="first", grows="last"), 24, 2),
        (XceptionBlock(), 16, 1),
        (XceptionBlock(convolutions=1, form="plain"), 24, 1),
    ],
    "shuffle_v1": [
        (ShuffleV1Block(groups=2), 16, 1),
        (ShuffleV1Block(groups=4), 32, 2),
        (ShuffleV1Block(groups=2, dense_entry=True), 24, 2),
    ],
    "shuffle_v2": [(ShuffleV2Block(), 16, 1), (ShuffleV2Block(), 24, 1), (ShuffleV2Block(), 24, 2)],
    "mbconv": [
        (MBConv(expansion=2.3, activation="hard-swish"), 16, 1),
        (MBConv(expansion=1, kernel=5, activation="relu6"), 24, 2),
        (MBConv(expansion=1, keep_expansion=True, activation="relu", shortcut=False), 16, 1),
    ],
    "fused_mbconv": [
        (FusedMBConv(expansion=4), 16, 1),
        (FusedMBConv(expansion=2, kernel=5, activation="relu"), 24, 2),
        (FusedMBConv(expansion=1), 16, 1),
        (FusedMBConv(expansion=1, activation="hard-swish"), 24, 1),
    ],
    "growing": [(Growing(kernel=3), 4, 1), (Growing(kernel=1), 6, 2)],
    "thinning": [(Thinning(), 1, 2)],
}
ATTENTION = {
    "se": [{"reduction": 2}, {"reduction": 2, "of": Reference.SITE}, {"reduction": 1000, "rounding": "eights"}],
    "eca": [{"span": 3}, {"span": 5}],
}
CASES = [(name, *stage) for name, stages in STAGES.items() for stage in stages]


@pytest.fixture(autouse=True)
def _registered():
    with second_members():
        yield


def test_every_registered_member_is_tried_here():
    assert STAGES.keys() == FAMILIES.keys()
    assert ATTENTION.keys() == ATTENTIONS.keys()
    assert {SqueezeExciteSpec, Eca} == set(ATTENTIONS.values())


def shape_of(block, width, stride, *, width_in=16):
    return BlockShape(
        family=block,
        width_in=width_in,
        width_out=block.width_out(width_in=width_in, width=width),
        stride=stride,
        se=None,
    )


def attended(block, width, stride):
    """The block without attention, and with each kind at each of its sites."""
    plain = shape_of(block, width, stride)
    yield plain
    for site, (name, choices) in product(plain.sites, ATTENTION.items()):
        for properties in choices:
            spec = ATTENTIONS[name](site=site, **properties)
            yield replace(plain, se=attention_shape(spec, block_width_in=plain.width_in, sites=plain.sites))


@pytest.mark.parametrize(("name", "block", "width", "stride"), CASES)
def test_a_block_has_the_widths_of_its_record_and_trains(name, block, width, stride):
    for shape in attended(block, width, stride):
        module = build_block(shape)
        module.initialise()
        features = torch.randn(2, shape.width_in, 4, 4, requires_grad=True)

        result = module(features)
        result.square().sum().backward()

        assert result.shape == (2, shape.width_out, 4 // stride, 4 // stride)
        assert all(torch.isfinite(parameter.grad).all() for parameter in module.parameters())
        assert sum(part.numel() for part in module.parameters()) > 0


@pytest.mark.parametrize("size", [7, 8])
@pytest.mark.parametrize(("name", "block", "width", "stride"), CASES)
def test_the_cost_of_the_parts_is_that_of_the_network(name, block, width, stride, size):
    for shape in attended(block, width, stride):
        spec = shape.se.attention if shape.se else None
        stage = Stage.of(block, depth=1, width=width, stride=stride, se=(spec,))
        network = Architecture(stem=Stem.plain(width=16, stride=1), stages=(stage,))
        counted = measure_module_cost(build_model(network, num_classes=3), torch.zeros(1, 3, size, size))

        assert measure_cost(network, image_size=size, num_classes=3) == counted


@pytest.mark.parametrize(("name", "block", "width", "stride"), CASES)
def test_identities_differ_exactly_if_modules_differ(name, block, width, stride):
    structures = {}
    for shape in attended(block, width, stride):
        place = shape.se.attention.site if shape.se else None
        built = (place, repr(build_block(shape)), [tuple(each.shape) for each in build_block(shape).parameters()])
        structures.setdefault(json.dumps(shape.identity), set()).add(str(built))

    assert all(len(built) == 1 for built in structures.values())
    assert len({next(iter(built)) for built in structures.values()}) == len(structures)
    first = {shape.identity[0] for shape in attended(block, width, stride)}
    assert first <= {name, "regnet"}  # a bottleneck block may be one of RegNet's


@pytest.mark.parametrize(("name", "block", "width", "stride"), CASES)
def test_a_network_is_read_back_as_it_was_written(tmp_path, name, block, width, stride):
    for shape in attended(block, width, stride):
        spec = shape.se.attention if shape.se else None
        stage = Stage.of(block, depth=1, width=width, stride=stride, se=(spec,))
        network = Architecture(stem=Stem.plain(width=16, stride=1), stages=(stage,))
        written = yaml.safe_load(yaml.safe_dump(network.to_dict()))

        assert parse_architecture(written, tmp_path) == network
        assert parse_token(format_token(spec), sites=block.site_names) == spec
        assert network.hidden_widths == ((0,) if spec is None else (shape.se.hidden,))
        assert spec is None or shape.se.hidden >= 1
        assert not set(format_token(spec)) & set(",|\n")  # tokens are joined by these


@pytest.mark.parametrize(("name", "block", "width", "stride"), CASES)
def test_the_published_attention_has_a_site_and_the_columns_are_text(name, block, width, stride):
    sites = shape_of(block, width, stride).sites

    # a transition has no attention beside layers that have it, so it lacks their site
    assert name == "transition" or block.published_attention.site in sites
    assert set(sites) <= set(block.site_names)
    assert len(set(block.published_names)) == 2
    assert all(isinstance(cell, str) for cell in block.columns(width).values())


@pytest.mark.parametrize(("name", "block", "width", "stride"), CASES)
def test_a_width_that_was_fitted_is_kept(name, block, width, stride):
    keys = {key: getattr(block, key) for key in block.keys if hasattr(block, key)}

    assert type(block).fit(width, keys) == (width, block)
    block.check(width=width, stride=stride)


def test_no_key_of_a_family_is_a_decision_of_an_attention():
    open_keys = (key for kind in ATTENTIONS.values() for key, each in kind.keys.items() if not each.parser.is_fixed)
    attention = {"site", *ATTENTIONS, *open_keys}

    assert not attention & {key for family in FAMILIES.values() for key in family.keys}


def test_every_module_draws_the_same_weights_from_the_same_seed():
    for _, block, width, stride in CASES:
        weights = []
        for _ in range(2):
            torch.manual_seed(3)
            module = build_block(shape_of(block, width, stride))
            module.initialise()
            weights.append(nn.utils.parameters_to_vector(module.parameters()))

        assert torch.equal(*weights)
        assert isinstance(module, BLOCKS[type(block)])
