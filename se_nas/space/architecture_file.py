"""Reads an architecture from YAML, where it is written stage by stage or by its RegNet parameters."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from se_nas.space.architecture import Architecture, Stage
from se_nas.space.families import FAMILIES
from se_nas.space.regnet import fit_group_width, stage_widths_and_depths
from se_nas.space.settings import MOST_WIDTH
from se_nas.space.squeeze_excite import SqueezeExciteSpec, parse_token
from se_nas.space.yaml_file import Entry, Location, YamlFile, describe_value, parse_entry, read_yaml


def load_architecture(path: Path) -> Architecture:
    """Read one network, written stage by stage or as `regnet: {...}`. InputError if the file is not valid."""
    return _architecture(read_yaml(path))


def parse_architecture(data: dict[str, Any], path: Path) -> Architecture:
    """Read one network from the data in another kind of file. An InputError names the file `path`."""
    return _architecture(YamlFile(path=path, data=data, lines={}))


def _architecture(file: YamlFile) -> Architecture:
    entry = parse_entry(_ArchitectureEntry, file)
    if (entry.stages is None) == (entry.regnet is None):
        raise file.error((), "expected exactly one of the keys `stages` and `regnet`")
    stages = _written_out(entry, file) if entry.stages is not None else _from_law(entry, file)
    return Architecture(stem_width=entry.stem.width, stem_stride=entry.stem.stride, stages=stages)


class _ArchitectureStem(Entry):
    width: int = Field(ge=1, le=MOST_WIDTH)
    stride: int = Field(default=2, ge=1, le=4)


class _ArchitectureStage(Entry):
    family: Literal["regnet"] = "regnet"
    depth: int = Field(ge=1, le=200)
    width: int = Field(ge=1, le=MOST_WIDTH)
    stride: int = Field(ge=1, le=4)
    group_width: int = Field(ge=1, le=MOST_WIDTH)
    bottleneck: float = Field(default=1, ge=1 / 64, le=64)
    se: Any = "none"


class _ArchitectureLaw(Entry):
    depth: int = Field(ge=1, le=200)
    w0: int = Field(le=MOST_WIDTH)
    wa: float = Field(le=MOST_WIDTH)
    wm: float
    group_width: int = Field(ge=1, le=MOST_WIDTH)
    bottleneck: float = Field(default=1, ge=1 / 64, le=64)
    stride: int = Field(default=2, ge=1, le=4)
    se: Any = "none"


class _ArchitectureEntry(Entry):
    stem: _ArchitectureStem = _ArchitectureStem(width=32, stride=2)
    stages: list[_ArchitectureStage] | None = Field(default=None, min_length=1)
    regnet: _ArchitectureLaw | None = None


def _written_out(entry: _ArchitectureEntry, file: YamlFile) -> tuple[Stage, ...]:
    stages = []
    for index, stage in enumerate(entry.stages or ()):
        location = ("stages", index)
        se = _specs(stage.se, stage.depth, (*location, "se"), file)
        try:
            block = FAMILIES[stage.family](group_width=stage.group_width, bottleneck=stage.bottleneck)
            stages.append(Stage(block=block, depth=stage.depth, width=stage.width, stride=stage.stride, se=se))
        except ValueError as error:
            raise file.error(location, str(error)) from None
    return tuple(stages)


def _from_law(entry: _ArchitectureEntry, file: YamlFile) -> tuple[Stage, ...]:
    law = entry.regnet
    assert law is not None
    try:
        widths, depths = zip(*stage_widths_and_depths(depth=law.depth, w0=law.w0, wa=law.wa, wm=law.wm), strict=True)
        fitted = [fit_group_width(w, group_width=law.group_width, bottleneck=law.bottleneck) for w in widths]
    except ValueError as error:
        raise file.error(("regnet",), str(error)) from None
    by_stage = _specs(law.se, len(depths), ("regnet", "se"), file)
    return tuple(
        Stage(block=block, depth=depth, width=width, stride=law.stride, se=(spec,) * depth)
        for (width, block), depth, spec in zip(fitted, depths, by_stage, strict=True)
    )


def _specs(given: Any, count: int, location: Location, file: YamlFile) -> tuple[SqueezeExciteSpec | None, ...]:
    """The SE of `count` blocks or stages, from one token for all or a list. `true` means RegNetY's `inner/4`, `false`
    means none."""
    if not isinstance(given, list):
        return (_spec(given, location, file),) * count
    if len(given) != count:
        raise file.error(location, f"expected one token or {count}, but got {len(given)}")
    return tuple(_spec(token, (*location, index), file) for index, token in enumerate(given))


def _spec(given: Any, location: Location, file: YamlFile) -> SqueezeExciteSpec | None:
    if isinstance(given, bool) or given is None:
        given = "inner/4" if given else "none"
    if not isinstance(given, str):
        raise file.error(location, f"expected a token such as none or inner/4, but got {describe_value(given)}")
    try:
        return parse_token(given)
    except ValueError as error:
        raise file.error(location, str(error)) from None
