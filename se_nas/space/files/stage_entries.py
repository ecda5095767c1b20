"""The keys of a stage in YAML files: depth, width and stride, and those of its block family and of its attention."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import Field, create_model

from se_nas.space.attention import ATTENTIONS
from se_nas.space.attention.choices import AttentionChoices
from se_nas.space.attention.tokens import NONE
from se_nas.space.decisions import values_of
from se_nas.space.families import DEFAULT_FAMILY, FAMILIES
from se_nas.space.families.family import BlockFamily, is_own, property_keys
from se_nas.space.files.attention_entries import Sites, attention_of_stage, merge_attention, with_attention
from se_nas.space.settings import MOST_WIDTH, Depth, Stride, Width, field_default
from se_nas.space.trunks.stage_by_stage import AnyNetSegment, AnyNetStage
from se_nas.space.trunks.trunk import listed
from se_nas.space.yaml_file import Entry, Location, YamlFile, describe_value, parse_part

SEGMENTS = "segments"
"""The key of a stage that has several segments of blocks."""


class _Segment(Entry):
    """The keys of every segment in a search space. A stage of one segment has them itself."""

    family: str = DEFAULT_FAMILY
    depth: Depth
    width: Width
    stride: Stride


class _SegmentedStage(Entry):
    """The keys of a stage of several segments in a search space."""

    segments: list[Any] = Field(min_length=1, max_length=16)


class _PartOfStage(Entry):
    """The keys of every stage, each of which may be missing."""

    family: str = DEFAULT_FAMILY
    depth: Depth = None
    width: Width = None
    stride: Stride = None


class WrittenSegment(Entry):
    """The keys of every segment in the file of a single network."""

    family: str = DEFAULT_FAMILY
    depth: int = Field(ge=1, le=200)
    width: int = Field(ge=1, le=MOST_WIDTH)
    stride: int = Field(ge=1, le=4)
    se: Any = NONE


class _WrittenStage(Entry):
    """The keys of a stage of several segments in the file of a single network."""

    segments: list[Any] = Field(min_length=1)


def parse_stages(stages: list[Any], every: Any, file: YamlFile) -> tuple[list[AnyNetStage], list[AttentionChoices]]:
    """The trunk and the attention of each stage of a search space. `every` has the keys under `every_stage`."""
    common = _family_at(every, ("every_stage",), file, FAMILIES[DEFAULT_FAMILY])
    optional = {name: (key.setting_type, None) for name, key in common.keys.items()}
    parse_part(with_attention(_PartOfStage, Sites.of([common]), **optional), every, ("every_stage",), file)
    trunk, attention = [], []
    for index, own in enumerate(stages):
        at = ("stages", index)
        if isinstance(own, Mapping) and SEGMENTS in own:
            stage, choices = _segmented_stage(own, every, common, at, file)
        else:
            stage, choices = _stage_of_one(own, every, common, at, file)
        trunk.append(stage)
        attention.append(choices)
    return trunk, attention


def _stage_of_one(
    own: Any, every: Mapping[str, Any], common: type[BlockFamily], at: Location, file: YamlFile
) -> tuple[AnyNetStage, AttentionChoices]:
    family = _family_at(own, at, file, common)
    model = with_attention(_Segment, Sites.of([family]), **_fields(family))
    data = _over(_shared(every, family, common), own)
    segment, entry = _segment(model, family, data, at, file)
    choices = attention_of_stage(data, entry, _most(segment), at, file)
    return AnyNetStage(segments=(segment,)), choices


def _segmented_stage(
    own: Mapping[str, Any], every: Mapping[str, Any], common: type[BlockFamily], at: Location, file: YamlFile
) -> tuple[AnyNetStage, AttentionChoices]:
    attention: dict[str, Any] = dict.fromkeys(ATTENTIONS, (Any, None))  # read below, when the sites are known
    parse_part(create_model("_SegmentedStage", __base__=_SegmentedStage, **attention), own, at, file)
    families, segments = [], []
    for index, part in enumerate(own[SEGMENTS]):
        place = (*at, SEGMENTS, index)
        family = _family_at(part, place, file, common)
        shared = {key: value for key, value in _shared(every, family, common).items() if key not in ATTENTIONS}
        model = create_model("_Segment", __base__=_Segment, **_fields(family))
        segment, _ = _segment(model, family, _over(shared, part), place, file)
        families.append(family)
        segments.append(segment)
    data = merge_attention({key: every[key] for key in ATTENTIONS if key in every}, own)
    entry = parse_part(with_attention(_SegmentedStage, Sites.of(families)), data, at, file)
    choices = attention_of_stage(data, entry, sum(map(_most, segments)), at, file)
    return AnyNetStage(segments=tuple(segments)), choices


def _segment(
    model: type[Any], family: type[BlockFamily], data: Any, at: Location, file: YamlFile
) -> tuple[AnyNetSegment, Any]:
    """The segment that `data` gives, and the entry that has all of its keys."""
    if isinstance(data, Mapping) and data.keys() <= model.model_fields.keys():  # else a key may be misspelt
        for name, field in model.model_fields.items():
            if field.is_required() and name not in data:
                raise file.error(at, f"`{name}` is needed, here or under `every_stage`")
    entry = parse_part(model, data, at, file)
    properties = {name: getattr(entry, name) for name in property_keys(family)}
    segment = AnyNetSegment(
        family=family, depth=entry.depth, width=entry.width, stride=entry.stride, properties=properties
    )
    _check_fixed_width(segment, at, file)
    return segment, entry


def _check_fixed_width(segment: AnyNetSegment, at: Location, file: YamlFile) -> None:
    """InputError for a fixed width that blocks of these fixed properties cannot have.

    If the width or a property is searched, the width is fitted. RegNet's blocks always fit it, as in version 0.1.
    """
    values = {name: values_of(setting) for name, setting in [("width", segment.width), *segment.properties.items()]}
    fixed = {name: own[0] for name, own in values.items() if own is not None and len(own) == 1}
    if segment.family is FAMILIES[DEFAULT_FAMILY] or not is_own("width", segment.family) or len(fixed) < len(values):
        return
    wanted = int(fixed.pop("width"))
    try:
        fitted, _ = segment.family.fit(wanted, fixed)
    except ValueError as error:
        raise file.error(at, str(error)) from None
    if fitted != wanted:
        raise file.error((*at, "width"), f"these blocks cannot have a width of {wanted}; the nearest is {fitted}")


def _most(segment: AnyNetSegment) -> int:
    return int(max(listed(segment.depth)))


def _shared(every: Mapping[str, Any], family: type[BlockFamily], common: type[BlockFamily]) -> dict[str, Any]:
    """The keys under `every_stage` that blocks of `family` have."""
    alien = {"family"} if family is common else {"family", *property_keys(common)}
    return {key: value for key, value in every.items() if key not in alien}


def parse_written_stage(
    data: Any, at: Location, file: YamlFile
) -> Iterator[tuple[BlockFamily, WrittenSegment, Location]]:
    """Yield each segment of a stage in the file of a single network: its block, its other keys, and its place."""
    if not (isinstance(data, Mapping) and SEGMENTS in data):
        yield *_written_segment(data, at, file), at
        return
    stage = parse_part(_WrittenStage, data, at, file)
    for index, part in enumerate(stage.segments):
        place = (*at, SEGMENTS, index)
        yield *_written_segment(part, place, file), place


def _written_segment(data: Any, at: Location, file: YamlFile) -> tuple[BlockFamily, WrittenSegment]:
    family = _family_at(data, at, file, FAMILIES[DEFAULT_FAMILY])
    segment = parse_part(_written_model(family), data, at, file)
    try:
        return family(**{name: getattr(segment, name) for name in property_keys(family)}), segment
    except ValueError as error:
        raise file.error(at, str(error)) from None


def _family_at(data: Any, at: Location, file: YamlFile, default: type[BlockFamily]) -> type[BlockFamily]:
    """The family that the key `family` names. InputError if there is no such family."""
    if not isinstance(data, Mapping) or "family" not in data:
        return default
    name = data["family"]
    if not isinstance(name, str) or name not in FAMILIES:
        raise file.error((*at, "family"), f"expected one of {', '.join(FAMILIES)}, but got {describe_value(name)}")
    return FAMILIES[name]


def _fields(family: type[BlockFamily]) -> dict[str, Any]:
    return {name: (key.setting_type, field_default(key.default)) for name, key in family.keys.items()}


@cache
def _written_model(family: type[BlockFamily]) -> type[WrittenSegment]:
    fields: dict[str, Any] = {name: (key.value_type, field_default(key.default)) for name, key in family.keys.items()}
    return create_model("_WrittenSegment", __base__=WrittenSegment, **fields)


def _over(base: Mapping[str, Any], own: Any) -> Any:
    """The keys of a stage: its own, and those of `base` that it lacks."""
    return merge_attention(base, own) if isinstance(own, Mapping) else own
