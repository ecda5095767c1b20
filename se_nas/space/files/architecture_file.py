"""Reads an architecture from YAML, where it is written stage by stage, by the numbers of a law, or by its name."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import Field, create_model

from se_nas.space.architecture import Architecture
from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.attention.tokens import NONE, parse_token
from se_nas.space.families.family import BlockFamily
from se_nas.space.files.end_entries import END_KEYS, parse_written_ends
from se_nas.space.files.own_entries import OWN, parse_own_network
from se_nas.space.files.stage_entries import parse_written_stage
from se_nas.space.habit import leaving_a_channel, published_attention
from se_nas.space.parts.stage import BlockShape, Segment, Stage
from se_nas.space.placements import with_attention_by_stage
from se_nas.space.published import published_network
from se_nas.space.settings import MOST_IMAGE_SIZE
from se_nas.space.trunks import NETWORK_LAWS
from se_nas.space.yaml_file import Entry, Location, YamlFile, describe_value, join_keys, parse_entry, read_yaml

TRUNK = "trunk"
"""The key of a published network's name."""


def load_architecture(path: Path) -> Architecture:
    """Read one network. InputError if the file is not valid."""
    return _architecture(read_yaml(path))


def load_stored_architecture(path: Path) -> Architecture:
    """Read a network that a program wrote, as `parse_architecture` does."""
    return _architecture(read_yaml(path), is_stored=True)


def parse_architecture(data: dict[str, Any], path: Path) -> Architecture:
    """Read the network that a program wrote into another kind of file. An InputError names the file `path`.

    Earlier versions gave SE at least one channel, so their networks keep it.
    """
    return _architecture(YamlFile(path=path, data=data, lines={}), is_stored=True)


def _architecture(file: YamlFile, *, is_stored: bool = False) -> Architecture:
    if OWN in file.data:
        return parse_own_network(file)
    laws: dict[str, Any] = {
        name: (create_model(name, __base__=law, se=(Any, NONE)) | None, None) for name, law in NETWORK_LAWS.items()
    }
    entry = parse_entry(create_model("_Network", __base__=_Network, **laws), file)
    ways = ("stages", TRUNK, *NETWORK_LAWS)
    given = [name for name in ways if getattr(entry, name) is not None]
    if len(given) != 1:
        raise file.error((), f"expected exactly one of the keys {join_keys(ways)}")
    (name,) = given
    if name == TRUNK:
        return _by_name(entry, file)
    if entry.se is not None:
        raise file.error(("se",), f"belongs to a network with `{TRUNK}`, but this one has `{name}`")
    law = getattr(entry, name) if name in NETWORK_LAWS else None
    stages, chosen = _stage_by_stage(entry, file) if law is None else _by_law(name, law, file)
    if law is None or not law.brings_ends:
        stem, tail, norm = parse_written_ends(file)
    else:
        _check_no_ends(entry, f"a network with `{name}` has the `{{key}}` of the law", file)
        stem, tail, norm = law.ends()
    try:
        plain = Architecture(stem=stem, stages=stages, tail=tail, norm=norm, image_size=entry.image_size)
        return _with_chosen(plain, chosen, gives_a_channel=is_stored)
    except ValueError as error:
        raise file.error((), str(error)) from None


class _Network(Entry):
    """The keys of a network, without those of the laws."""

    stem: Any = None
    tail: Any = None
    norm: Any = None
    image_size: int | None = Field(default=None, ge=1, le=MOST_IMAGE_SIZE)
    stages: list[Any] | None = Field(default=None, min_length=1)
    trunk: str | None = None
    se: Any = None


def _by_name(entry: _Network, file: YamlFile) -> Architecture:
    """A published network. `se` replaces its own SE."""
    _check_no_ends(entry, f"a network with `{TRUNK}` has the `{{key}}` of the published network", file)
    try:
        network = published_network(str(entry.trunk)).build()
    except ValueError as error:
        raise file.error((TRUNK,), str(error)) from None
    network = replace(network, image_size=entry.image_size)
    if entry.se is None:
        return network
    sites = dict.fromkeys(site for blocks in network.blocks() for block in blocks for site in block.sites)
    chosen = _for_each(entry.se, len(network.stages), ("se",), file)
    given = [_chosen(token, sites, place, file) for token, place in chosen]
    try:
        return with_attention_by_stage(network, [partial(_attention_of, each, trunk=network) for each in given])
    except ValueError as error:  # e.g. the ratio leaves no channel
        raise file.error(("se",), str(error)) from None


