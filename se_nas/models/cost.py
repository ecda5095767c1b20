"""The cost of a network before it is trained: FLOPs, parameters and activations, counted by fvcore's rules.

The total is a sum over stem, blocks and head, so each distinct part is counted once and cached. A block runs on as few
pixels as its stride allows, because convolutions cost the same at every pixel.
"""

import contextlib
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from se_nas.models.network import IMAGE_CHANNELS, Head, build_block, build_stem
from se_nas.models.squeeze_excite import SqueezeExcite
from se_nas.space.architecture import Architecture, BlockShape

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # fvcore compiles a helper with torch.jit.script on import
    from fvcore.nn.jit_handles import conv_flop_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The counted cost of a network or of a part of it.

    `flops`: multiply-adds of convolutions and linear layers for one image; biases, norms and gates do not count.
    `params`: the number of learned parameters. `activations`: the number of output elements of convolutions and linear
    layers (Radosavovic et al., arXiv 2003.13678, section 3.1).
    """

    flops: int
    params: int
    activations: int

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            flops=self.flops + other.flops,
            params=self.params + other.params,
            activations=self.activations + other.activations,
        )

    def as_dict(self) -> dict[str, int]:
        """The three numbers by name."""
        return asdict(self)


def measure_cost(architecture: Architecture, *, image_size: int, num_classes: int) -> Cost:
    """Count the cost of a network for one square RGB image. `image_size` is its side in pixels."""
    total = _stem_cost(architecture.stem_width, architecture.stem_stride, image_size)
    size = _downsampled(image_size, architecture.stem_stride)
    for blocks in architecture.blocks():
        for block in blocks:
            total += _plain_block_cost(replace(block, se=None), size)
            if block.se is not None:
                total += _squeeze_excite_cost(block.se.channels, block.se.hidden)
            size = _downsampled(size, block.stride)
    return total + _head_cost(architecture.head_width, num_classes)


def measure_module_cost(module: nn.Module, *inputs: torch.Tensor) -> Cost:
    """Count the cost of any module on `inputs`. The module's mode and statistics stay unchanged."""
    was_training = [part.training for part in module.modules()]
    module.eval()  # in training mode batch norm statistics would be updated
    try:
        with torch.no_grad(), _Counter() as counter:
            module(*inputs)
    finally:
        for part, training in zip(module.modules(), was_training, strict=True):
            part.training = training
    params = sum(parameter.numel() for parameter in module.parameters())
    return Cost(flops=counter.flops, params=params, activations=counter.activations)


class _Counter(TorchFunctionMode):
    """Counts each convolution and linear layer that runs. By fvcore's rule a linear layer is a convolution without
    pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = self.activations = 0

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in COUNTED:
            features, weight = args[:2]
            self.flops += int(conv_flop_count(features.shape, weight.shape, result.shape))
            self.activations += result.numel()
        return result


COUNTED = (torch.conv2d, F.linear)

MOST_NUMBERS = 1 << 24
"""The most elements of a part's largest tensor for which the part is counted on the CPU. A larger part is counted on
torch's device "meta", which has only shapes: this takes three times as long and no memory."""


class _Plain:
    """A block without SE as a key of the cache. Two keys are equal if their blocks build the same module."""

    __slots__ = ("block",)

    def __init__(self, block: BlockShape) -> None:
        self.block = block

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Plain) and self.block.identity == other.block.identity

    def __hash__(self) -> int:
        return hash(self.block.identity)


@cache
def _stem_cost(width: int, stride: int, image_size: int) -> Cost:
    shape = (IMAGE_CHANNELS, image_size, image_size)
    return _count(lambda: build_stem(width, stride), shape, numbers=width * image_size**2)


def _plain_block_cost(block: BlockShape, size: int) -> Cost:
    pixels, rest = divmod(size, block.stride)
    if rest:
        return _run_block_cost(_Plain(block), size)
    one = _run_block_cost(_Plain(block), block.stride)
    return Cost(flops=one.flops * pixels**2, params=one.params, activations=one.activations * pixels**2)


@cache
def _run_block_cost(part: _Plain, size: int) -> Cost:
    block = part.block
    inner, group_width = block.family.shape(block.width_out)
    weights = max(block.width_in * inner, 9 * inner * group_width, inner * block.width_out)
    numbers = max(weights, max(block.width_in, inner, block.width_out) * size**2)
    return _count(lambda: build_block(block), (block.width_in, size, size), numbers=numbers)


@cache
def _squeeze_excite_cost(channels: int, hidden: int) -> Cost:
    # The squeeze leaves one value for each channel, so the module costs the same at every image size.
    return _count(lambda: SqueezeExcite(channels, hidden), (channels, 1, 1), numbers=channels * hidden)


@cache
def _head_cost(width: int, num_classes: int) -> Cost:
    return _count(lambda: Head(width, num_classes), (width, 1, 1), numbers=width * num_classes)


def _count(build: Callable[[], nn.Module], shape: tuple[int, int, int], *, numbers: int) -> Cost:
    where = torch.device("meta") if numbers > MOST_NUMBERS else contextlib.nullcontext()
    # Building a module draws its weights. This must not change the global random state.
    with torch.random.fork_rng(devices=()), where:
        return measure_module_cost(build(), torch.zeros(1, *shape))


def _downsampled(size: int, stride: int) -> int:
    return (size - 1) // stride + 1
