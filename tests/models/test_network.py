import contextlib
import copy
import math
from random import Random

import pytest
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from se_nas.errors import ImageTooSmallError
from se_nas.models.attention import ATTENTION_MODULES
from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.models.blocks import BLOCKS
from se_nas.models.blocks.regnet import RegNetBlockModule
from se_nas.models.cost import map_sizes
from se_nas.models.network import build_model
from se_nas.space.attention import ATTENTIONS
from se_nas.space.families import FAMILIES
from se_nas.space.files.architecture_file import load_architecture
from se_nas.space.files.loading import load_design_space
from se_nas.space.placements import with_published_se, without_se
from tests.models.conftest import wake
from tests.space.conftest import ROOT

# Our names within a block, and torchvision's. The blocks have the same order.
NAMES = {
    "shortcut.0": "proj.0",
    "shortcut.1": "proj.1",
    "conv1": "f.a.0",
    "norm1": "f.a.1",
    "conv2": "f.b.0",
    "norm2": "f.b.1",
    "se.inner.reduce": "f.se.fc1",
    "se.inner.expand": "f.se.fc2",
    "conv3": "f.c.0",
    "norm3": "f.c.1",
}


def copy_weights(source, model):
    """Copy every tensor of torchvision's RegNet into our model once."""
    model.stem.load_state_dict(source.stem.state_dict())
    model.head.classify.load_state_dict(source.fc.state_dict())
    ours = [part for part in model.modules() if isinstance(part, RegNetBlockModule)]
    theirs = [part for part in source.modules() if type(part).__name__ == "ResBottleneckBlock"]
    for our, their in zip(ours, theirs, strict=True):
        state = their.state_dict()
        renamed = {}
        for key in our.state_dict():
            layer, _, tensor = key.rpartition(".")
            renamed[key] = state.pop(f"{NAMES[layer]}.{tensor}")
        our.load_state_dict(renamed)
        assert not state


# These two of torchvision's networks have the widths of pycls: arXiv 2003.13678, tables 5 and 6.
LAWS = {
    "regnet_y_400mf": "{depth: 16, w0: 48, wa: 27.89, wm: 2.09, group_width: 8, se: inner/4}",
    "regnet_x_800mf": "{depth: 16, w0: 56, wa: 35.73, wm: 2.28, group_width: 16}",
}


@pytest.mark.parametrize("name", LAWS)
def test_with_torchvisions_weights_logits_equal_torchvisions(tmp_path, name):
    theirs = wake(torchvision.models.get_model(name, weights=None))
    path = tmp_path / "regnet.yaml"
    path.write_text(f"regnet: {LAWS[name]}")
    ours = build_model(load_architecture(path), num_classes=1000).eval()
    copy_weights(theirs, ours)
    images = torch.randn(2, 3, 96, 96)

    with torch.no_grad():
        expected, got = theirs(images), ours(images)

    assert expected.std() > 0.01
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


def test_every_family_and_every_attention_of_the_space_can_be_built():
    assert BLOCKS.keys() == set(FAMILIES.values())
    assert ATTENTION_MODULES.keys() == set(ATTENTIONS.values())


def structure(model):
    """The structure of a network from torch: each block's layers with their settings, and the shapes of all tensors."""
    blocks = [repr(part) for part in model.modules() if isinstance(part, RegNetBlockModule)]
    shapes = [tensor.shape for tensor in model.state_dict().values()]
    return repr(model.stem), blocks, repr(model.head), shapes


def vary(space, one, changes, data):
    """`one` with new values for some decisions, as far as the rules of the space allow them."""
    other = dict(one)
    for name in data.draw(st.permutations(list(space.decisions)))[:changes]:
        changed = other | {name: data.draw(st.sampled_from(list(space.decisions[name].values())))}
        other = other if space.check(changed) else changed
    return other


SMALL = load_design_space(ROOT / "search_spaces/small.yaml")


@pytest.mark.parametrize("name", ["small", "tiny"])
@settings(derandomize=True, deadline=None)
@given(seed=st.integers(0, 10**6), changes=st.integers(0, 4), data=st.data())
def test_fingerprints_are_equal_exactly_if_the_built_networks_are_equal(tiny_space, name, seed, changes, data):
    space = {"small": SMALL, "tiny": tiny_space}[name]
    one = space.sample(Random(seed))
    first, second = space.decode(one), space.decode(vary(space, one, changes, data))

    built_alike = structure(build_model(first, num_classes=10)) == structure(build_model(second, num_classes=10))

    assert (first.fingerprint() == second.fingerprint()) == built_alike