def _check_no_ends(entry: _Network, message: str, file: YamlFile) -> None:
    for key in END_KEYS:
        if key in entry.model_fields_set:
            raise file.error((key,), message.format(key=key))


Given: TypeAlias = ChannelAttention | Literal[True] | None
"""The attention that a file gives to a block. True means that of the published networks of the trunk's family."""

Chosen: TypeAlias = list[list[Given]]
"""The attention that a file gives to each block of each stage."""


def _attention_of(given: Given, block: BlockShape, *, trunk: Architecture) -> ChannelAttention | None:
    return published_attention(block, trunk) if given is True else given


def _with_chosen(plain: Architecture, chosen: Chosen, *, gives_a_channel: bool) -> Architecture:
    """The network with the attention that a file gives. ValueError if a block lacks the site of its attention."""

    def attention(given: Given, block: BlockShape) -> ChannelAttention | None:
        found = _attention_of(given, block, trunk=plain)
        return leaving_a_channel(found, block) if found and gives_a_channel else found

    stages = [
        stage.with_se(tuple(attention(*pair) for pair in zip(by_block, blocks, strict=True)))
        for stage, blocks, by_block in zip(plain.stages, plain.blocks(), chosen, strict=True)
    ]
    return replace(plain, stages=tuple(stages))


def _stage_by_stage(entry: _Network, file: YamlFile) -> tuple[tuple[Stage, ...], Chosen]:
    """The stages without attention, and the attention of their blocks."""
    stages, chosen = [], []
    for index, data in enumerate(entry.stages or ()):
        segments: list[Segment] = []
        by_block: list[Given] = []
        for block, own, at in parse_written_stage(data, ("stages", index), file):
            by_block += _attention(own.se, block, own.depth, (*at, "se"), file)
            se = (None,) * own.depth
            try:
                segments.append(Segment(block=block, depth=own.depth, width=own.width, stride=own.stride, se=se))
            except ValueError as error:
                raise file.error(at, str(error)) from None
        stages.append(Stage(segments=tuple(segments)))
        chosen.append(by_block)
    return tuple(stages), chosen


def _by_law(name: str, law: Any, file: YamlFile) -> tuple[tuple[Stage, ...], Chosen]:
    """The stages without attention, and the attention of their blocks."""
    try:
        stages: tuple[Stage, ...] = law.stages()
    except ValueError as error:
        raise file.error((name,), str(error)) from None
    by_stage = _attention(law.se, stages[0].segments[0].block, len(stages), (name, "se"), file)
    return stages, [[given] * stage.depth for stage, given in zip(stages, by_stage, strict=True)]


def _attention(given: Any, block: BlockFamily, count: int, location: Location, file: YamlFile) -> list[Given]:
    """The attention of `count` blocks or stages, from one token for all or a list. `true` means the attention
    of the published networks of such blocks, e.g. `inner/4`; `false` means none."""
    chosen = _for_each(given, count, location, file)
    return [_chosen(token, block.site_names, place, file) for token, place in chosen]


def _for_each(given: Any, count: int, location: Location, file: YamlFile) -> list[tuple[Any, Location]]:
    """`count` tokens with their places in the file, from one token for all or a list."""
    if not isinstance(given, list):
        return [(given, location)] * count
    if len(given) != count:
        raise file.error(location, f"expected one token or {count}, but got {len(given)}")
    return [(token, (*location, index)) for index, token in enumerate(given)]


def _chosen(given: Any, sites: Iterable[str], location: Location, file: YamlFile) -> Given:
    """The attention of any block, as a file gives it: a token, `true` or `false`."""
    if isinstance(given, bool) or given is None:
        return True if given else None
    if not isinstance(given, str):
        raise file.error(location, f"expected a token such as none or inner/4, but got {describe_value(given)}")
    try:
        return parse_token(given, sites=tuple(sites))
    except ValueError as error:
        raise file.error(location, str(error)) from None
