"""The keys of channel attention in search spaces: one key for each kind, e.g. `se`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar

from pydantic import create_model

from se_nas.space.attention import ATTENTIONS, DEFAULT_ATTENTION
from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.attention.choices import AttentionChoices
from se_nas.space.decisions import Categorical
from se_nas.space.families.family import BlockFamily
from se_nas.space.settings import Presence, choice_of, field_default, setting
from se_nas.space.yaml_file import Entry, Location, YamlFile, parse_part

E = TypeVar("E", bound=Entry)


class _Attention(Entry):
    """The keys of every kind of attention."""

    present: Presence = Categorical((False, True))
    decide: Literal["stage", "block"] = "stage"


@dataclass(frozen=True, slots=True)
class Sites:
    """The sites that a stage's blocks have, and the attention whose properties count where a file names none."""

    names: tuple[str, ...]
    default: ChannelAttention

    @classmethod
    def of(cls, families: Iterable[type[BlockFamily]]) -> "Sites":
        """The sites of these families. The first family gives the default."""
        known = tuple(families)
        names = dict.fromkeys(str(site) for family in known for site in family.site_names)
        return cls(tuple(names), known[0].default_attention())


def with_attention(base: type[E], sites: Sites, **fields: Any) -> type[E]:
    """`base` with these fields, and with a key for each kind of attention."""
    kinds: dict[str, Any] = {name: _attention_field(kind, sites) for name, kind in ATTENTIONS.items()}
    return create_model(base.__name__, __base__=base, **fields, **kinds)


def with_attention_by_stage(base: type[E], sites: Sites, **fields: Any) -> type[E]:
    """`base` with a key for each kind of attention in all stages, and with a key `..._by_stage` for each kind."""
    lists: dict[str, Any] = {}
    for name, kind in ATTENTIONS.items():
        model: Any = _attention_field(kind, sites)[0]
        lists[f"{name}_by_stage"] = (list[model] | None, None)
    return with_attention(base, sites, **fields, **lists)


def attention_of_stage(
    data: Mapping[str, Any], entry: Entry, blocks: int, at: Location, file: YamlFile
) -> AttentionChoices:
    """The attention of a stage of at most `blocks` blocks, from an entry that `with_attention` has read from `data`."""
    kind = _only([name for name in ATTENTIONS if name in data], at, file)
    return _choices(kind, getattr(entry, kind), blocks)


def attention_by_stage(
    data: Mapping[str, Any], sites: Sites, blocks: Sequence[int], at: Location, file: YamlFile
) -> tuple[AttentionChoices, ...]:
    """The attention of each stage, from the data that `with_attention_by_stage` has checked.

    `blocks` has the largest number of blocks of each stage. A stage has the keys of all stages, but the keys of its own
    entry replace them. InputError for two kinds of attention, or for another number of entries.
    """
    given = [name for name in ATTENTIONS if name in data or data.get(f"{name}_by_stage") is not None]
    name = _only(given, at, file)
    own = data.get(f"{name}_by_stage")
    if own is not None and len(own) != len(blocks):
        where = (*at, f"{name}_by_stage")
        raise file.error(where, f"expected {len(blocks)} entries, one for each stage, but got {len(own)}")
    model, _ = _attention_field(ATTENTIONS[name], sites)
    return tuple(
        _choices(name, parse_part(model, {**data.get(name, {}), **each}, at, file), most)
        for each, most in zip(own or [{}] * len(blocks), blocks, strict=True)
    )


def merge_attention(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `own`, and those of `base` that it lacks. Attention of one kind is merged key by key; another kind
    replaces it."""
    kinds = [name for name in ATTENTIONS if name in own]
    kept = {key: value for key, value in base.items() if not kinds or key not in ATTENTIONS or key in kinds}
    merged = {**kept, **own}
    for name in kinds:
        if isinstance(own[name], Mapping) and isinstance(kept.get(name), Mapping):
            merged[name] = {**kept[name], **own[name]}
    return merged


def _only(kinds: list[str], at: Location, file: YamlFile) -> str:
    """The kind of attention, from the kinds that a file gives. InputError for more than one."""
    if len(kinds) > 1:
        raise file.error(at, f"expected one kind of attention, but got {', '.join(kinds)}")
    return kinds[0] if kinds else DEFAULT_ATTENTION


def _choices(name: str, entry: Any, blocks: int) -> AttentionChoices:
    kind = ATTENTIONS[name]
    properties = {key: getattr(entry, key) for key in kind.keys}
    return AttentionChoices(
        kind=kind,
        present=entry.present,
        site=entry.site,
        properties=properties,
        blocks=blocks if entry.decide == "block" else None,
    )


@cache
def _attention_field(kind: type[ChannelAttention], sites: Sites) -> tuple[Any, Any]:
    usual = sites.default if isinstance(sites.default, kind) else None
    keys: dict[str, Any] = {
        key: (each.setting_type, field_default(each.default if usual is None else getattr(usual, key)))
        for key, each in kind.keys.items()
    }
    site: Any = (setting(choice_of(sites.names)), str(sites.default.site))
    model = create_model(f"Attention_{kind.name}", __base__=_Attention, site=site, **keys)
    return model, model()
