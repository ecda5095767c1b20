import pytest
import torch
from torch import nn

from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.models.blocks import build_block
from se_nas.space.attention.attention import AttentionShape
from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec
from se_nas.space.families.regnet import RegNetBlock, Site
from se_nas.space.parts.stage import BlockShape
from tests.models.conftest import wake


def block(site=None, *, width_in=16, width_out=16, stride=1, group_width=8, bottleneck=1):
    family = RegNetBlock(group_width=group_width, bottleneck=bottleneck)
    se = None
    if site is not None:
        channels = family.sites(width_in=width_in, width_out=width_out, stride=stride)[site]
        se = AttentionShape(attention=SqueezeExciteSpec(site=site, reduction=4), channels=channels, hidden=4)
    shape = BlockShape(family=family, width_in=width_in, width_out=width_out, stride=stride, se=se)
    return wake(build_block(shape))


def norm(layer, x):
    """A norm without the sum and the ReLU that our module may include."""
    return nn.BatchNorm2d.forward(layer, x)


def head(m, x):
    """The 1×1 and 3×3 of the branch: arXiv 2003.13678, figure 4."""
    return torch.relu(norm(m.norm2, m.conv2(torch.relu(norm(m.norm1, m.conv1(x))))))


def tail(m, x):
    """The last 1×1 of the branch."""
    return norm(m.norm3, m.conv3(x))


# SENet, arXiv 1709.01507, section 6.5 and figure 5; inner is SE_3x3 of table 15.
BY_THE_PAPER = {
    None: lambda m, x: torch.relu(m.shortcut(x) + tail(m, head(m, x))),
    Site.INNER: lambda m, x: torch.relu(m.shortcut(x) + tail(m, m.se["inner"](head(m, x)))),
    Site.STANDARD: lambda m, x: torch.relu(m.shortcut(x) + m.se["standard"](tail(m, head(m, x)))),
    Site.PRE: lambda m, x: torch.relu(m.shortcut(x) + tail(m, head(m, m.se["pre"](x)))),
    Site.POST: lambda m, x: m.se["post"](torch.relu(m.shortcut(x) + tail(m, head(m, x)))),
    Site.IDENTITY: lambda m, x: torch.relu(m.se["identity"](m.shortcut(x)) + tail(m, head(m, x))),
}

SHAPES = [
    pytest.param({}, id="plain"),
    pytest.param({"width_out": 24}, id="wider"),
    pytest.param({"stride": 2}, id="stride"),
    pytest.param({"width_in": 24, "width_out": 32, "stride": 2, "bottleneck": 0.5}, id="inverted"),
    pytest.param({"width_in": 16, "width_out": 32, "stride": 2, "bottleneck": 2}, id="bottleneck"),
]


def test_every_site_comes_from_the_paper():
    assert BY_THE_PAPER.keys() == {None, *Site}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("site", BY_THE_PAPER, ids=str)
def test_se_acts_at_its_site(site, shape):
    module = block(site, **shape)
    x = torch.randn(2, shape.get("width_in", 16), 6, 6)

    torch.testing.assert_close(module(x), BY_THE_PAPER[site](module, x))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_block_without_se_equals_the_plain_part_of_a_block_with_se(shape):
    plain, excited = block(None, **shape), block(Site.INNER, **shape)
    plain.load_state_dict({k: v for k, v in excited.state_dict().items() if not k.startswith("se.")})
    excited.se.clear()
    x = torch.randn(2, shape.get("width_in", 16), 6, 6)

    assert not any(isinstance(part, SqueezeExcite) for part in plain.modules())
    assert torch.equal(plain(x), excited(x))


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 7), (8, 8), (9, 6)])
def test_a_block_divides_height_and_width_by_its_stride_rounding_up(size, stride):
    height, width = size

    out = block(Site.INNER, width_out=24, stride=stride)(torch.randn(2, 16, height, width))

    assert out.shape == (2, 24, -(-height // stride), -(-width // stride))


@pytest.mark.parametrize(
    ("shape", "projected"), [({}, False), ({"stride": 2}, True), ({"width_out": 24}, True)], ids=str
)
def test_the_shortcut_is_projected_only_where_the_shape_changes(shape, projected):
    assert bool(list(block(**shape).shortcut.parameters())) == projected


def test_the_3x3_convolution_has_groups_of_the_group_width():
    module = block(width_out=48, group_width=24, bottleneck=0.5)

    assert (module.conv2.in_channels, module.conv2.out_channels, module.conv2.groups) == (96, 96, 4)
