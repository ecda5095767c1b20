import contextlib
import json

import pytest
import torch
import torchvision
from fvcore.nn import ActivationCountAnalysis, FlopCountAnalysis
from torch import nn

from se_nas.errors import ImageTooSmallError
from se_nas.models import cost
from se_nas.models.cost import Cost, map_sizes, measure_cost, measure_module_cost
from se_nas.models.network import build_model
from se_nas.space.architecture import Architecture
from se_nas.space.attention.tokens import parse_token
from se_nas.space.families.regnet import RegNetBlock
from se_nas.space.files.architecture_file import load_architecture
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from se_nas.space.published import PUBLISHED
from tests.space.conftest import ROOT

OF_PAPER = json.loads((ROOT / "tests/golden/regnet_published.json").read_text())["models"]
COUNTED = ("conv", "linear")


def by_fvcore(model, image_size):
    """The cost of the whole model by fvcore's own analyses."""
    model.eval()
    image = torch.zeros(1, 3, image_size, image_size)
    flops = FlopCountAnalysis(model, image).unsupported_ops_warnings(False).by_operator()
    activations = ActivationCountAnalysis(model, image).unsupported_ops_warnings(False).by_operator()
    return Cost(
        flops=sum(int(flops[operator]) for operator in COUNTED),
        params=sum(parameter.numel() for parameter in model.parameters()),
        activations=sum(int(activations[operator]) for operator in COUNTED),
    )


@pytest.mark.parametrize("network", OF_PAPER, ids=lambda network: network["name"])
def test_a_published_network_has_the_published_cost(tmp_path, network):
    law = {name: network[name] for name in ("depth", "w0", "wa", "wm", "group_width", "se")}
    path = tmp_path / "regnet.yaml"
    path.write_text(json.dumps({"regnet": law}))
    architecture = load_architecture(path)
    # pycls adds one FLOP for each bias; only SE and the classifier have biases.
    se = [block.se for stage in architecture.blocks() for block in stage if block.se]
    biases = sum(module.hidden + module.channels for module in se) + 1000

    cost = measure_cost(architecture, image_size=224, num_classes=1000)

    assert cost.params == network["params"]
    assert cost.activations == network["activations"]
    assert cost.flops == network["flops"] - biases


@pytest.mark.parametrize("odd_size", [None, 33], ids=["own size", "odd size"])
def test_the_parts_add_up_to_fvcores_count_of_the_whole(space, samples, odd_size):
    size = odd_size or space.image_size
    for architecture in samples:
        expected = by_fvcore(build_model(architecture, num_classes=10), size)

        assert measure_cost(architecture, image_size=size, num_classes=10) == expected


SITES = ["inner/4", "standard/4", "pre/4", "post/4", "identity/4", "none", "inner/4 of site"]


def network(width=24, tokens=SITES, *, stem_stride=2, bottleneck=1):
    stage = Stage.of(
        RegNetBlock(group_width=8, bottleneck=bottleneck),
        depth=len(tokens),
        width=width,
        stride=3,
        se=tuple(map(parse_token, tokens)),
    )
    return Architecture(stem=Stem.plain(width=8, stride=stem_stride), stages=(stage, stage))


@pytest.mark.parametrize("size", [1, 2, 13, 31, 32])
@pytest.mark.parametrize("bottleneck", [0.5, 1, 3])
def test_every_site_stride_and_bottleneck_is_counted(size, bottleneck):
    architecture = network(bottleneck=bottleneck)

    expected = by_fvcore(build_model(architecture, num_classes=3), size)

    assert measure_cost(architecture, image_size=size, num_classes=3, any_size=size < 13) == expected


def test_se_adds_to_the_cost_and_a_wider_hidden_layer_adds_more():
    none, narrow, wide = (
        measure_cost(network(tokens=[token] * 2), image_size=32, num_classes=10)
        for token in (
            "none",
            "inner/4",
            "inner/4 of site",
        )  # 8 channels enter the first block, and 24 its site
    )

    assert none.flops < narrow.flops < wide.flops
    assert none.params < narrow.params < wide.params
    assert none.activations < narrow.activations < wide.activations


def test_measuring_a_cost_keeps_the_global_random_state():
    before = torch.get_rng_state()

    measure_cost(network(width=72), image_size=19, num_classes=11)  # sizes without a cached cost

    assert torch.equal(torch.get_rng_state(), before)


def state_of(model):
    modes = [part.training for part in model.modules()]
    return modes, {name: tensor.tolist() for name, tensor in model.state_dict().items()}


def half_frozen_model():
    model = build_model(network(), num_classes=10).train()
    model.stem.eval()
    return model


