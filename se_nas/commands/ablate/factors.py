"""The factors of an ablation: the places where SE is switched, and what else of SE is varied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from se_nas.analysis.designed.fractions import Point
from se_nas.errors import InputError
from se_nas.space.architecture import Architecture
from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.design_space import DesignSpace
from se_nas.space.own_network import group_of
from se_nas.space.parts.own_site import OwnSite
from se_nas.space.placements import attention_if_on, has_se, with_attention
from se_nas.wording import suggest

RATIO, SITE = "ratio", "site"
STAGES, BLOCKS = "stages", "blocks"

RATIO_STEPS = (2.0, 1.0, 0.5)
"""The multiples of the found reduction ratio: SE half as wide, as found, and twice as wide."""
RATIO_NAMES = ("half as wide", "as wide", "twice as wide")
AS_FOUND = {RATIO: 1, SITE: 0}
"""The level of each treatment that the network was found with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Blocks of one stage (from 0) where SE is switched together. `name` is the name in `--factors`."""

    name: str
    label: str
    stage: int
    blocks: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """The factors that are varied in the network `found`: SE in each of the `places`, and the treatments of all SE.

    `attention` is the attention of every block where SE is on. `ratios` says whether the reduction ratio is varied.
    `sites` are the sites that all SE can be moved to; there are none if the site is not varied.
    """

    found: Architecture
    places: tuple[Place, ...]
    attention: tuple[tuple[ChannelAttention | None, ...], ...]
    ratios: bool
    sites: tuple[str, ...]

    @property
    def treatments(self) -> dict[str, int]:
        """The number of levels of each treatment, by name."""
        ratio = {RATIO: len(RATIO_STEPS)} if self.ratios else {}
        return ratio | ({SITE: 1 + len(self.sites)} if self.sites else {})

    def network(self, point: Point, treatments: Mapping[str, int] = AS_FOUND) -> Architecture:
        """The network with SE where `point` says, at these levels of the treatments. ValueError if there is no such
        SE."""
        attention = [list(stage.se) for stage in self.found.stages]
        for place, is_on in zip(self.places, point, strict=True):
            for block in place.blocks:
                attention[place.stage][block] = self.attention[place.stage][block] if is_on else None
        levels = {**AS_FOUND, **treatments}
        treated = [[self._treated(spec, levels[RATIO], levels[SITE]) for spec in specs] for specs in attention]
        return with_attention(self.found, treated)

    def _treated(self, spec: ChannelAttention | None, ratio: int, site: int) -> ChannelAttention | None:
        if spec is None:
            return None
        changes: dict[str, object] = {} if site == 0 else {SITE: self.sites[site - 1]}
        if RATIO_STEPS[ratio] != 1:
            changes[spec.size_name] = spec.size * RATIO_STEPS[ratio]
        return replace(spec, **changes) if changes else spec  # type: ignore[type-var]  # every attention is a record


def find_factors(found: Architecture, space: DesignSpace, wanted: str | None) -> Factors:
    """The factors that `--factors` names, or all places for which SE is decided. InputError if there are none."""
    by_block = [_is_by_block(found, space, index) for index in range(len(found.stages))]
    names = [name.strip() for name in wanted.split(",")] if wanted is not None else []
    if BLOCKS in names or STAGES in names:
        by_block = [BLOCKS in names] * len(found.stages)
    offered = [place for index, each in enumerate(by_block) for place in _places(found, index, by_block=each)]
    others = [place for index, each in enumerate(by_block) for place in _places(found, index, by_block=not each)]
    known = {place.name: place for place in [*others, *offered]}
    places = _chosen(names, known) or tuple(offered)
    attention = tuple(_if_on(found, index, places) for index in range(len(found.stages)))
    factors = Factors(found=found, places=places, attention=attention, ratios=False, sites=())
    off = factors.network((False,) * len(places))
    places = tuple(place for place in places if _differs(factors, place, off))
    if not places:
        raise InputError("this network has no place where SE could be switched")
    factors = replace(factors, places=places)
    if SITE in names:
        factors = replace(factors, sites=_other_sites(factors))
    return _with_ratios(factors) if RATIO in names else factors


def _is_by_block(found: Architecture, space: DesignSpace, index: int) -> bool:
    """Whether SE is decided for each block of a stage: by the space, or by the network, whose blocks differ."""
    if index < len(space.se) and space.se[index].blocks is not None:
        return True
    blocks = list(found.blocks())[index]
    sites = {spec.site for spec in found.stages[index].se if spec is not None}
    return len({block.se is None for block in blocks if sites & block.sites.keys()}) > 1


def _places(found: Architecture, index: int, *, by_block: bool) -> list[Place]:
    """The places of one stage: the stage, or each of its blocks."""
    blocks = range(found.stages[index].depth)
    if not by_block:
        name, label = _stage_name(found, index)
        return [Place(name=name, label=label, stage=index, blocks=tuple(blocks))]
    sites = [segment.block for segment in found.stages[index].segments if isinstance(segment.block, OwnSite)]
    if sites:
        return [
            Place(name=site.place, label=f"at {site.place}", stage=index, blocks=(block,))
            for block, site in enumerate(sites)
        ]
    name, label = _stage_name(found, index)
    if len(blocks) == 1:
        return [Place(name=name, label=label, stage=index, blocks=(0,))]
    return [
        Place(name=f"{name}.block{block + 1}", label=f"{label}, block {block + 1}", stage=index, blocks=(block,))
        for block in blocks
    ]


def _stage_name(found: Architecture, index: int) -> tuple[str, str]:
    """The name of a stage in `--factors`, and its label. The places of a user's own network have their own names."""
    block = found.stages[index].segments[0].block
    if not isinstance(block, OwnSite):
        return f"stage{index + 1}", f"in stage {index + 1}"
    name = block.place if found.stages[index].depth == 1 else group_of(block.place)
    return name, f"at {name}"


