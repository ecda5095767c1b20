"""The trunk of a published network: no open decisions, and none of the network's own SE."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from se_nas.space.architecture import Architecture
from se_nas.space.decisions import Assignment, Property
from se_nas.space.placements import without_se


@dataclass(frozen=True, kw_only=True)
class PublishedTrunk:
    """The trunk of one network. Only its attention can be searched. `published` has the network's own attention."""

    name: str
    published: Architecture

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
