"""Switches: the places of one trunk where a design space decides on SE, and what each place may have.

All placements of SE share the trunk. So one network with a switch in each place, a supernet, is all of them.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from random import Random
from typing import Any

from se_nas.errors import InputError
from se_nas.space.architecture import Architecture
from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.attention.choices import AttentionChoices
from se_nas.space.attention.squeeze_excite import SqueezeExciteSpec
from se_nas.space.attention.switched import Place, Switched
from se_nas.space.decisions import Role, values_of
from se_nas.space.design_space import DesignSpace
from se_nas.space.habit import leaving_a_channel
from se_nas.space.parts.stage import BlockShape
from se_nas.space.placements import Attention, with_attention, without_se
from se_nas.space.pretraining import starting_unchanged

Placement = tuple[int, ...]
"""The number of the option of each switch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """The attention of each block of a switch, and its hidden widths; 0 in a block without attention."""

    attention: tuple[ChannelAttention | None, ...]
    widths: tuple[int, ...]

    @property
    def is_off(self) -> bool:
        """Whether no block has attention."""
        return not any(self.widths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """Blocks of one stage (from 0) for which SE is decided together, and their options, from the narrowest to the
    widest. The first option is no SE, unless the space always has SE there."""

    name: str
    stage: int
    blocks: tuple[int, ...]
    options: tuple[Option, ...]

    @property
    def can_be_off(self) -> bool:
        """Whether no SE is an option."""
        return self.options[0].is_off


@dataclass(frozen=True, kw_only=True)
class Switchboard:
    """The switches of a network. Blocks without a switch keep the SE of `found`. `notes` say what is not switched."""

    found: Architecture
    switches: tuple[Switch, ...]
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """The number of placements."""
        return math.prod(len(switch.options) for switch in self.switches)

    @property
    def narrowest(self) -> Placement:
        """The placement with SE off wherever it can be off."""
        return (0,) * len(self.switches)

    @property
    def widest(self) -> Placement:
        """The placement with the widest SE everywhere."""
        return tuple(len(switch.options) - 1 for switch in self.switches)

    def every(self) -> Iterator[Placement]:
        """Yield every placement."""
        return product(*(range(len(switch.options)) for switch in self.switches))

    def network(self, placement: Placement) -> Architecture:
        """The network with this placement of SE."""
        return with_attention(self.found, self._attention(placement))

    def widths(self, placement: Placement) -> dict[Place, int]:
        """The hidden width of SE in each block that has a switch; 0 where it is off."""
        return {
            (switch.stage, block): width
            for switch, option in zip(self.switches, placement, strict=True)
            for block, width in zip(switch.blocks, switch.options[option].widths, strict=True)
        }

    @property
    def switched(self) -> Architecture:
        """The supernet: the widest SE everywhere, with a switch in each block."""
        attention = [list(specs) for specs in self._attention(self.widest)]
        for switch in self.switches:
            for block in switch.blocks:
                spec = attention[switch.stage][block]
                if spec is not None:
                    attention[switch.stage][block] = Switched(attention=spec, place=(switch.stage, block))
        return with_attention(self.found, attention)

    @cached_property
    def trunk(self) -> str:
        """The fingerprint of the network without SE."""
        return without_se(self.found).fingerprint()

    def placement_of(self, network: Architecture) -> Placement | None:
        """The placement of a network; None if it has another trunk, or SE that no switch has."""
        if len(network.stages) != len(self.found.stages) or without_se(network).fingerprint() != self.trunk:
            return None
        blocks = list(network.blocks())
        placement = []
        for switch in self.switches:
            widths = tuple(_width(blocks[switch.stage][block]) for block in switch.blocks)
            known = [option.widths for option in switch.options]
            if widths not in known:
                return None
            placement.append(known.index(widths))
        found = tuple(placement)
        return found if self.network(found).fingerprint() == network.fingerprint() else None

    def _attention(self, placement: Placement) -> Attention:
        attention = [list(stage.se) for stage in self.found.stages]
        for switch, option in zip(self.switches, placement, strict=True):
            for block, spec in zip(switch.blocks, switch.options[option].attention, strict=True):
                attention[switch.stage][block] = spec
        return attention


def switches_of_space(space: DesignSpace) -> Switchboard:
    """The switches of a space with one trunk. InputError for SE that a supernet cannot share.

    If the space decides on the site of SE, all stages have the first site that the space names and all of them allow.
    If they have none in common, each stage has the first of its own.
    """
    found = space.decode(space.sample(Random(0)))
    allowed = [_sites(space, found, stage) for stage in range(len(space.se))]
    common = [site for own in allowed for site in own if all(site in other for other in allowed if other)]
    return _switchboard(space, found, [next(iter([*common, *own]), None) if own else None for own in allowed])


def find_switches(space: DesignSpace, found: Architecture) -> Switchboard:
    """The switches of a network of this space. InputError for SE that a supernet cannot share.

    If the space decides on the site of SE, each stage keeps that of the network, and a note says so.
    """
    return _switchboard(space, found, [_kept_site(space, found, stage) for stage in range(len(space.se))])


def _switchboard(space: DesignSpace, found: Architecture, sites: Sequence[str | None]) -> Switchboard:
    """The switches of a network with this site of SE in each stage."""
    switches: list[Switch] = []
    notes: list[str] = []
    for stage, (choices, site) in enumerate(zip(space.se, sites, strict=True)):
        before = len(switches)
        for name, blocks in _places(space, found, stage):
            specs = [spec for spec in dict.fromkeys(choices.every()) if spec.site == site]
            switch = _switch(space, found, choices, name, stage, blocks, specs)
            switches += [] if switch is None else [switch]
        others = sorted({str(spec.site) for spec in choices.every()} - {site})
        if others and len(switches) > before:
            notes.append(f"{space.trunk.stage_names[stage]} at {site}, not {' or '.join(others)}")
    if not switches:
        raise InputError(f"space '{space.name}' leaves no SE open in this network, so there is nothing to switch")
    notes = [f"a supernet shares SE of one site in each stage: {'; '.join(notes)}"] if notes else []
    return Switchboard(found=found, switches=tuple(switches), notes=tuple(notes))


def _sites(space: DesignSpace, found: Architecture, stage: int) -> list[str]:
    """The sites that SE may have in a stage, in the order of the space."""
    places = {site for block in list(found.blocks())[stage] for site in block.sites}
    return list(dict.fromkeys(str(spec.site) for spec in space.se[stage].every() if spec.site in places))


def _kept_site(space: DesignSpace, found: Architecture, stage: int) -> str | None:
    """The site of SE in a stage: the network's own, else that of another stage, else the first that a block has."""
    sites = _sites(space, found, stage)
    own = [spec.site for spec in found.stages[stage].se if spec is not None]
    others = [spec.site for other in found.stages for spec in other.se if spec is not None]
    return next((str(site) for site in [*own, *others, *sites] if site in sites), None)


def _places(space: DesignSpace, found: Architecture, stage: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The names and the blocks of the switches of a stage: of the stage, or of each of its blocks."""
    name, depth = space.trunk.stage_names[stage], found.stages[stage].depth
    if space.se[stage].blocks is None or depth == 1:
        yield name, tuple(range(depth))
    else:
        yield from ((f"{name}.block{block + 1}", (block,)) for block in range(depth))


def _switch(
    space: DesignSpace,
    found: Architecture,
    choices: AttentionChoices,
    name: str,
    stage: int,
    blocks: tuple[int, ...],
    attention: Sequence[ChannelAttention],
) -> Switch | None:
    """The switch at a place that may have this attention; None if there is only one option."""
    specs: list[ChannelAttention | None] = list(attention)
    if False in (values_of(choices.present) or ()):
        specs.insert(0, None)
    options: dict[tuple[Any, ...], Option] = {}
    for spec in specs:
        placed = _placed(space, found, stage, blocks, spec)
        if placed is not None:
            own = [placed[block] for block in blocks]
            options.setdefault(
                tuple(block.se and block.se.identity for block in own),
                Option(
                    attention=tuple(None if block.se is None else block.se.attention for block in own),
                    widths=tuple(map(_width, own)),
                ),
            )
    ordered = sorted(options.values(), key=lambda option: option.widths)
    if len(ordered) < 2:
        return None
    _check_shared(space, name, ordered)
    return Switch(name=name, stage=stage, blocks=blocks, options=tuple(ordered))


def _placed(
    space: DesignSpace, found: Architecture, stage: int, blocks: Sequence[int], spec: ChannelAttention | None
) -> tuple[BlockShape, ...] | None:
    """The blocks of a stage with this attention in some of them; None if the space has no such network."""
    own = list(found.blocks())[stage]
    if spec is not None and not any(spec.site in own[block].sites for block in blocks):
        return None
    attention: list[list[ChannelAttention | None]] = [[None] * other.depth for other in found.stages]
    if spec is not None:
        for block in blocks:
            attention[stage][block] = leaving_a_channel(spec, own[block]) if space.gives_a_channel else spec
    try:
        network = with_attention(found, attention)
    except ValueError:  # e.g. the ratio leaves no channel
        return None
    if space.pretrained is not None:
        network = starting_unchanged(network, space.pretrained)
    return list(network.blocks())[stage]


def _check_shared(space: DesignSpace, name: str, options: Sequence[Option]) -> None:
    """Check that the SE of a switch differs in its width alone. InputError if it does not."""
    for specs in zip(*(option.attention for option in options), strict=True):
        kinds = {spec.identity(0) for spec in specs if spec is not None}
        sized = {spec for spec in specs if spec is not None}
        if len(kinds) > 1:
            raise InputError(
                f"space '{space.name}': {name} has SE that differs in more than its width, which a supernet cannot "
                "share"
            )
        if len(sized) > 1 and not all(isinstance(spec, SqueezeExciteSpec) for spec in sized):
            kind = next(iter(sized))
            raise InputError(
                f"space '{space.name}': {name} decides on the {kind.size_name} of '{kind.name}', which a supernet "
                "cannot share; give one value"
            )


def _width(block: BlockShape) -> int:
    return 0 if block.se is None else block.se.hidden


def has_one_trunk(space: DesignSpace) -> bool:
    """Whether a space decides on SE alone."""
    return all(decision.role is Role.ATTENTION for decision in space.decisions.values())
