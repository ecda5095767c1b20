"""Blocks, segments of equal blocks, and stages, which are segments that share a resolution."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from se_nas.space.attention.attention import AttentionShape, ChannelAttention, attention_shape
from se_nas.space.attention.tokens import format_token, format_tokens
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
class Segment:
    """`depth` blocks of one record. The first block applies `stride`.

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

    def shapes(self, width_in: int) -> Iterator[BlockShape]:
        """Yield the blocks with all of their widths. ValueError if there is no such block, or if a block lacks the site
        of its attention."""
        made: dict[tuple[Any, ...], BlockShape] = {}  # most blocks of a segment are equal
        for index, spec in enumerate(self.se):
            stride = self.stride if index == 0 else 1
            block = made.get((width_in, stride, spec)) or self._shape(spec, width_in=width_in, stride=stride)
            made[width_in, stride, spec] = block
            yield block
            width_in = block.width_out

    def _shape(self, spec: ChannelAttention | None, *, width_in: int, stride: int) -> BlockShape:
        width_out = self.block.width_out(width_in=width_in, width=self.width)
        plain = BlockShape(family=self.block, width_in=width_in, width_out=width_out, stride=stride, se=None)
        sites = plain.sites  # ValueError if the family has no block of these widths at this stride
        if spec is None:
            return plain
        return replace(plain, se=attention_shape(spec, block_width_in=width_in, sites=sites))

    def to_dict(self) -> dict[str, Any]:
        """The keys of a file."""
        tokens = [format_token(spec) for spec in self.se]
        return {
            "family": self.block.name,
            "depth": self.depth,
            "width": self.width,
            "stride": self.stride,
            **{key: _plain(getattr(self.block, key)) for key in property_keys(type(self.block))},
            "se": tokens[0] if len(set(tokens)) == 1 else tokens,
        }


def _plain(value: Any) -> Any:
    """A property as files have it: the name of a member of an enum."""
    return str(value) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Segments for which SE is decided together. In a published network they are the segments up to the next stride."""

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        if not self.segments:
            raise ValueError("a stage needs at least one segment, but got none")

    @classmethod
    def of(
        cls,
        block: BlockFamily,
        *,
        depth: int,
        width: int,
        stride: int,
        se: tuple[ChannelAttention | None, ...] | None = None,
    ) -> "Stage":
        """A stage of one segment. Without `se`, its blocks have no attention."""
        attention = (None,) * depth if se is None else se
        return cls(segments=(Segment(block=block, depth=depth, width=width, stride=stride, se=attention),))

    @property
    def depth(self) -> int:
        """The number of blocks."""
        return sum(segment.depth for segment in self.segments)

    @property
    def stride(self) -> int:
        """The product of the strides of its segments."""
        return math.prod(segment.stride for segment in self.segments)

    @property
    def se(self) -> tuple[ChannelAttention | None, ...]:
        """The attention of each block."""
        return tuple(spec for segment in self.segments for spec in segment.se)

    @property
    def se_token(self) -> str:
        """The token of the attention, e.g. `inner/4`. If blocks differ, one token for each, joined by commas."""
        return format_tokens(self.se)

    def with_se(self, se: tuple[ChannelAttention | None, ...]) -> "Stage":
        """The stage with another attention for each block."""
        if len(se) != self.depth:
            raise ValueError(f"a stage of {self.depth} blocks needs {self.depth} SE entries, but got {len(se)}")
        rest = list(se)
        segments = []
        for segment in self.segments:
            segments.append(replace(segment, se=tuple(rest[: segment.depth])))
            del rest[: segment.depth]
        return Stage(segments=tuple(segments))

    def attended(self, blocks: Sequence[BlockShape], se: Iterable[ChannelAttention | None]) -> "Stage":
        """The stage with another attention for each block that has its site. `blocks` are the stage's own."""
        return self.with_se(
            tuple(
                spec if spec is not None and spec.site in block.sites else None
                for spec, block in zip(se, blocks, strict=True)
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """The keys of a file: those of its segment, or `segments` if it has several."""
        if len(self.segments) == 1:
            return self.segments[0].to_dict()
        return {"segments": [segment.to_dict() for segment in self.segments]}
