from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor, nn

from se_nas.commands.own_network import space_of_network
from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.models.attention.switched import SwitchedAttention, switches_of
from se_nas.models.network import build_model
from se_nas.models.own_network import NetworkSource
from se_nas.models.supernet import build_supernet, choose, mix
from se_nas.shipped_files import shipped
from se_nas.space.activation import Activation
from se_nas.space.attention.squeeze_excite import Gate
from se_nas.space.design_space import DesignSpace
from se_nas.space.files.loading import load_design_space, parse_design_space
from se_nas.space.switches import Placement, Switchboard, find_switches
from se_nas.space.yaml_file import parse_yaml
from tests.models.conftest import wake

SPACES = [
    "se_only",
    "resnet_small",
    "densenet_small",
    "mobilenet_v3_small",
    "shufflenet_small",
    "xception_small",
]
OWN = b"""\
import torch.nn as nn

def build(place, num_classes=10):
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True), place("early", 8),
        nn.Conv2d(8, 16, 3, padding=1), nn.BatchNorm2d(16), place("late", 16), nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, num_classes),
    )
"""


def switchboard(space: DesignSpace) -> Switchboard:
    return find_switches(space, space.decode(space.sample(Random(1))))


def awake(board: Switchboard) -> tuple[nn.Module, nn.Module]:
    """The network with the widest SE everywhere, and the supernet with its weights. No layer is trivial."""
    torch.manual_seed(0)
    widest = build_model(board.network(board.widest), num_classes=3)
    wake(widest)
    return widest, build_supernet(board, widest, num_classes=3)


def alone(board: Switchboard, placement: Placement, widest: nn.Module) -> nn.Module:
    """The network of a placement with the weights of the supernet: a narrower SE has the first hidden channels."""
    model = build_model(board.network(placement), num_classes=3)
    given = widest.state_dict()
    for name, value in model.state_dict().items():
        value.copy_(given[name][tuple(slice(0, size) for size in value.shape)])
    return model


def placements(board: Switchboard) -> list[Placement]:
    rng = Random(0)
    drawn = [tuple(rng.randrange(len(switch.options)) for switch in board.switches) for _ in range(2)]
    return [board.narrowest, board.widest, *drawn]


@pytest.mark.parametrize("name", SPACES)
def test_a_placement_in_a_supernet_is_the_network_of_this_placement(name: str) -> None:
    board = switchboard(load_design_space(shipped("search_spaces", f"{name}.yaml")))
    widest, supernet = awake(board)
    images = torch.randn(2, 3, 32, 32)
    for placement in placements(board):
        plain = alone(board, placement, widest)

        choose(supernet, board.widths(placement))

        for network in (plain, supernet):
            network.eval()
        torch.testing.assert_close(supernet(images), plain(images), rtol=1e-4, atol=1e-4)


def test_a_users_own_network_is_a_supernet_too() -> None:
    source = NetworkSource(file="own.py", function="build", text=OWN)
    source.allow()
    content = space_of_network(source, None, classes=3, image_size=8, group="site")
    board = switchboard(parse_design_space(parse_yaml(Path("own.py"), content)))
    widest, supernet = awake(board)
    images = torch.randn(2, 3, 8, 8)
    assert [switch.name for switch in board.switches] == ["early", "late"]
    for placement in placements(board):
        choose(supernet, board.widths(placement))

        plain = alone(board, placement, widest)
        torch.testing.assert_close(supernet.eval()(images), plain.eval()(images), rtol=1e-4, atol=1e-4)


def test_a_supernet_starts_with_the_weights_of_the_widest_network() -> None:
    board = switchboard(load_design_space(shipped("search_spaces", "se_only.yaml")))
    widest, supernet = awake(board)

    trained = sum(parameter.numel() for parameter in supernet.parameters())
    assert trained == sum(parameter.numel() for parameter in widest.parameters())
    assert len(switches_of(supernet)) == sum(len(switch.blocks) for switch in board.switches)


@pytest.mark.parametrize("gate", list(Gate))
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("activation", [Activation.RELU, Activation.SILU])
def test_a_narrow_se_is_a_module_of_that_width(gate: Gate, bias: bool, activation: Activation) -> None:
    torch.manual_seed(0)
    wide, narrow = (SqueezeExcite(8, hidden, gate=gate, bias=bias, activation=activation) for hidden in (6, 2))
    with torch.no_grad():
        for own, given in zip(narrow.parameters(), wide.parameters(), strict=True):
            own.copy_(given[tuple(slice(0, size) for size in own.shape)])
    features, gradient = torch.randn(3, 8, 4, 4), torch.randn(3, 8, 4, 4)

    sliced = wide.narrowed(features, 2)
    sliced.backward(gradient)
    narrow(features).backward(gradient)

    torch.testing.assert_close(sliced, narrow(features))
    for own, given in zip(narrow.parameters(), wide.parameters(), strict=True):
        assert given.grad is not None
        inside = tuple(slice(0, size) for size in own.shape)
        torch.testing.assert_close(given.grad[inside], own.grad)
        assert given.grad.abs().sum() == pytest.approx(float(given.grad[inside].abs().sum()))


def test_a_mixture_with_one_whole_share_is_that_option_and_its_shares_learn() -> None:
    module = SwitchedAttention(SqueezeExcite(8, 6), place=(0, 0), hidden=6)
    features = torch.randn(2, 8, 4, 4)

    def mixed(*shares: float) -> tuple[Tensor, Tensor]:
        values = torch.tensor(shares, requires_grad=True)
        mix(module, {(0, 0): list(zip((0, 2, 6), values, strict=True))})
        return module(features), values

    for number, hidden in enumerate((0, 2, 6)):
        mixture, values = mixed(*(float(number == other) for other in range(3)))
        mixture.square().sum().backward()
        choose(module, {(0, 0): hidden})

        torch.testing.assert_close(mixture, module(features))
        assert values.grad is not None
        assert values.grad[1:].abs().min() > 0
