"""The keys of a stage in YAML files: depth, width and stride, and those of its block family and of its attention."""

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import Field, create_model

from se_nas.space.attention import ATTENTIONS, DEFAULT_ATTENTION
from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.attention.choices import AttentionChoices
from se_nas.space.attention.tokens import NONE
from se_nas.space.decisions import Categorical
from se_nas.space.families import DEFAULT_FAMILY, FAMILIES
from se_nas.space.families.family import BlockFamily, property_keys
from se_nas.space.settings import MOST_WIDTH, Depth, Presence, Stride, Width, choice_of, setting
from se_nas.space.trunks.stage_by_stage import AnyNetStage
from se_nas.space.yaml_file import Entry, Location, YamlFile, describe_value, parse_part

E = TypeVar("E", bound=Entry)


class _Stage(Entry):
    """The keys of every stage in a search space."""

    family: str = DEFAULT_FAMILY
    depth: Depth
    width: Width
    stride: Stride


class _PartOfStage(Entry):
    """The keys of every stage, each of which may be missing."""

    family: str = DEFAULT_FAMILY
    depth: Depth = None
    width: Width = None
    stride: Stride = None


class _WrittenStage(Entry):
    """The keys of every stage in the file of a single network."""

    family: str = DEFAULT_FAMILY
    depth: int = Field(ge=1, le=200)
    width: int = Field(ge=1, le=MOST_WIDTH)
    stride: int = Field(ge=1, le=4)
    se: Any = NONE


class _Attention(Entry):
    """The keys of every kind of attention in a search space."""

    present: Presence = Categorical((False, True))


def parse_stages(stages: list[Any], every: Any, file: YamlFile) -> tuple[list[AnyNetStage], list[AttentionChoices]]:
    """The trunk and the attention of each stage of a search space. `every` has the keys under `every_stage`."""
    common = family_at(every, ("every_stage",), file, FAMILIES[DEFAULT_FAMILY])
    optional = {name: (key.setting_type, None) for name, key in common.keys.items()}
    parse_part(with_attention(_PartOfStage, common, **optional), every, ("every_stage",), file)
    models: dict[type[BlockFamily], type[Any]] = {}
    trunk, attention = [], []
    for index, own in enumerate(stages):
        at = ("stages", index)
        family = family_at(own, at, file, common)
        if family not in models:
            fields = {name: (key.setting_type, _default(key.default)) for name, key in family.keys.items()}
            models[family] = with_attention(_Stage, family, **fields)
        model = models[family]
        shared = every if family is common else {k: v for k, v in every.items() if k not in property_keys(common)}
        data = _over({key: value for key, value in shared.items() if key != "family"}, own)
        if isinstance(data, Mapping) and data.keys() <= model.model_fields.keys():  # else a key may be misspelt
            for name, field in model.model_fields.items():
                if field.is_required() and name not in data:
                    raise file.error(at, f"`{name}` is needed, here or under `every_stage`")
        entry = parse_part(model, data, at, file)
        properties = {name: getattr(entry, name) for name in property_keys(family)}
        trunk.append(
            AnyNetStage(family=family, depth=entry.depth, width=entry.width, stride=entry.stride, properties=properties)
        )
        kind = _only([name for name in ATTENTIONS if name in entry.model_fields_set], at, file)
        attention.append(_choices(kind, getattr(entry, kind)))
    return trunk, attention


def parse_written_stage(data: Any, at: Location, file: YamlFile) -> tuple[BlockFamily, _WrittenStage]:
    """Read the keys of a stage in the file of a single network: its block, and the other keys."""
    family = family_at(data, at, file, FAMILIES[DEFAULT_FAMILY])
    stage = parse_part(_written_model(family), data, at, file)
    try:
        return family(**{name: getattr(stage, name) for name in property_keys(family)}), stage
    except ValueError as error:
        raise file.error(at, str(error)) from None