def test_a_measured_module_stays_unchanged():
    model = half_frozen_model()
    before = state_of(model)

    measure_module_cost(model, torch.randn(2, 3, 16, 16))

    assert state_of(model) == before
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())


def test_a_module_that_refuses_its_input_stays_unchanged():
    model = half_frozen_model()
    before = state_of(model)

    with pytest.raises(RuntimeError, match="to have 3 channels"):
        measure_module_cost(model, torch.randn(2, 4, 16, 16))

    assert state_of(model) == before


def test_a_module_costs_the_same_in_training_mode():
    model, image = half_frozen_model(), torch.zeros(1, 3, 32, 32)

    assert measure_module_cost(model, image) == measure_module_cost(model.eval(), image)


def test_a_layer_costs_its_multiply_adds():
    convolution = nn.Conv2d(6, 4, 3, padding=1, groups=2)
    along, linear = nn.Conv1d(1, 2, 3, padding=1), nn.Linear(5, 7)

    assert measure_module_cost(convolution, torch.zeros(1, 6, 10, 10)) == Cost(
        flops=4 * 10 * 10 * 3 * 9, params=4 * 3 * 9 + 4, activations=4 * 10 * 10
    )
    assert measure_module_cost(along, torch.zeros(1, 1, 9)) == Cost(flops=2 * 9 * 3, params=8, activations=18)
    assert measure_module_cost(linear, torch.zeros(1, 5)) == Cost(flops=35, params=42, activations=7)


def test_costs_add_up_by_name():
    total = Cost(flops=1, params=2, activations=3) + Cost(flops=10, params=20, activations=30)

    assert total.as_dict() == {"flops": 11, "params": 22, "activations": 33}


def test_a_part_too_large_to_run_is_counted_by_its_shapes(monkeypatch):
    """The bound is so low here that only the smallest parts run. The widest network of a file fits in no memory."""
    architecture = network(width=32, bottleneck=0.25)
    expected = measure_cost(architecture, image_size=17, num_classes=10)
    monkeypatch.setattr(cost, "MOST_NUMBERS", 500)
    for remembered in (cost._count_stem, cost._count_part, cost._count_head):
        remembered.cache_clear()

    assert measure_cost(architecture, image_size=17, num_classes=10) == expected
    assert measure_cost(network(width=100_000), image_size=4096, num_classes=10).params > 10**11


@pytest.mark.parametrize("name", [name for name in torchvision.models.list_models() if name.startswith("regnet")])
def test_a_regnet_of_torchvision_has_its_parameters(name):
    published = torchvision.models.get_model_weights(name).DEFAULT.meta["num_params"]

    cost = measure_cost(PUBLISHED[name].build(), image_size=224, num_classes=1000)

    assert cost.params == published


def least_size(name):
    """The side of the smallest images that a published network takes."""
    architecture = PUBLISHED[name].build()
    for size in range(1, 64):
        with contextlib.suppress(ImageTooSmallError):
            map_sizes(architecture, image_size=size)
            return size
    raise AssertionError("no image is large enough")


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("resnet18", 17),  # its last block with a stride gets 2 pixels
        ("seresnet50", 17),
        ("legacy_seresnet50", 19),  # its pool has no padding
        ("resnet20_cifar10", 3),
        ("resnext50_32x4d", 17),
        ("densenet121", 29),
        ("mobilenet_w1", 17),
        ("mobilenet_v2", 17),
        ("mobilenet_v3_small", 17),
        ("mnasnet1_0", 17),
        ("efficientnet_b0", 17),
        ("efficientnet_v2_s", 17),
        ("shufflenet_g3_w1", 17),
        ("shufflenet_v2_x1_0", 17),
        ("regnet_y_400mf", 17),
        ("xception", 23),  # its stem has no padding
    ],
)
def test_a_layer_with_a_stride_needs_a_map_that_is_as_large_as_its_stride(name, least):
    architecture = PUBLISHED[name].build()

    assert least_size(name) == least
    assert measure_cost(architecture, image_size=least, num_classes=10).flops > 0
    for size in (1, least // 2, least - 1):
        with pytest.raises(
            ImageTooSmallError, match=r"too small for the strides .*: only (\d)×\1 pixels are left"
        ) as caught:
            measure_cost(architecture, image_size=size, num_classes=10)
        assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED)
def test_the_smallest_images_of_every_network_give_maps_of_at_least_one_pixel(name):
    architecture, least = PUBLISHED[name].build(), least_size(name)

    sizes = [map_sizes(architecture, image_size=size) for size in range(least, 65)]

    assert all(min(each) >= 1 for each in sizes)  # and each larger size is accepted
    assert min(sizes[0]) <= 2
