"""A user's own network as a trunk: the file and the function that build it, and the sites where SE may go.

The space knows only their names and their channels. `models.own_network` builds the network. A file never makes the
program run the function: only the path on the command line does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from se_nas.space.architecture import Architecture
from se_nas.space.decisions import Assignment, Property
from se_nas.space.parts.own_site import OwnSite
from se_nas.space.parts.own_trunk import OwnTrunk
from se_nas.space.parts.stage import Segment, Stage


def group_of(place: str) -> str:
    """The name of a place before its last dot: `layer1` for `layer1.0`. A name without a dot is its own group."""
    return place.rpartition(".")[0] or place


def grouped(sites: Iterable[OwnSite], *, by_stage: bool) -> tuple[tuple[OwnSite, ...], ...]:
    """The sites for which SE is decided together: each alone, or neighbours with the same name before the last dot."""
    if not by_stage:
        return tuple((site,) for site in sites)
    return tuple(tuple(group) for _, group in groupby(sites, lambda site: group_of(site.place)))


def own_architecture(trunk: OwnTrunk, groups: Iterable[Iterable[OwnSite]]) -> Architecture:
    """The user's network without SE. ValueError if two places have the same name, or if there is none."""
    stages = tuple(
        Stage(segments=tuple(Segment(block=site, depth=1, width=site.channels, stride=1, se=(None,)) for site in group))
        for group in groups
    )
    names = [
        segment.block.place for stage in stages for segment in stage.segments if isinstance(segment.block, OwnSite)
    ]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"place({name!r}, ...) is called twice; each place needs a name of its own")
    return Architecture(stem=trunk, stages=stages)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnNetworkTrunk:
    """The trunk of a search space: the user's network. Only its SE can be searched."""

    largest_image_size: ClassVar[None] = None

    own: OwnTrunk
    groups: tuple[tuple[OwnSite, ...], ...]

    @property
    def stage_names(self) -> tuple[str, ...]:
        """The name of each group: that of its site, or what the names of its sites have before the last dot."""
        return tuple(group[0].place if len(group) == 1 else group_of(group[0].place) for group in self.groups)

    def settings(self) -> Iterator[Property]:
        """Yield nothing."""
        return iter(())

    def network(self, assignment: Assignment) -> Architecture:
        """The network without SE."""
        return own_architecture(self.own, self.groups)

    def most_blocks(self) -> tuple[int, ...]:
        """The number of sites of each group."""
        return tuple(len(group) for group in self.groups)

    def size_bound(self) -> int:
        """One."""
        return 1