def _chosen(names: Sequence[str], known: dict[str, Place]) -> tuple[Place, ...]:
    """The places among these names. InputError for a name that is unknown, or that overlaps another name."""
    places: list[Place] = []
    for name in names:
        if name in (RATIO, SITE, STAGES, BLOCKS):
            continue
        if name not in known:
            listed = [*known, STAGES, BLOCKS, RATIO, SITE]
            raise InputError(f"--factors: no factor '{name}'; {suggest(name, listed)}")
        if any(known[name].stage == other.stage and {*known[name].blocks} & {*other.blocks} for other in places):
            raise InputError(f"--factors: '{name}' is named twice, or with a part of it")
        places.append(known[name])
    return tuple(sorted(places, key=lambda place: (place.stage, place.blocks)))


def _if_on(found: Architecture, index: int, places: Sequence[Place]) -> tuple[ChannelAttention | None, ...]:
    """The attention of each block of a stage where SE is on. A stage that is switched whole keeps the SE it has."""
    whole = any(place.stage == index and len(place.blocks) == found.stages[index].depth for place in places)
    if whole and has_se(found, index):
        return found.stages[index].se
    return attention_if_on(found, index)


def _differs(factors: Factors, place: Place, off: Architecture) -> bool:
    """Whether SE in a place changes the network. It does not if no block there has the site."""
    on = factors.network(tuple(other == place for other in factors.places))
    return on.fingerprint() != off.fingerprint()


def _other_sites(factors: Factors) -> tuple[str, ...]:
    """The sites that every place has and that SE can be moved to. InputError if there is none."""
    blocks = list(factors.found.blocks())
    common = [{site for block in place.blocks for site in blocks[place.stage][block].sites} for place in factors.places]
    used = {spec.site for specs in factors.attention for spec in specs if spec is not None}
    only = next(iter(used)) if len(used) == 1 else None
    sites = tuple(sorted(set.intersection(*common) - {only}))
    if not sites:
        raise InputError(f"--factors: no factor '{SITE}' here: SE has only one site that all of these blocks have")
    return sites


def _with_ratios(factors: Factors) -> Factors:
    """The factors, with the ratio as one of them. InputError if the ratio cannot be varied, or changes nothing."""
    everywhere = (True,) * len(factors.places)
    try:
        networks = [factors.network(everywhere, {RATIO: level}) for level in range(len(RATIO_STEPS))]
    except ValueError as error:
        raise InputError(f"--factors: no factor '{RATIO}' here: {error}") from None
    if len({network.fingerprint() for network in networks}) < len(RATIO_STEPS):
        raise InputError(
            f"--factors: no factor '{RATIO}' here: half of it and twice it give hidden layers of equal width"
        )
    return replace(factors, ratios=True)
