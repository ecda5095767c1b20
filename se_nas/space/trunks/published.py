"""The trunk of a published network: no open decisions, and none of the network's own SE."""

from collections.abc import Iterator
from dataclasses import dataclass

from se_nas.space.architecture import Architecture
from se_nas.space.decisions import Assignment, Property
from se_nas.space.placements import without_se


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTrunk:
    """The trunk of one network. Only its attention can be searched."""

    plain: Architecture

    @classmethod
    def of(cls, network: Architecture) -> "PublishedTrunk":
        """The trunk of a network, without the network's own attention."""
        return cls(plain=without_se(network))

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
