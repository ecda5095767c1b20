"""The set of networks that a search may propose, given by decisions and rules between them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from random import Random

from se_nas.costs import format_cost_exactly
from se_nas.errors import InputError
from se_nas.space.architecture import Architecture
from se_nas.space.attention.choices import AttentionChoices
from se_nas.space.decisions import (
    IMAGE_SIZE,
    Assignment,
    Categorical,
    Decision,
    FloatRange,
    IntRange,
    Property,
    Setting,
    Value,
    settle,
    values_of,
)
from se_nas.space.faults import StageAttentionError, StageError
from se_nas.space.habit import leaving_a_channel
from se_nas.space.parts.stage import Stage
from se_nas.space.pretraining import starting_unchanged
from se_nas.space.trunks.trunk import Trunk
from se_nas.wording import format_count

MOST_ENUMERATED = 20_000
"""A space with at most this many assignments is counted exactly, which takes about two seconds."""

MOST_DRAWS = 20_000
"""The number of draws after which `sample` reports that the rules cannot be satisfied."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The lowest and the highest allowed value of a cost; None means no limit."""

    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceSize:
    """The number of distinct networks in a space, without bounds on cost. If it is not `exact`, it is an upper
    bound."""

    count: int
    exact: bool

    def __str__(self) -> str:
        return f"{self.count:,}" if self.exact else f"at most {format_count(self.count)}"


