"""The cost of a network before it is trained: FLOPs, parameters and activations, counted by fvcore's rules.

The total is a sum over stem, blocks, their attention and head, so each distinct part is counted once and cached. A
block runs on as few pixels as its stride allows, because convolutions cost the same at every pixel. A part is known
here only as a module.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from se_nas.errors import ImageTooSmallError
from se_nas.models.attention import build_attention
from se_nas.models.blocks import build_block
from se_nas.models.head import Head
from se_nas.models.own_network import build_own
from se_nas.models.stem import IMAGE_CHANNELS, build_stem
from se_nas.space.architecture import Architecture
from se_nas.space.attention.attention import AttentionShape
from se_nas.space.parts.own_trunk import OwnTrunk
from se_nas.space.parts.stage import BlockShape
from se_nas.space.parts.stem import Pool, Stem
from se_nas.space.parts.tail import Tail
from se_nas.space.placements import without_se

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


NO_COST = Cost(flops=0, params=0, activations=0)


def measure_cost(architecture: Architecture, *, image_size: int, num_classes: int, any_size: bool = False) -> Cost:
    """Count the cost of a network for one square RGB image.

    `image_size` is its side in pixels. A network with an image size of its own is counted at that size.
    ImageTooSmallError if a map has fewer pixels a side than the stride of the layer behind it. With `any_size`, images
    are counted as long as torch accepts them, as earlier versions did.
    """
    image_size = architecture.image_size or image_size
    if isinstance(architecture.stem, OwnTrunk):
        return _count_own(without_se(architecture), image_size, num_classes) + _count_all_attention(architecture)
    if not any_size:
        _check_stem(architecture.stem, image_size)
    stem = _count_stem(architecture.stem, image_size)
    total, size = stem.cost, stem.size
    for blocks in architecture.blocks():
        for block in blocks:
            if not any_size:
                _check_stride(size, block.stride)
            counted = _count_plain_block(block, size)
            total, size = total + counted.cost, counted.size
    head = _count_head(architecture.tail, architecture.width_out, num_classes, size)
    return total + head.cost + _count_all_attention(architecture)


def _count_all_attention(architecture: Architecture) -> Cost:
    shapes = [block.se for blocks in architecture.blocks() for block in blocks if block.se is not None]
    return sum((_count_attention(_Part.of_attention(shape)).cost for shape in shapes), NO_COST)


@cache
def _count_own(plain: Architecture, image_size: int, num_classes: int) -> Cost:
    """The cost of a user's own network without SE."""
    return measure_module_cost(build_own(plain, num_classes=num_classes), torch.zeros(1, 3, image_size, image_size))


def map_sizes(architecture: Architecture, *, image_size: int) -> tuple[int, ...]:
    """The side of the map after the stem and after each stage, in pixels. ImageTooSmallError as in `measure_cost`.

    The maps of a user's own network are not known, so it has no sizes.
    """
    if isinstance(architecture.stem, OwnTrunk):
        return ()
    entered = blocks_on_maps(architecture, image_size=image_size)
    sizes = []
    for blocks in architecture.blocks():
        on_maps = [next(entered) for _ in blocks]
        sizes.append(on_maps[0][1])
    return (*sizes, _count_plain_block(*on_maps[-1]).size)


def blocks_on_maps(architecture: Architecture, *, image_size: int) -> Iterator[tuple[BlockShape, int]]:
    """Yield each block with the side of the map that enters it, in pixels. ImageTooSmallError as in `measure_cost`."""
    stem, image_size = architecture.stem, architecture.image_size or image_size
    assert isinstance(stem, Stem)
    _check_stem(stem, image_size)
    size = _count_stem(stem, image_size).size
    for blocks in architecture.blocks():
        for block in blocks:
            _check_stride(size, block.stride)
            yield block, size
            size = _count_plain_block(block, size).size


def _check_stem(stem: Stem, image_size: int) -> None:
    size = image_size
    for conv in stem.convs:
        _check_stride(size, conv.stride)
        size = (size - (1 if conv.padded else conv.kernel)) // conv.stride + 1
    if stem.pool is not Pool.NONE:
        _check_stride(size, 2)


def _check_stride(size: int, stride: int) -> None:
    """ImageTooSmallError if a map has fewer pixels a side than the stride of the layer behind it.

    torch fails on such maps in some layers, e.g. in the pool of DenseNet's transition. In others it computes, but the
    stride does nothing and the kernel sees mostly padding.
    """
    if size < stride:
        raise _too_small(size, f"of stride {stride} stands")


def _too_small(size: int, needs: str) -> ImageTooSmallError:
    left = f"only {max(0, size)}×{max(0, size)} pixels are left where a layer {needs}"
    return ImageTooSmallError(f"the image is too small for the strides of the network: {left}")


