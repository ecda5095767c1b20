"""Reads an architecture from YAML, where it is written stage by stage or by the numbers of a law."""

from pathlib import Path
from typing import Any

from pydantic import Field, create_model

from se_nas.space.architecture import Architecture, Stage
from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.attention.tokens import NONE, parse_token
from se_nas.space.families.family import BlockFamily
from se_nas.space.settings import MOST_WIDTH
from se_nas.space.stage_entries import parse_written_stage
from se_nas.space.trunks import NETWORK_LAWS
from se_nas.space.yaml_file import Entry, Location, YamlFile, describe_value, parse_entry, read_yaml


def load_architecture(path: Path) -> Architecture:
    """Read one network, written stage by stage or by a law. InputError if the file is not valid."""
    return _architecture(read_yaml(path))


def parse_architecture(data: dict[str, Any], path: Path) -> Architecture:
    """Read one network from the data in another kind of file. An InputError names the file `path`."""
    return _architecture(YamlFile(path=path, data=data, lines={}))


def _architecture(file: YamlFile) -> Architecture:
    laws: dict[str, Any] = {
        name: (create_model(name, __base__=law, se=(Any, NONE)) | None, None) for name, law in NETWORK_LAWS.items()
    }
    entry = parse_entry(create_model("_Network", __base__=_Network, **laws), file)
    given = [name for name in ("stages", *NETWORK_LAWS) if getattr(entry, name) is not None]
    if len(given) != 1:
        keys = " and ".join(f"`{name}`" for name in ("stages", *NETWORK_LAWS))
        raise file.error((), f"expected exactly one of the keys {keys}")
    (name,) = given
    stages = _stage_by_stage(entry, file) if name == "stages" else _by_law(name, getattr(entry, name), file)
    try:
        return Architecture(stem_width=entry.stem.width, stem_stride=entry.stem.stride, stages=stages)
    except ValueError as error:
        raise file.error((), str(error)) from None


class _Stem(Entry):
    width: int = Field(ge=1, le=MOST_WIDTH)
    stride: int = Field(default=2, ge=1, le=4)


class _Network(Entry):
    """The keys of a network, without those of the laws."""

    stem: _Stem = _Stem(width=32, stride=2)
    stages: list[Any] | None = Field(default=None, min_length=1)


def _stage_by_stage(entry: _Network, file: YamlFile) -> tuple[Stage, ...]:
    stages = []
    for index, data in enumerate(entry.stages or ()):
        location = ("stages", index)
        block, own = parse_written_stage(data, location, file)
        se = _attention(own.se, block, own.depth, (*location, "se"), file)
        try:
            stages.append(Stage(block=block, depth=own.depth, width=own.width, stride=own.stride, se=se))
        except ValueError as error:
            raise file.error(location, str(error)) from None
    return tuple(stages)


def _by_law(name: str, law: Any, file: YamlFile) -> tuple[Stage, ...]:
    try:
        trunk = law.trunk_stages()
    except ValueError as error:
        raise file.error((name,), str(error)) from None
    by_stage = _attention(law.se, trunk[0].block, len(trunk), (name, "se"), file)
    return tuple(
        Stage(block=stage.block, depth=stage.depth, width=stage.width, stride=stage.stride, se=(spec,) * stage.depth)
        for stage, spec in zip(trunk, by_stage, strict=True)
    )


def _attention(
    given: Any, block: BlockFamily, count: int, location: Location, file: YamlFile
) -> tuple[ChannelAttention | None, ...]:
    """The attention of `count` blocks or stages, from one token for all or a list. `true` means the attention of the
    published networks of such blocks, e.g. `inner/4`; `false` means none."""
    if not isinstance(given, list):
        return (_one(given, block, location, file),) * count
    if len(given) != count:
        raise file.error(location, f"expected one token or {count}, but got {len(given)}")
    return tuple(_one(token, block, (*location, index), file) for index, token in enumerate(given))


def _one(given: Any, block: BlockFamily, location: Location, file: YamlFile) -> ChannelAttention | None:
    if isinstance(given, bool) or given is None:
        return block.published_attention if given else None
    if not isinstance(given, str):
        raise file.error(location, f"expected a token such as none or inner/4, but got {describe_value(given)}")
    try:
        return parse_token(given, sites=block.site_names)
    except ValueError as error:
        raise file.error(location, str(error)) from None
