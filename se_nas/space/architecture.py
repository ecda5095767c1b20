"""The description of one network. It is frozen and hashable, and its fingerprint identifies the network that it
builds."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from se_nas.space.families import BlockFamily
from se_nas.space.squeeze_excite import Site, SqueezeExciteSpec, format_token


@dataclass(frozen=True, slots=True, kw_only=True)
class SqueezeExciteShape:
    """An SE module with its numbers of channels, from which a model builds it."""

    site: Site
    channels: int
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockShape:
    """One block with all of its widths, from which a model builds it."""

    family: BlockFamily
    width_in: int
    width_out: int
    stride: int
    se: SqueezeExciteShape | None

    @property
    def identity(self) -> tuple[Any, ...]:
        """A key that is equal for two blocks exactly if they build the same module."""
        se = (self.se.site.value, self.se.hidden) if self.se else None
        shape = self.family.shape(self.width_out)
        return self.family.name, self.width_in, self.width_out, self.stride, *shape, se


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """`depth` blocks of one width. The first block applies `stride`. `se` has an entry for each block."""

    block: BlockFamily
    depth: int
    width: int
    stride: int
    se: tuple[SqueezeExciteSpec | None, ...]

    def __post_init__(self) -> None:
        if self.depth < 1 or self.width < 1 or self.stride < 1:
            raise ValueError(
                "a stage's depth, width and stride must be at least 1, but got "
                f"depth={self.depth}, width={self.width}, stride={self.stride}"
            )
        if len(self.se) != self.depth:
            raise ValueError(f"a stage of depth {self.depth} needs {self.depth} SE entries, but got {len(self.se)}")
        for spec in self.se:
            if spec is not None and spec.site not in self.block.sites:
                raise ValueError(f"a {self.block.name} block takes no SE at site '{spec.site}'")
        self.block.check_width(self.width)

    @property
    def se_token(self) -> str:
        """The token of the SE modules, e.g. `inner/4`. If blocks differ, one token for each, joined by commas."""
        tokens = [format_token(spec) for spec in self.se]
        return tokens[0] if len(set(tokens)) == 1 else ",".join(tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A network: a 3×3 stem on RGB images, stages of blocks, then global average pooling and a linear layer."""

    stem_width: int
    stem_stride: int
    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if self.stem_width < 1 or self.stem_stride < 1:
            raise ValueError(
                f"stem width and stride must be at least 1, but got width={self.stem_width}, stride={self.stem_stride}"
            )
        if not self.stages:
            raise ValueError("an architecture needs at least one stage, but got none")

    def blocks(self) -> Iterator[tuple[BlockShape, ...]]:
        """Yield the blocks of each stage with all of their widths."""
        width_in = self.stem_width
        for stage in self.stages:
            blocks = []
            for index, spec in enumerate(stage.se):
                channels = {"width_in": width_in, "width_out": stage.width}
                stride = stage.stride if index == 0 else 1
                blocks.append(
                    BlockShape(
                        family=stage.block,
                        stride=stride,
                        se=_se_shape(spec, stage.block, **channels),
                        **channels,
                    )
                )
                width_in = stage.width
            yield tuple(blocks)

    @property
    def head_width(self) -> int:
        """The number of channels that enter the classifier."""
        return self.stages[-1].width

    @property
    def se_tokens(self) -> tuple[str, ...]:
        """The SE of each stage, e.g. `('none', 'inner/4')`."""
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
        """The hidden width of the widest SE in each stage; 0 for a stage without SE."""
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
                    "group_width": stage.block.group_width,
                    "bottleneck": stage.block.bottleneck,
                    "se": _compact([format_token(spec) for spec in stage.se]),
                }
                for stage in self.stages
            ],
        }


def _se_shape(
    spec: SqueezeExciteSpec | None, block: BlockFamily, *, width_in: int, width_out: int
) -> SqueezeExciteShape | None:
    if spec is None:
        return None
    channels = block.site_width(spec.site, width_in=width_in, width_out=width_out)
    hidden = spec.hidden_width(block_width_in=width_in, site_width=channels)
    return SqueezeExciteShape(site=spec.site, channels=channels, hidden=hidden)


def _compact(tokens: list[str]) -> str | list[str]:
    return tokens[0] if len(set(tokens)) == 1 else tokens
