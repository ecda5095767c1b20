"""The description of one network. It is frozen and hashable, and its fingerprint identifies the network that it
builds."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from se_nas.space.attention.tokens import format_token
from se_nas.space.faults import StageError
from se_nas.space.parts.norm import USUAL_NORM, Norm
from se_nas.space.parts.own_site import OwnSite
from se_nas.space.parts.own_trunk import OwnTrunk
from se_nas.space.parts.stage import BlockShape, Stage
from se_nas.space.parts.stem import Stem
from se_nas.space.parts.tail import NO_TAIL, Tail


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A network for RGB images: a stem, stages of blocks, and a tail with global average pooling and a classifier.

    The stem of a user's own network is its whole trunk, and its blocks are the places of its SE. `image_size` is the
    side in pixels to which images are resized before they enter the network. None means that they keep their own size.
    """

    stem: Stem | OwnTrunk
    stages: tuple[Stage, ...]
    tail: Tail = NO_TAIL
    norm: Norm = USUAL_NORM
    image_size: int | None = None
    _blocks: tuple[tuple[BlockShape, ...], ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("an architecture needs at least one stage, but got none")
        if self.image_size is not None and self.image_size < 1:
            raise ValueError(f"an image size must be at least 1, but got {self.image_size}")
        object.__setattr__(self, "_blocks", tuple(_blocks(self.stages, self.stem.width)))

    def blocks(self) -> Iterator[tuple[BlockShape, ...]]:
        """Yield the blocks of each stage with all of their widths."""
        return iter(self._blocks)

    @property
    def width_out(self) -> int:
        """The number of channels that leave the last block."""
        return self._blocks[-1][-1].width_out

    @property
    def head_width(self) -> int:
        """The number of channels that enter the classifier."""
        return self.tail.width_out(self.width_out)

    @property
    def se_tokens(self) -> tuple[str, ...]:
        """The attention of each stage, e.g. `('none', 'inner/4')`."""
        return tuple(stage.se_token for stage in self.stages)

    def fingerprint(self) -> str:
        """16 hex digits that are equal exactly if two networks are equal, in every process and on every machine.

        Only the layers count, not the way they are written. A stage that is split in two makes the same network, and so
        does a reduction ratio that rounds to the same hidden width.
        """
        blocks = [block.identity for stage in self.blocks() for block in stage]
        size = () if self.image_size is None else (("image size", self.image_size),)
        parts = [*self.stem.identity, blocks, *self.tail.identity, *self.norm.identity, *size]
        text = json.dumps(parts, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def hidden_widths(self) -> tuple[int, ...]:
        """The hidden width of the widest attention in each stage; 0 for a stage without attention."""
        return tuple(
            max((block.se.hidden if block.se else 0 for block in blocks), default=0) for blocks in self.blocks()
        )

    def to_dict(self) -> dict[str, Any]:
        """The content of an architecture file. `architecture_file.load_architecture` reads it back."""
        size = {} if self.image_size is None else {"image_size": self.image_size}
        if isinstance(self.stem, OwnTrunk):
            return {"own": self.stem.to_dict(), "groups": [_places(stage) for stage in self.stages]} | size
        own: dict[str, Any] = {"stem": self.stem.to_dict(), "stages": [stage.to_dict() for stage in self.stages]}
        tail = {} if self.tail == NO_TAIL else {"tail": self.tail.to_dict()}
        norm = {} if self.norm == USUAL_NORM else {"norm": self.norm.to_dict()}
        return own | tail | norm | size


def _blocks(stages: tuple[Stage, ...], width_in: int) -> Iterator[tuple[BlockShape, ...]]:
    """The blocks of each stage. StageError names the stage and the block that cannot be."""
    for number, stage in enumerate(stages, start=1):
        blocks: list[BlockShape] = []
        try:
            for segment in stage.segments:
                for block in segment.shapes(width_in):
                    blocks.append(block)
                    width_in = block.width_out
        except ValueError as error:
            raise StageError(f"stage {number}, block {len(blocks) + 1}: {error}", index=number - 1) from None
        yield tuple(blocks)


def _places(stage: Stage) -> list[dict[str, Any]]:
    """The places of a user's own network in one group."""
    return [
        {**segment.block.to_dict(), "se": format_token(segment.se[0])}
        for segment in stage.segments
        if isinstance(segment.block, OwnSite)
    ]
