"""The trunk of a published network: no open decisions, and none of the network's own SE."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from se_nas.space.architecture import Architecture
from se_nas.space.decisions import Assignment, Property
from se_nas.space.placements import without_se
from se_nas.space.trunks.trunk import numbered_stages


@dataclass(frozen=True, kw_only=True)
class PublishedTrunk:
    """The trunk of one network. Only its attention can be searched. `published` has the network's own attention."""

    largest_image_size: ClassVar[None] = None

    name: str
    published: Architecture

    @property
    def stage_names(self) -> tuple[str, ...]:
        """`stage1`, `stage2` and so on."""
        return numbered_stages(len(self.published.stages))

    @cached_property
    def plain(self) -> Architecture:
        """The network without its attention."""
        return without_se(self.published)

    def settings(self) -> Iterator[Property]:
        """Yield nothing."""
        return iter(())

    def network(self, assignment: Assignment) -> Architecture:
        """The network without attention."""
        return self.plain

    def most_blocks(self) -> tuple[int, ...]:
        """The number of blocks of each stage."""
        return tuple(stage.depth for stage in self.plain.stages)

    def size_bound(self) -> int:
        """One."""
        return 1
