"""The description of one network. It is frozen and hashable, and its fingerprint identifies the network that it
builds."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from se_nas.space.attention.attention import AttentionShape, ChannelAttention, attention_shape
from se_nas.space.attention.tokens import format_token
from se_nas.space.families.family import BlockFamily, property_keys


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockShape:
    """One block with all of its widths, from which a model builds it. `se` is its channel attention."""

    family: BlockFamily
    width_in: int
    width_out: int
    stride: int
    se: AttentionShape | None

    @property
    def sites(self) -> Mapping[str, int]:
        """The number of channels at each site that this block has."""
        return self.family.sites(width_in=self.width_in, width_out=self.width_out, stride=self.stride)

    @property
    def identity(self) -> tuple[Any, ...]:
        """A key that is equal for two blocks exactly if they build the same module."""
        plain = self.family.identity(width_in=self.width_in, width_out=self.width_out, stride=self.stride)
        return *plain, self.se.identity if self.se else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """`depth` blocks of one family. The first block applies `stride`.

    `se` is the channel attention of each block: SE, unless another kind is named. `width` is not always the number of
    channels that leave a block: the family of the block computes that number from `width`.
    """

    block: BlockFamily
    depth: int
    width: int
    stride: int
    se: tuple[ChannelAttention | None, ...]

    def __post_init__(self) -> None:
        if self.depth < 1 or self.width < 1 or self.stride < 1:
            raise ValueError(
                "a stage's depth, width and stride must be at least 1, but got "
                f"depth={self.depth}, width={self.width}, stride={self.stride}"
            )
        if len(self.se) != self.depth:
            raise ValueError(f"a stage of depth {self.depth} needs {self.depth} SE entries, but got {len(self.se)}")
        for spec in self.se:
            if spec is not None and spec.site not in self.block.site_names:
                raise ValueError(f"a {self.block.name} block takes no SE at site '{spec.site}'")
        self.block.check(width=self.width, stride=self.stride)

    @property
    def se_token(self) -> str:
        """The token of the attention, e.g. `inner/4`. If blocks differ, one token for each, joined by commas."""
        tokens = [format_token(spec) for spec in self.se]
        return tokens[0] if len(set(tokens)) == 1 else ",".join(tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A network: a 3×3 stem on RGB images, stages of blocks, then global average pooling and a linear layer."""

    stem_width: int
    stem_stride: int
    stages: tuple[Stage, ...]
    _blocks: tuple[tuple[BlockShape, ...], ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.stem_width < 1 or self.stem_stride < 1:
            raise ValueError(
                f"stem width and stride must be at least 1, but got width={self.stem_width}, stride={self.stem_stride}"
            )
        if not self.stages:
            raise ValueError("an architecture needs at least one stage, but got none")
        object.__setattr__(self, "_blocks", tuple(_blocks(self.stages, self.stem_width)))

    def blocks(self) -> Iterator[tuple[BlockShape, ...]]:
        """Yield the blocks of each stage with all of their widths."""
        return iter(self._blocks)

    @property
    def head_width(self) -> int:
        """The number of channels that enter the classifier."""
        return self._blocks[-1][-1].width_out

    @property
    def se_tokens(self) -> tuple[str, ...]:
        """The attention of each stage, e.g. `('none', 'inner/4')`."""
        return tuple(stage.se_token for stage in self.stages)

    def fingerprint(self) -> str:
        """16 hex digits that are equal exactly if two networks are equal, in every process and on every machine.

        Only the blocks count, not the way they are written. A stage that is split in two makes the same network, and
        so does a reduction ratio that rounds to the same hidden width.
        """
        blocks = [block.identity for stage in self.blocks() for block in stage]
        text = json.dumps([self.stem_width, self.stem_stride, blocks], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """The hidden width of the widest attention in each stage; 0 for a stage without attention."""
        return tuple(
            max((block.se.hidden if block.se else 0 for block in blocks), default=0) for blocks in self.blocks()
        )

    def to_dict(self) -> dict[str, Any]:
        """The content of an architecture file. `architecture_file.load_architecture` reads it back."""
        return {
            "stem": {"width": self.stem_width, "stride": self.stem_stride},
            "stages": [
                {
                    "family": stage.block.name,
                    "depth": stage.depth,
                    "width": stage.width,
                    "stride": stage.stride,
                    **{key: getattr(stage.block, key) for key in property_keys(type(stage.block))},
                    "se": _compact([format_token(spec) for spec in stage.se]),
                }
                for stage in self.stages
            ],
        }


def _blocks(stages: tuple[Stage, ...], width_in: int) -> Iterator[tuple[BlockShape, ...]]:
    """The blocks of each stage. ValueError if a block lacks the site of its attention."""
    for stage in stages:
        blocks: list[BlockShape] = []
        made: dict[tuple[Any, ...], BlockShape] = {}  # most blocks of a stage are equal
        for index, spec in enumerate(stage.se):
            stride = stage.stride if index == 0 else 1
            block = made.get((width_in, stride, spec)) or _block(stage, spec, width_in=width_in, stride=stride)
            made[width_in, stride, spec] = block
            blocks.append(block)
            width_in = block.width_out
        yield tuple(blocks)


def _block(stage: Stage, spec: ChannelAttention | None, *, width_in: int, stride: int) -> BlockShape:
    width_out = stage.block.width_out(width_in=width_in, width=stage.width)
    plain = BlockShape(family=stage.block, width_in=width_in, width_out=width_out, stride=stride, se=None)
    if spec is None:
        return plain
    return replace(plain, se=attention_shape(spec, block_width_in=width_in, sites=plain.sites))


def _compact(tokens: list[str]) -> str | list[str]:
    return tokens[0] if len(set(tokens)) == 1 else tokens
