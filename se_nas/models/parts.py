"""The parts of a network: its stem, its blocks, the attention of the blocks, and its head, each with its input.

They are the parts whose cost `models.cost` counts. Two parts with the same name are the same module on maps of the same
shape, in every network and on every machine.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from se_nas.models.attention import build_attention
from se_nas.models.attention.module import AttentionModule
from se_nas.models.blocks import build_block
from se_nas.models.cost import blocks_on_maps, map_sizes
from se_nas.models.head import Head
from se_nas.models.own_network import build_own
from se_nas.models.stem import IMAGE_CHANNELS, build_stem
from se_nas.space.architecture import Architecture
from se_nas.space.attention.attention import AttentionShape
from se_nas.space.parts.own_trunk import OwnTrunk
from se_nas.space.parts.stage import BlockShape
from se_nas.space.parts.stem import Stem
from se_nas.space.placements import without_se

ATTENTION = "attention"
"""The kind of a part that is the attention of a block."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a network that runs by itself on a map of `channels` times `size` times `size` numbers."""

    name: str
    channels: int
    size: int
    build: Callable[[], nn.Module] = field(compare=False)

    @classmethod
    def of(cls, kind: str, identity: Any, channels: int, size: int, build: Callable[[], nn.Module]) -> "Part":
        """A part of this kind. `identity` has JSON values that are equal exactly for equal modules."""
        text = json.dumps(identity, separators=(",", ":"))
        return cls(f"{kind} {text} on {channels}x{size}x{size}", channels, size, build)


def is_attention(name: str) -> bool:
    """Whether the part of this name is the attention of a block."""
    return name.startswith(f"{ATTENTION} ")


def parts_of(architecture: Architecture, *, image_size: int, num_classes: int) -> tuple[Part, ...]:
    """The parts in the order in which an image passes them; equal parts stand there several times.

    ImageTooSmallError as in `measure_cost`. A user's own network without SE is a single part.
    """
    side = architecture.image_size or image_size
    if isinstance(architecture.stem, OwnTrunk):
        return tuple(_parts_of_own(architecture, side, num_classes))
    return tuple(_parts_of_family(architecture, side, num_classes))


def _parts_of_family(architecture: Architecture, side: int, num_classes: int) -> Iterator[Part]:
    stem = architecture.stem
    assert isinstance(stem, Stem)
    yield Part.of("stem", stem.identity, IMAGE_CHANNELS, side, lambda: build_stem(stem))
    for block, size in blocks_on_maps(architecture, image_size=side):
        yield _plain_block(block, size)
        if block.se is not None:
            yield _attention(block.se, _site_size(block, size))
    tail, width, size = architecture.tail, architecture.width_out, map_sizes(architecture, image_size=side)[-1]
    yield Part.of("head", [*tail.identity, num_classes], width, size, lambda: Head(tail, width, num_classes))


def _plain_block(block: BlockShape, size: int) -> Part:
    plain = replace(block, se=None)
    return Part.of("block", plain.identity[:-1], plain.width_in, size, lambda: build_block(plain))


def _attention(shape: AttentionShape, size: int) -> Part:
    identity = [type(shape.attention).name, *shape.identity]
    return Part.of(ATTENTION, identity, shape.channels, size, lambda: build_attention(shape))


@cache
def _site_size(block: BlockShape, size: int) -> int:
    """The side of the map that enters the attention of a block whose own map has the side `size`."""
    with torch.device("meta"):
        module = build_block(block)
        return _probed_size(module, torch.zeros(1, block.width_in, size, size))


def _parts_of_own(architecture: Architecture, side: int, num_classes: int) -> Iterator[Part]:
    plain = without_se(architecture)
    identity = [*plain.stem.identity, num_classes]
    yield Part.of("network", identity, IMAGE_CHANNELS, side, lambda: build_own(plain, num_classes=num_classes))
    for blocks in architecture.blocks():
        for block in blocks:
            if block.se is not None:
                yield _attention(block.se, _own_site_size(plain, block, side, num_classes))


@cache
def _own_site_size(plain: Architecture, block: BlockShape, side: int, num_classes: int) -> int:
    """The side of the map at a place of a user's own network, which is run with attention at that place alone."""
    assert block.se is not None
    spec, place = block.se.attention, replace(block, se=None)
    stages = tuple(
        stage.with_se(tuple(spec if own == place else None for own in blocks))
        for stage, blocks in zip(plain.stages, plain.blocks(), strict=True)
    )
    with torch.random.fork_rng(devices=()):
        module = build_own(replace(plain, stages=stages), num_classes=num_classes)
    return _probed_size(module, torch.zeros(1, IMAGE_CHANNELS, side, side))


def _probed_size(module: nn.Module, features: Tensor) -> int:
    """The side of the map that enters the only attention in a module that runs on `features`."""
    (name,) = [name for name, each in module.named_modules() if isinstance(each, AttentionModule)]
    probe = _Probe()
    module.set_submodule(name, probe)
    with torch.no_grad():
        module.eval()(features)
    assert probe.size is not None
    return probe.size


class _Probe(nn.Module):
    """Stands in for an attention, and remembers the side of the map that enters it."""

    def __init__(self) -> None:
        super().__init__()
        self.size: int | None = None

    def forward(self, features: Tensor) -> Tensor:
        """Return the map as it is."""
        self.size = features.shape[-1]
        return features