def test_only_equal_seeds_give_equal_weights(samples):
    def build(seed):
        torch.manual_seed(seed)
        return build_model(samples[0], num_classes=10).state_dict()

    first, again, other = build(1), build(1), build(2)

    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["stem.0.weight"], other["stem.0.weight"])


def test_a_forward_and_a_backward_pass_at_its_own_size_reach_every_weight(space, samples):
    size = space.image_size
    for architecture in samples:
        model = build_model(architecture, num_classes=7).train()

        logits = model(torch.randn(2, 3, size, size))
        nn.functional.cross_entropy(logits, torch.tensor([0, 6])).backward()

        assert logits.shape == (2, 7)
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


@torch.no_grad()
def test_a_network_without_se_equals_the_plain_network(samples):
    for architecture in samples:
        full = wake(build_model(with_published_se(architecture), num_classes=7))
        plain = build_model(without_se(architecture), num_classes=7).eval()
        weights = {name: weight for name, weight in full.state_dict().items() if ".se." not in name}
        plain.load_state_dict(weights)  # strict: the plain network lacks only SE
        for part in list(full.modules()):
            for name, child in part.named_children():
                if isinstance(child, SqueezeExcite):
                    setattr(part, name, nn.Identity())
        images = torch.randn(2, 3, 32, 32)

        assert not any(isinstance(part, SqueezeExcite) for part in plain.modules())
        assert torch.equal(plain(images), full(images))


@torch.no_grad()
def test_channels_last_gives_the_same_logits(samples):
    model = wake(build_model(samples[0], num_classes=10))
    images = torch.randn(2, 3, 32, 32)

    expected = model(images)
    got = model.to(memory_format=torch.channels_last)(images.contiguous(memory_format=torch.channels_last))

    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


def least_size(architecture):
    """The side of the smallest images that a network takes, among the powers of two."""
    for size in (2**power for power in range(8)):
        with contextlib.suppress(ImageTooSmallError):
            map_sizes(architecture, image_size=size)
            return size
    raise AssertionError("no image is large enough")


@pytest.mark.parametrize("more", [(0, 0), (7, 7), (32, 16)])
def test_images_of_any_size_that_is_large_enough_are_classified(samples, more):
    model = build_model(samples[0], num_classes=10).eval()
    least = least_size(samples[0])

    assert model(torch.randn(2, 3, least + more[0], least + more[1])).shape == (2, 10)


def test_an_initial_block_equals_its_shortcut():
    # Goyal et al., arXiv 1706.02677, section 5.1
    model = build_model(SMALL.decode(SMALL.sample(Random(0))), num_classes=10)
    for block in (part for part in model.modules() if isinstance(part, RegNetBlockModule)):
        x = torch.randn(4, block.conv1.in_channels, 8, 8)

        torch.testing.assert_close(block(x), torch.relu(block.shortcut(x)))


def test_initial_weights_have_the_published_standard_deviations(tmp_path):
    # facebookresearch/pycls@5719de6, pycls/models/blocks.py, `init_weights`
    path = tmp_path / "regnet.yaml"
    path.write_text(f"regnet: {LAWS['regnet_y_400mf']}")
    model = build_model(load_architecture(path), num_classes=1000)

    for part in (part for part in model.modules() if isinstance(part, nn.Conv2d)):
        if part.weight.numel() > 2000:
            fan_out = part.out_channels * math.prod(part.kernel_size)
            assert part.weight.std().item() == pytest.approx(math.sqrt(2 / fan_out), rel=0.1)
    assert model.head.classify.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert not model.head.classify.bias.any()


def test_a_network_can_be_copied_and_loads_the_weights_of_another(samples):
    model = wake(build_model(samples[0], num_classes=10))
    images = torch.randn(1, 3, 32, 32)
    fresh = build_model(samples[0], num_classes=10).eval()

    fresh.load_state_dict(model.state_dict())

    assert torch.equal(fresh(images), model(images))
    assert torch.equal(copy.deepcopy(model)(images), model(images))