@dataclass(frozen=True, kw_only=True)
class DesignSpace:
    """Decisions, the rules between them, and the conversion of an assignment to a network.

    `image_sizes` are sides in pixels. If they are a decision, each network has its own image size.

    `pretrained` is the network whose weights all networks of the space start with. Their trunk is its trunk. SE that it
    has itself keeps its form, and all other SE starts with a gate of 1 (`pretraining.starting_unchanged`).

    With `gives_a_channel`, SE whose ratio would leave no channel has one, as in searches of earlier versions. Otherwise
    such a network is not in the space.

    `bounds` limits costs by name (`se_nas.costs`). Costs are counted or measured on the built network, so
    `cost_violation` takes the costs that are known, and `check` tests only the rules.
    """

    name: str
    image_sizes: Setting[int]
    trunk: Trunk
    se: tuple[AttentionChoices, ...]
    bounds: Mapping[str, Limit] = field(default_factory=dict)
    pretrained: Architecture | None = None
    gives_a_channel: bool = False

    @cached_property
    def decisions(self) -> dict[str, Decision]:
        """The open decisions by name, each with its role, in a fixed order. ValueError if two have the same name."""
        decisions: dict[str, Decision] = {}
        for name, setting, role in self._settings():
            if isinstance(setting, Categorical | IntRange | FloatRange):
                if name in decisions:
                    raise ValueError(f"two decisions are called {name}: a family and an attention have a key in common")
                decisions[name] = replace(setting, role=role)
        return decisions

    @property
    def image_size(self) -> int:
        """The side in pixels for which images are read: the largest side that a network can have."""
        return self.trunk.largest_image_size or int(max(values_of(self.image_sizes) or ()))

    def sample(self, rng: Random) -> dict[str, Value]:
        """Draw each decision uniformly until the assignment satisfies the rules. InputError if none is found; its cause
        is the fault of the last one."""
        draws = MOST_DRAWS if self.decisions else 1
        for _ in range(draws):
            assignment = {name: decision.sample(rng) for name, decision in self.decisions.items()}
            violation = self.check(assignment)
            if violation is None:
                return assignment
        last = f"none of {draws:,} drawn networks keeps the rules of this space; the last: " if self.decisions else ""
        raise InputError(f"{last}{violation}") from self._fault(assignment)

    def check(self, assignment: Assignment) -> str | None:
        """A message about the rule that an assignment breaks; None if it breaks no rule."""
        decisions = self.decisions
        if missing := decisions.keys() - assignment.keys():
            return f"undecided: {', '.join(sorted(missing))}"
        if unknown := assignment.keys() - decisions.keys():
            return f"no such decision: {', '.join(sorted(unknown))}"
        for name, decision in decisions.items():
            if not decision.contains(assignment[name]):
                return f"{name}={assignment[name]!r} is not one of its values"
        fault = self._fault(assignment)
        return None if fault is None else str(fault)

    def _fault(self, assignment: Assignment) -> ValueError | None:
        """The reason why these values give no network; None if they give one."""
        try:
            self.decode(assignment)
        except ValueError as error:
            return error
        return None

    def decode(self, assignment: Assignment) -> Architecture:
        """The network of an assignment. ValueError if the assignment breaks a rule."""
        plain = self.trunk.network(assignment)
        stages = [self._attended(index, plain, assignment) for index in range(len(self.se))]
        size = plain.image_size or self._decided_size(assignment)
        try:
            network = replace(plain, stages=tuple(stages), image_size=size)
        except StageError as fault:  # the trunk alone can be built
            raise StageAttentionError(str(fault), index=fault.index, kind=self.se[fault.index].kind.name) from None
        return network if self.pretrained is None else starting_unchanged(network, self.pretrained)

    def _attended(self, index: int, plain: Architecture, assignment: Assignment) -> Stage:
        """The stage with its attention, in each block that has the site. StageAttentionError if no block has it."""
        name, stage, choices = self.trunk.stage_names[index], plain.stages[index], self.se[index]
        blocks = list(plain.blocks())[index]
        specs = choices.decode(name, assignment, depth=stage.depth)
        places = {site for block in blocks for site in block.sites}
        for spec in specs:
            if spec is not None and spec.site not in places:
                message = f"no block of {name} has a site '{spec.site}'; they have {', '.join(sorted(places))}"
                raise StageAttentionError(message, index=index, kind=choices.kind.name)
        if self.gives_a_channel:
            specs = tuple(spec and leaving_a_channel(spec, block) for spec, block in zip(specs, blocks, strict=True))
        return stage.attended(blocks, specs)

    def _decided_size(self, assignment: Assignment) -> int | None:
        """The decided image size; None if it is no decision."""
        is_open = isinstance(self.image_sizes, Categorical | IntRange | FloatRange)
        return settle(self.image_sizes, IMAGE_SIZE, assignment) if is_open else None

    def cost_violation(self, cost: Mapping[str, float]) -> str | None:
        """A message about the bound that one of these costs breaks; None if none of them breaks a bound."""
        for name, limit in self.bounds.items():
            value = cost.get(name)
            if value is not None and limit.low is not None and value < limit.low:
                return f"{name} {format_cost_exactly(name, value)} is below {format_cost_exactly(name, limit.low)}"
            if value is not None and limit.high is not None and value > limit.high:
                return f"{name} {format_cost_exactly(name, value)} is above {format_cost_exactly(name, limit.high)}"
        return None

    def neighbours(self, assignment: Assignment) -> Iterator[dict[str, Value]]:
        """Yield the valid assignments that differ in one decision and build another network."""
        own = self.decode(assignment).fingerprint()
        for name, decision in self.decisions.items():
            for value in decision.neighbours(assignment[name]):
                near = {**assignment, name: value}
                if self.check(near) is None and self.decode(near).fingerprint() != own:
                    yield near

    def size(self) -> SpaceSize:
        """The number of distinct networks. It is counted in a small space; else it is a bound from the choices."""
        listed = [decision.values() for decision in self.decisions.values()]
        total = math.prod(math.inf if values is None else len(values) for values in listed)
        if total <= MOST_ENUMERATED:
            return SpaceSize(count=len(self._fingerprints()), exact=True)
        placements = [choices.count_bound() for choices in self.se]
        if None in placements:
            raise InputError(f"space '{self.name}': the attention needs choices or whole-number ranges")
        factors = [count or 1 for count in placements] + [len(values_of(self.image_sizes) or ())]
        return SpaceSize(count=math.prod([self.trunk.size_bound(), *factors]), exact=False)

    def _fingerprints(self) -> set[str]:
        names = list(self.decisions)
        found = set()
        for values in product(*(decision.values() or () for decision in self.decisions.values())):
            try:
                found.add(self.decode(dict(zip(names, values, strict=True))).fingerprint())
            except ValueError:  # it breaks a rule
                continue
        return found

    def _settings(self) -> Iterator[Property]:
        yield from self.trunk.settings()
        yield Property(IMAGE_SIZE, self.image_sizes)
        for stage, se in zip(self.trunk.stage_names, self.se, strict=True):
            for name, setting, role in se.settings():
                yield Property(f"{stage}.{name}", setting, role)