def family_at(data: Any, at: Location, file: YamlFile, default: type[BlockFamily]) -> type[BlockFamily]:
    """The family that the key `family` names. InputError if there is no such family."""
    if not isinstance(data, Mapping) or "family" not in data:
        return default
    name = data["family"]
    if not isinstance(name, str) or name not in FAMILIES:
        raise file.error((*at, "family"), f"expected one of {', '.join(FAMILIES)}, but got {describe_value(name)}")
    return FAMILIES[name]


def with_attention(base: type[E], family: type[BlockFamily], **fields: Any) -> type[E]:
    """`base` with these fields, and with a key for each kind of attention in blocks of `family`."""
    kinds: dict[str, Any] = {name: _attention_field(kind, family) for name, kind in ATTENTIONS.items()}
    return create_model(base.__name__, __base__=base, **fields, **kinds)


def with_attention_by_stage(base: type[E], family: type[BlockFamily]) -> type[E]:
    """`base` with a key for each kind of attention in all stages, and with a key `..._by_stage` for each kind."""
    lists: dict[str, Any] = {}
    for name, kind in ATTENTIONS.items():
        model: Any = _attention_field(kind, family)[0]
        lists[f"{name}_by_stage"] = (list[model] | None, None)
    return with_attention(base, family, **lists)


def attention_by_stage(
    data: Mapping[str, Any], family: type[BlockFamily], count: int, at: Location, file: YamlFile
) -> tuple[AttentionChoices, ...]:
    """The attention of each of `count` stages, from the data that `with_attention_by_stage` has checked.

    A stage has the keys of all stages, but the keys of its own entry replace them. InputError for two kinds of
    attention, or for another number of entries.
    """
    given = [name for name in ATTENTIONS if name in data or data.get(f"{name}_by_stage") is not None]
    name = _only(given, at, file)
    own = data.get(f"{name}_by_stage")
    if own is not None and len(own) != count:
        where = (*at, f"{name}_by_stage")
        raise file.error(where, f"expected {count} entries, one for each stage, but got {len(own)}")
    model, _ = _attention_field(ATTENTIONS[name], family)
    return tuple(
        _choices(name, parse_part(model, {**data.get(name, {}), **each}, at, file)) for each in own or [{}] * count
    )


def _only(kinds: list[str], at: Location, file: YamlFile) -> str:
    """The kind of attention, from the kinds that a file gives. InputError for more than one."""
    if len(kinds) > 1:
        raise file.error(at, f"expected one kind of attention, but got {', '.join(kinds)}")
    return kinds[0] if kinds else DEFAULT_ATTENTION


def _choices(name: str, entry: Any) -> AttentionChoices:
    kind = ATTENTIONS[name]
    properties = {key: getattr(entry, key) for key in kind.keys}
    return AttentionChoices(kind=kind, present=entry.present, site=entry.site, properties=properties)


@cache
def _written_model(family: type[BlockFamily]) -> type[_WrittenStage]:
    fields: dict[str, Any] = {name: (key.value_type, _default(key.default)) for name, key in family.keys.items()}
    return create_model("_WrittenStage", __base__=_WrittenStage, **fields)


@cache
def _attention_field(kind: type[ChannelAttention], family: type[BlockFamily]) -> tuple[Any, Any]:
    keys: dict[str, Any] = {key: (each.setting_type, _default(each.default)) for key, each in kind.keys.items()}
    site: Any = (setting(choice_of(family.site_names)), family.site_names[0])
    model = create_model(f"Attention_{kind.name}", __base__=_Attention, site=site, **keys)
    return model, model()


def _default(value: Any) -> Any:
    """The default of a field, for pydantic. A key without a default is needed."""
    return ... if value is None else value


def _over(base: Mapping[str, Any], own: Any) -> Any:
    """The keys of a stage: its own, and those of `base` that it lacks. Attention of one kind is merged key by key;
    another kind replaces it."""
    if not isinstance(own, Mapping):
        return own
    kinds = [name for name in ATTENTIONS if name in own]
    kept = {key: value for key, value in base.items() if not kinds or key not in ATTENTIONS or key in kinds}
    merged = {**kept, **own}
    for name in kinds:
        if isinstance(own[name], Mapping) and isinstance(kept.get(name), Mapping):
            merged[name] = {**kept[name], **own[name]}
    return merged
