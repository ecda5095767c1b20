"""The supernet: all placements of SE on one trunk as one network, whose shared weights are trained together."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from se_nas.models.attention.switched import SwitchedAttention, switches_of
from se_nas.models.network import build_model
from se_nas.space.attention.switched import Place
from se_nas.space.switches import Switchboard

INSIDE = "module."
"""The start of the names of a switched module's own weights."""


def build_supernet(board: Switchboard, widest: nn.Module, *, num_classes: int) -> nn.Module:
    """Build the supernet with the weights of `widest`, the network with the widest SE everywhere."""
    with torch.random.fork_rng(devices=()):
        supernet = build_model(board.switched, num_classes=num_classes)
    supernet.load_state_dict({switched_name(supernet, name): value for name, value in widest.state_dict().items()})
    return supernet


def switched_name(supernet: nn.Module, name: str) -> str:
    """The name in a supernet of a weight of the network with SE everywhere."""
    for path, module in supernet.named_modules(remove_duplicate=False):
        if isinstance(module, SwitchedAttention) and name.startswith(f"{path}."):
            return f"{path}.{INSIDE}{name.removeprefix(f'{path}.')}"
    return name


def choose(supernet: nn.Module, widths: Mapping[Place, int]) -> None:
    """Switch a supernet to a placement, given by the hidden width of SE in each block (`Switchboard.widths`)."""
    for switch in switches_of(supernet):
        switch.hidden, switch.shares = widths[switch.place], None


def mix(supernet: nn.Module, shares: Mapping[Place, Sequence[tuple[int, Tensor]]]) -> None:
    """Let each switch mix its options: pairs of a hidden width and its share, (), whose sum is 1."""
    for switch in switches_of(supernet):
        switch.shares = shares[switch.place]
