"""Reads a design space from YAML. Every error is one line with file, line, key and the expected value."""

from pathlib import Path
from random import Random
from typing import Literal, TypeVar

from pydantic import Field

from se_nas.errors import InputError
from se_nas.space.decisions import Categorical
from se_nas.space.design_space import DesignSpace, Limit, SqueezeExciteChoices
from se_nas.space.settings import (
    Bottleneck,
    Count,
    Depth,
    Multiplier,
    Presence,
    Quantised,
    Reduction,
    ReferenceName,
    SiteName,
    Slope,
    Stride,
)
from se_nas.space.squeeze_excite import Reference, Site
from se_nas.space.trunks import AnyNetStage, AnyNetTrunk, RegNetTrunk, Trunk
from se_nas.space.yaml_file import Entry, YamlFile, parse_entry, read_yaml


def load_design_space(path: Path) -> DesignSpace:
    """Read a search space. InputError if the file does not describe a search space."""
    file = read_yaml(path)
    entry = parse_entry(_SpaceEntry, file)
    trunk, se = _regnet(entry, file) if entry.regnet else _anynet(entry, file)
    space = DesignSpace(
        name=entry.name or path.stem,
        image_size=entry.image_size,
        stem_width=entry.stem.width,
        stem_stride=entry.stem.stride,
        trunk=trunk,
        se=se,
        bounds=_bounds(entry.bounds, file),
    )
    try:
        space.sample(Random(0))  # finds rules that contradict each other before the search starts
    except InputError as error:
        raise file.error(("regnet",) if entry.regnet else ("rules",), str(error)) from None
    return space


class _Stem(Entry):
    width: Count
    stride: Stride


class _SqueezeExcite(Entry):
    present: Presence = Categorical((False, True))
    site: SiteName = Site.INNER.value
    reduction: Reduction = 4
    of: ReferenceName = Reference.BLOCK_INPUT


class _Stage(Entry):
    family: Literal["regnet"] = "regnet"
    depth: Depth = None
    width: Count = None
    stride: Stride = None
    group_width: Count = None
    bottleneck: Bottleneck = 1
    se: _SqueezeExcite = _SqueezeExcite()


class _Regnet(Entry):
    depth: Depth
    w0: Quantised
    wa: Slope
    wm: Multiplier
    group_width: Count
    bottleneck: Bottleneck = 1
    stages: int = Field(ge=1, le=8)
    strides: list[Stride]
    se: _SqueezeExcite = _SqueezeExcite()
    se_by_stage: list[_SqueezeExcite] | None = None


class _Rules(Entry):
    widths: Literal["free", "non-decreasing"] = "free"
    depths: Literal["free", "non-decreasing"] = "free"


class _Limit(Entry):
    min: int | None = Field(default=None, ge=0)
    max: int | None = Field(default=None, ge=0)


class _Bounds(Entry):
    flops: _Limit = _Limit()
    params: _Limit = _Limit()
    activations: _Limit = _Limit()


class _SpaceEntry(Entry):
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    image_size: int = Field(ge=1, le=4096)
    stem: _Stem
    every_stage: _Stage = _Stage()
    stages: list[_Stage] | None = Field(default=None, min_length=1, max_length=16)
    regnet: _Regnet | None = None
    rules: _Rules = _Rules()
    bounds: _Bounds = _Bounds()


E = TypeVar("E", bound=Entry)


def _over(base: E, own: E) -> E:
    """`own`, with the values of `base` for the keys that it lacks. SE entries are merged key by key."""
    update = {name: getattr(own, name) for name in own.model_fields_set}
    if isinstance(own, _Stage) and isinstance(base, _Stage) and "se" in update:
        update["se"] = _over(base.se, own.se)
    return base.model_copy(update=update)


def _choices(se: _SqueezeExcite) -> SqueezeExciteChoices:
    return SqueezeExciteChoices(present=se.present, site=se.site, reduction=se.reduction, of=se.of)


def _anynet(entry: _SpaceEntry, file: YamlFile) -> tuple[Trunk, tuple[SqueezeExciteChoices, ...]]:
    if entry.stages is None:
        raise file.error((), "expected exactly one of the keys `stages` and `regnet`, but found neither")
    choices, se = [], []
    for index, own in enumerate(entry.stages):
        stage = _over(entry.every_stage, own)
        for name in ("depth", "width", "stride", "group_width"):
            if getattr(stage, name) is None:
                raise file.error(("stages", index), f"`{name}` is needed, here or under `every_stage`")
        choices.append(
            AnyNetStage(
                depth=stage.depth,
                width=stage.width,
                stride=stage.stride,
                group_width=stage.group_width,
                bottleneck=stage.bottleneck,
            )
        )
        se.append(_choices(stage.se))
    trunk = AnyNetTrunk(
        choices=tuple(choices),
        widths_non_decreasing=entry.rules.widths == "non-decreasing",
        depths_non_decreasing=entry.rules.depths == "non-decreasing",
    )
    return trunk, tuple(se)


def _regnet(entry: _SpaceEntry, file: YamlFile) -> tuple[Trunk, tuple[SqueezeExciteChoices, ...]]:
    law = entry.regnet
    assert law is not None
    for key in ("stages", "every_stage", "rules"):
        if key in entry.model_fields_set:
            raise file.error((key,), "belongs to a space written stage by stage, but this one has `regnet`")
    if len(law.strides) != law.stages:
        raise file.error(
            ("regnet", "strides"), f"expected {law.stages} strides, one for each stage, but got {len(law.strides)}"
        )
    own = law.se_by_stage if law.se_by_stage is not None else [_SqueezeExcite()] * law.stages
    if len(own) != law.stages:
        raise file.error(
            ("regnet", "se_by_stage"), f"expected {law.stages} entries, one for each stage, but got {len(own)}"
        )
    trunk = RegNetTrunk(
        depth=law.depth,
        w0=law.w0,
        wa=law.wa,
        wm=law.wm,
        group_width=law.group_width,
        bottleneck=law.bottleneck,
        strides=tuple(law.strides),
    )
    return trunk, tuple(_choices(_over(law.se, stage)) for stage in own)


def _bounds(entry: _Bounds, file: YamlFile) -> dict[str, Limit]:
    bounds = {}
    for name in ("flops", "params", "activations"):
        limit: _Limit = getattr(entry, name)
        if limit.min is not None and limit.max is not None and limit.min > limit.max:
            raise file.error(("bounds", name), f"min <= max must hold, but got min={limit.min}, max={limit.max}")
        if limit.min is not None or limit.max is not None:
            bounds[name] = Limit(limit.min, limit.max)
    return bounds
