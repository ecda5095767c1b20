"""The keys of a user's own network in files that the program writes: its function, and its places in groups."""

from typing import Any

from pydantic import Field

from se_nas.space.architecture import Architecture
from se_nas.space.attention.tokens import NONE, parse_token
from se_nas.space.own_network import OwnNetworkTrunk
from se_nas.space.parts.own_site import PLACE, OwnSite
from se_nas.space.parts.own_trunk import OwnTrunk
from se_nas.space.yaml_file import Entry, YamlFile, parse_part

OWN, GROUPS = "own", "groups"
"""The keys of the function, and of the groups of places for which SE is decided together."""


class _Own(Entry):
    file: str = Field(min_length=1, max_length=255)
    function: str = Field(min_length=1, max_length=255)
    checksum: str = Field(min_length=1, max_length=64)


class _Place(Entry):
    place: str
    channels: int
    se: str = NONE


class _OwnEntry(Entry):
    own: _Own
    groups: list[list[_Place]] = Field(min_length=1)


def parse_own_trunk(file: YamlFile) -> OwnNetworkTrunk:
    """The trunk of a search space of a user's own network."""
    return _parse(file)[0]


def parse_own_network(file: YamlFile) -> Architecture:
    """A user's own network with its SE."""
    trunk, tokens = _parse(file)
    plain = trunk.network({})
    try:
        stages = [
            stage.with_se(tuple(parse_token(token, sites=(PLACE,)) for token in own))
            for stage, own in zip(plain.stages, tokens, strict=True)
        ]
        size = file.data.get("image_size")
        return Architecture(stem=plain.stem, stages=tuple(stages), image_size=size)
    except (ValueError, TypeError) as error:
        raise file.error((GROUPS,), str(error)) from None


def own_keys(trunk: OwnNetworkTrunk) -> dict[str, Any]:
    """The keys of the trunk in a file."""
    return {
        OWN: trunk.own.to_dict(),
        GROUPS: [[site.to_dict() for site in group] for group in trunk.groups],
    }


def _parse(file: YamlFile) -> tuple[OwnNetworkTrunk, list[list[str]]]:
    entry = parse_part(_OwnEntry, {key: file.data[key] for key in (OWN, GROUPS) if key in file.data}, (), file)
    own = OwnTrunk(file=entry.own.file, function=entry.own.function, checksum=entry.own.checksum)
    try:
        groups = tuple(
            tuple(OwnSite(place=each.place, channels=each.channels) for each in group) for group in entry.groups
        )
        trunk = OwnNetworkTrunk(own=own, groups=groups)
        trunk.network({})
    except ValueError as error:
        raise file.error((GROUPS,), str(error)) from None
    return trunk, [[each.se for each in group] for group in entry.groups]
