"""Reads a design space from YAML. Every error is one line with file, line, key and the expected value."""

from pathlib import Path
from random import Random
from typing import Any, Literal

from pydantic import Field, create_model

from se_nas.costs import COSTS
from se_nas.errors import InputError
from se_nas.space.attention.choices import AttentionChoices
from se_nas.space.design_space import DesignSpace, Limit
from se_nas.space.settings import Stride, Width
from se_nas.space.stage_entries import attention_by_stage, parse_stages, with_attention_by_stage
from se_nas.space.trunks import SPACE_LAWS
from se_nas.space.trunks.law import SpaceLaw
from se_nas.space.trunks.stage_by_stage import AnyNetTrunk
from se_nas.space.trunks.trunk import Trunk
from se_nas.space.yaml_file import Entry, YamlFile, parse_entry, read_yaml


def load_design_space(path: Path) -> DesignSpace:
    """Read a search space. InputError if the file does not describe a search space."""
    file = read_yaml(path)
    laws: dict[str, Any] = {
        name: (with_attention_by_stage(law, law.family) | None, None) for name, law in SPACE_LAWS.items()
    }
    limits: dict[str, Any] = {name: (_MeasuredLimit if kind.measured else _Limit, None) for name, kind in COSTS.items()}
    bounds = create_model("_Bounds", __base__=Entry, **limits)
    model = create_model("_SpaceEntry", __base__=_SpaceEntry, bounds=(bounds, bounds()), **laws)
    entry = parse_entry(model, file)
    by_law = [name for name in SPACE_LAWS if getattr(entry, name) is not None]
    trunk, se = _by_law(by_law, entry, file) if by_law else _stage_by_stage(entry, file)
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
        raise file.error((by_law[0],) if by_law else ("rules",), str(error)) from None
    return space


class _Stem(Entry):
    width: Width
    stride: Stride


class _Rules(Entry):
    widths: Literal["free", "non-decreasing"] = "free"
    depths: Literal["free", "non-decreasing"] = "free"


class _Limit(Entry):
    min: int | None = Field(default=None, ge=0)
    max: int | None = Field(default=None, ge=0)


class _MeasuredLimit(Entry):
    min: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    max: float | None = Field(default=None, ge=0, allow_inf_nan=False)


class _SpaceEntry(Entry):
    """The keys of a search space, without those of the laws and of the costs below `bounds`."""

    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    image_size: int = Field(ge=1, le=4096)
    stem: _Stem
    every_stage: dict[str, Any] = Field(default_factory=dict)
    stages: list[Any] | None = Field(default=None, min_length=1, max_length=16)
    rules: _Rules = _Rules()
    bounds: Entry = Entry()


def _stage_by_stage(entry: _SpaceEntry, file: YamlFile) -> tuple[Trunk, tuple[AttentionChoices, ...]]:
    if entry.stages is None:
        laws = " and ".join(f"`{name}`" for name in ("stages", *SPACE_LAWS))
        raise file.error((), f"expected exactly one of the keys {laws}, but found none")
    choices, se = parse_stages(entry.stages, entry.every_stage, file)
    trunk = AnyNetTrunk(
        choices=tuple(choices),
        widths_non_decreasing=entry.rules.widths == "non-decreasing",
        depths_non_decreasing=entry.rules.depths == "non-decreasing",
    )
    return trunk, tuple(se)


def _by_law(given: list[str], entry: _SpaceEntry, file: YamlFile) -> tuple[Trunk, tuple[AttentionChoices, ...]]:
    name, *others = given
    for key in ("stages", "every_stage", "rules"):
        if key in entry.model_fields_set:
            raise file.error((key,), f"belongs to a space written stage by stage, but this one has `{name}`")
    if others:
        raise file.error((others[0],), f"belongs to another trunk, but this space has `{name}`")
    law: SpaceLaw = getattr(entry, name)
    trunk = law.trunk(file)
    return trunk, attention_by_stage(file.data[name], law.family, trunk.stage_count, (name,), file)


def _bounds(entry: Entry, file: YamlFile) -> dict[str, Limit]:
    bounds = {}
    for name, limit in entry:
        if limit is None:
            continue
        if limit.min is not None and limit.max is not None and limit.min > limit.max:
            raise file.error(("bounds", name), f"min <= max must hold, but got min={limit.min}, max={limit.max}")
        if limit.min is not None or limit.max is not None:
            bounds[name] = Limit(limit.min, limit.max)
    return bounds