def measure_module_cost(module: nn.Module, *inputs: torch.Tensor) -> Cost:
    """Count the cost of any module on `inputs`. The module's mode and statistics stay unchanged."""
    return _run(module, {}, inputs)[0]


def _run(
    module: nn.Module, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
) -> tuple[Cost, torch.Tensor]:
    """The cost of a module on `inputs`, and its result. `tensors` replace those of the module, by name."""
    was_training = [part.training for part in module.modules()]
    module.eval()  # in training mode batch norm statistics would be updated
    try:
        with torch.no_grad(), _Counter() as counter:
            result: torch.Tensor = functional_call(module, dict(tensors), inputs)
    finally:
        for part, training in zip(module.modules(), was_training, strict=True):
            part.training = training
    params = sum(parameter.numel() for parameter in module.parameters())
    return Cost(flops=counter.flops, params=params, activations=counter.activations), result


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


COUNTED = (torch.conv1d, torch.conv2d, F.linear)

MOST_NUMBERS = 1 << 14
"""The most elements of a part's largest tensor for which the part is counted on the CPU. A larger part is counted on
torch's device "meta", which has only shapes: this takes no memory, and its time does not grow with the tensors."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a network as a key of a cache. Two keys are equal if their parts are the same module."""

    identity: tuple[Any, ...]
    channels: int
    build: Callable[[], nn.Module] = field(compare=False)

    @classmethod
    def of_block(cls, block: BlockShape) -> "_Part":
        """A block without its attention."""
        plain = replace(block, se=None)
        return cls(plain.identity, block.width_in, lambda: build_block(plain))

    @classmethod
    def of_attention(cls, shape: AttentionShape) -> "_Part":
        """The attention of a block."""
        kind = type(shape.attention).name
        return cls((kind, shape.channels, *shape.identity), shape.channels, lambda: build_attention(shape))


@dataclass(frozen=True, slots=True)
class _Counted:
    """The cost of a part, and the side of its result in pixels."""

    cost: Cost
    size: int


@cache
def _count_stem(stem: Stem, image_size: int) -> _Counted:
    return _count(lambda: build_stem(stem), channels=IMAGE_CHANNELS, size=image_size)


def _count_plain_block(block: BlockShape, size: int) -> _Counted:
    part = _Part.of_block(block)
    pixels, rest = divmod(size, block.stride)
    if rest:
        return _count_part(part, size)
    one = _count_part(part, block.stride)
    cost = Cost(flops=one.cost.flops * pixels**2, params=one.cost.params, activations=one.cost.activations * pixels**2)
    return _Counted(cost, one.size * pixels)


@cache
def _count_part(part: _Part, size: int) -> _Counted:
    return _count(part.build, channels=part.channels, size=size)


def _count_attention(part: _Part) -> _Counted:
    return _count_part(part, 1)  # it works on the channels' means, so it costs the same at every image size


@cache
def _count_head(tail: Tail, width: int, num_classes: int, size: int) -> _Counted:
    return _count(lambda: Head(tail, width, num_classes), channels=width, size=size if tail.conv else 1)


def _count(build: Callable[[], nn.Module], *, channels: int, size: int) -> _Counted:
    with torch.device("meta"):  # draws no weights, and takes no memory
        module = build()
    try:
        return _count_on(module, channels=channels, size=size)
    except RuntimeError:
        _count_on(module, channels=channels, size=size + LARGER)  # raises again, unless the size is the reason
        raise _too_small(size, "needs more") from None


LARGER = 64
"""The pixels that are added to the side of a map, to find out whether a part failed because of its size."""


def _count_on(module: nn.Module, *, channels: int, size: int) -> _Counted:
    fits = _largest_tensor(module, channels, size) <= MOST_NUMBERS
    tensors = {name: torch.zeros(each.shape, dtype=each.dtype) for name, each in _tensors(module)} if fits else {}
    image = torch.zeros(1, channels, size, size, device="cpu" if fits else "meta")
    cost, result = _run(module, tensors, (image,))
    return _Counted(cost, result.shape[-1] if result.dim() == 4 else 1)


def _tensors(module: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """The weights and the buffers of a module, by name."""
    return chain(module.named_parameters(), module.named_buffers())


def _largest_tensor(module: nn.Module, channels: int, size: int) -> int:
    """The number of elements of the largest weight, or of a map with as many channels as any layer has."""
    weights = list(module.parameters())
    widest = max((channels, *(weight.shape[0] for weight in weights)))
    return max((widest * size**2, *(weight.numel() for weight in weights)))
