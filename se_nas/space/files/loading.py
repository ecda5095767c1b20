"""Reads a design space from YAML. Every error is one line with file, line, key and the expected value."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Literal

from pydantic import Field, create_model

from se_nas.costs import COSTS
from se_nas.errors import InputError
from se_nas.space.architecture import Architecture
from se_nas.space.attention import ATTENTIONS
from se_nas.space.attention.choices import AttentionChoices
from se_nas.space.design_space import DesignSpace, Limit
from se_nas.space.faults import RuleError, StageAttentionError, StageError
from se_nas.space.files.attention_entries import Sites, attention_by_stage, with_attention_by_stage
from se_nas.space.files.end_entries import END_KEYS, parse_ends
from se_nas.space.files.own_entries import OWN, parse_own_trunk
from se_nas.space.files.stage_entries import parse_stages
from se_nas.space.habit import published_attention
from se_nas.space.narrow_stages import impossible_attention
from se_nas.space.parts.own_site import PLACE, SENET
from se_nas.space.published import published_network
from se_nas.space.settings import ImageSize
from se_nas.space.trunks import SPACE_LAWS
from se_nas.space.trunks.law import SpaceLaw
from se_nas.space.trunks.published import PublishedTrunk
from se_nas.space.trunks.stage_by_stage import AnyNetTrunk
from se_nas.space.trunks.trunk import Trunk
from se_nas.space.yaml_file import Entry, Location, YamlFile, join_keys, parse_entry, parse_part, read_yaml


def load_design_space(path: Path) -> DesignSpace:
    """Read a search space. InputError if the file does not describe a search space."""
    return parse_design_space(read_yaml(path))


def load_stored_space(path: Path) -> DesignSpace:
    """Read the search space of a run folder. Earlier versions gave SE at least one channel, so its networks keep it."""
    return parse_design_space(read_yaml(path), is_stored=True)


def parse_design_space(file: YamlFile, *, is_stored: bool = False) -> DesignSpace:
    """Read a search space from the content of a file. InputError if it does not describe a search space."""
    laws: dict[str, Any] = {
        name: (with_attention_by_stage(law, Sites.of([law.family])) | None, None) for name, law in SPACE_LAWS.items()
    }
    limits: dict[str, Any] = {name: (_MeasuredLimit if kind.measured else _Limit, None) for name, kind in COSTS.items()}
    bounds = create_model("_Bounds", __base__=Entry, **limits)
    anything: dict[str, Any] = dict.fromkeys(_attention_keys(), (Any, None))  # read with the trunk, which has the sites
    model = create_model("_SpaceEntry", __base__=_SpaceEntry, bounds=(bounds, bounds()), **laws, **anything)
    entry = parse_entry(model, file)
    way, trunk, se = _trunk(entry, file)
    space = DesignSpace(
        name=entry.name or file.path.stem,
        image_sizes=entry.image_size,
        trunk=trunk,
        se=tuple(se),
        bounds=_bounds(entry.bounds, file),
        gives_a_channel=is_stored,
    )
    try:
        space.sample(Random(0))  # finds rules that contradict each other before the search starts
    except InputError as error:
        raise file.error(_place_of_fault(way, error.__cause__, file), str(error)) from None
    if not is_stored and (impossible := impossible_attention(space)):
        index, message = impossible
        raise file.error(_place_of_attention(way, index, space.se[index].kind.name, file), message)
    return space


def _place_of_fault(way: str, fault: BaseException | None, file: YamlFile) -> Location:
    """The place in the file that is the reason why no network is found."""
    if isinstance(fault, RuleError):
        return ("rules",)
    if isinstance(fault, StageAttentionError):
        return _place_of_attention(way, fault.index, fault.kind, file)
    return (STAGES, fault.index) if way == STAGES and isinstance(fault, StageError) else (way,)


def _place_of_attention(way: str, index: int, kind: str, file: YamlFile) -> Location:
    """The place in the file that gives the attention of a stage, or the trunk if the file gives none."""
    laws = () if way in (STAGES, TRUNK, OWN) else (way,)
    places: list[Location] = [(*laws, f"{kind}_by_stage", index), (*laws, kind)]
    if way == STAGES:
        places = [(STAGES, index, kind), ("every_stage", kind), (STAGES, index)]
    return next((place for place in places if place in file.lines), (way,))


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
    image_size: ImageSize
    stem: Any = None
    tail: Any = None
    norm: Any = None
    trunk: str | None = None
    own: Any = None
    groups: Any = None
    every_stage: dict[str, Any] = Field(default_factory=dict)
    stages: list[Any] | None = Field(default=None, min_length=1, max_length=16)
    rules: _Rules = _Rules()
    bounds: Entry = Entry()


STAGES, TRUNK = "stages", "trunk"


def _trunk(entry: _SpaceEntry, file: YamlFile) -> tuple[str, Trunk, Sequence[AttentionChoices]]:
    """The key that describes the trunk, the trunk, and the attention of each stage."""
    ways = (STAGES, TRUNK, *SPACE_LAWS, OWN)
    given = [name for name in ways if getattr(entry, name) is not None]
    if not given:
        raise file.error((), f"expected exactly one of the keys {join_keys(ways[:-1])}, but found none")
    way = given[-1]
    alien: list[str] = [key for key in ("every_stage", "rules") if way != STAGES and key in entry.model_fields_set]
    brings_ends = way in (TRUNK, OWN) or (way in SPACE_LAWS and SPACE_LAWS[way].brings_ends)
    alien += [key for key in END_KEYS if brings_ends and key in entry.model_fields_set]
    alien += [key for key in entry.model_fields_set if way not in (TRUNK, OWN) and key in _attention_keys()]
    for key in (*given[:-1], *alien):
        raise file.error((key,), f"belongs to another kind of trunk, but this space has `{way}`")
    if way == TRUNK:
        return way, *_by_name(str(entry.trunk), file)
    if way == OWN:
        own = parse_own_trunk(file)
        return way, own, _attention_of(own, Sites((PLACE,), SENET), file)
    if entry.stem is None and not brings_ends:
        raise file.error(("stem",), "this key is needed, but missing")
    if way == STAGES:
        return way, *_stage_by_stage(entry, file)
    law: SpaceLaw = getattr(entry, way)
    trunk = law.trunk(None if brings_ends else parse_ends(file), file)
    sites = Sites.of([law.family])
    return way, trunk, attention_by_stage(file.data[way], sites, trunk.most_blocks(), (way,), file)


def _stage_by_stage(entry: _SpaceEntry, file: YamlFile) -> tuple[Trunk, Sequence[AttentionChoices]]:
    choices, se = parse_stages(entry.stages or [], entry.every_stage, file)
    trunk = AnyNetTrunk(
        ends=parse_ends(file),
        choices=tuple(choices),
        widths_non_decreasing=entry.rules.widths == "non-decreasing",
        depths_non_decreasing=entry.rules.depths == "non-decreasing",
    )
    return trunk, se


def _by_name(name: str, file: YamlFile) -> tuple[Trunk, Sequence[AttentionChoices]]:
    """The trunk of a published network. The network's own SE gives the properties that the file does not name."""
    try:
        network = published_network(name).build()
    except ValueError as error:
        raise file.error((TRUNK,), str(error)) from None
    trunk = PublishedTrunk(name=name, published=network)
    sites = _sites_of(network)
    return trunk, _attention_of(trunk, sites, file)


def _attention_of(trunk: Trunk, sites: Sites, file: YamlFile) -> Sequence[AttentionChoices]:
    """The attention of each stage, from the keys at the top of the file."""
    data = {key: value for key, value in file.data.items() if key in _attention_keys()}
    parse_part(with_attention_by_stage(Entry, sites), data, (), file)
    return attention_by_stage(data, sites, trunk.most_blocks(), (), file)


def _sites_of(network: Architecture) -> Sites:
    blocks = [block for stage in network.blocks() for block in stage]
    names = dict.fromkeys(str(site) for block in blocks for site in block.sites)
    own = [block.se.attention for block in blocks if block.se is not None]
    usual = [published_attention(block, network) for block in blocks]
    return Sites(tuple(names), next(spec for spec in (*own, *usual) if spec.site in names))


def _attention_keys() -> list[str]:
    return [key for name in ATTENTIONS for key in (name, f"{name}_by_stage")]


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
