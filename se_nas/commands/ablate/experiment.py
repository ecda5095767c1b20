"""The experiment of an ablation: its networks by name, and the order in which they are trained."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from se_nas.analysis.designed.fractions import MOST_FACTORS, Design, Point, design_for
from se_nas.analysis.designed.model import Cell, Contrasts, distinct_pairs
from se_nas.commands.ablate.factors import AS_FOUND, RATIO, RATIO_NAMES, SITE, STAGES, Factors
from se_nas.errors import InputError
from se_nas.space.architecture import Architecture
from se_nas.space.habit import published_names
from se_nas.space.placements import with_published_se, without_se

FOUND, NOWHERE = "as found", "nowhere"
ELSEWHERE = "elsewhere"
"""Stands in the name of a network for SE in places that are not among the factors."""

MOST_PREDICTED = 256
"""If there are more placements than this, only those of the design are predicted."""

Prepare = Callable[[Architecture], Architecture]

RATIO_COLUMNS = np.array([[-0.5, -1 / 3], [0.0, 2 / 3], [0.5, -1 / 3]])
"""The values of the linear and the quadratic column at each level of the ratio. The levels are equidistant in the
logarithm. The coefficients are the gain of the widest SE over the narrowest SE, and of the middle over their mean."""


@dataclass(frozen=True, slots=True)
class Arm:
    """A network of an experiment, and its place in the model."""

    name: str
    network: Architecture
    cell: Cell


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """An experiment on the places of SE: what is trained, and what is predicted.

    `placements` are the networks with SE as found in each of its places. On each seed, the first `size` of them are
    trained: the points of the design, then the reference placements that are not among these. `habits` are the names of
    the reference placements: nowhere, as found, and everywhere as published. `variants` are the networks at other
    levels of the treatments, by the name of their placement and by these levels.
    """

    factors: Factors
    design: Design
    placements: tuple[Arm, ...]
    size: int
    habits: tuple[str, ...]
    variants: Mapping[tuple[str, tuple[int, ...]], Arm]

    @property
    def arms(self) -> dict[str, Arm]:
        """Every network that may be trained, by name."""
        return {arm.name: arm for arm in [*self.placements[: self.size], *self.variants.values()]}

    @property
    def terms(self) -> Contrasts:
        """The terms of the model."""
        sites = self.factors.treatments.get(SITE)
        ratio = {RATIO: RATIO_COLUMNS} if self.factors.ratios else {}
        return Contrasts(
            factors=self.design.factors,
            pairs=distinct_pairs(self.design.points),
            treatments=ratio | ({SITE: np.eye(sites)[:, 1:] - 1 / sites} if sites else {}),
            own=tuple(arm.name for arm in self.placements if arm.cell.is_own),
        )

    def of_seed(self, seed: int) -> list[str]:
        """The names of the networks that are trained on a seed, in order.

        With treatments, each point has another level on each seed, so that the levels are balanced over the seeds.
        """
        names = [arm.name for arm in self.placements[: self.size]]
        points = len(self.design.points)
        treated = [self.variants.get((name, self._levels(index, seed))) for index, name in enumerate(names[:points])]
        return [*(arm.name if arm else name for name, arm in zip(names, treated, strict=False)), *names[points:]]

    def _levels(self, index: int, seed: int) -> tuple[int, ...]:
        """The levels of the treatments of a point on a seed: a Graeco-Latin square of them, if their numbers are
        odd."""
        treatments = self.factors.treatments
        steps = {RATIO: 1, SITE: 2 if treatments.get(SITE, 0) % 2 else 1}
        return tuple((index + steps[name] * seed) % count for name, count in treatments.items())


def plan_experiment(factors: Factors, prepare: Prepare) -> Experiment:
    """The experiment for these factors. `prepare` changes each network before it is trained.

    InputError if there are too many factors.
    """
    if len(factors.places) > MOST_FACTORS:
        raise InputError(
            f"{len(factors.places)} places for SE, but an experiment has at most {MOST_FACTORS} factors; name some of "
            f"them with --factors, or take `--factors {STAGES}`"
        )
    design = design_for(len(factors.places))
    habits = _habits(factors.found, prepare)
    off = (False,) * design.factors
    elsewhere = [ELSEWHERE] if _has_se(factors.network(off)) else []
    names = {network.fingerprint(): name for name, network in habits.items()}

    def placement(point: Point) -> Arm:
        network = prepare(factors.network(point))
        places = [place.name for place, is_on in zip(factors.places, point, strict=True) if is_on]
        name = names.get(network.fingerprint()) or " + ".join([*places, *elsewhere])
        return Arm(name, network, Cell(point=point, treatments=AS_FOUND if _has_se(network) else {}))

    points = {point: placement(point) for point in design.points}
    others = {}
    if design.separates_interactions and 2**design.factors <= MOST_PREDICTED:
        every = product((False, True), repeat=design.factors)
        others = {point: placement(point) for point in every if point not in points}
    known = {arm.name for arm in [*points.values(), *others.values()]}
    alone = Cell(point=off, treatments={}, is_own=True)
    own = [Arm(name, network, alone) for name, network in habits.items() if name not in known]
    added = [arm for arm in others.values() if arm.name in habits] + own
    rest = [arm for arm in others.values() if arm.name not in habits]
    return Experiment(
        factors=factors,
        design=design,
        placements=(*points.values(), *added, *rest),
        size=len(points) + len(added),
        habits=tuple(habits),
        variants=_variants(factors, points, own, prepare),
    )


def _habits(found: Architecture, prepare: Prepare) -> dict[str, Architecture]:
    """The networks of the reference placements, by name. Each network occurs once, by its first name."""
    _, published = published_names(found)
    everywhere = f"everywhere ({published})"
    networks = {NOWHERE: without_se(found), FOUND: found, everywhere: with_published_se(found)}
    habits: dict[str, Architecture] = {}
    for name, network in networks.items():
        prepared = prepare(network)
        if prepared.fingerprint() not in {other.fingerprint() for other in habits.values()}:
            habits[name] = prepared
    return habits


def _variants(
    factors: Factors, points: Mapping[Point, Arm], own: Sequence[Arm], prepare: Prepare
) -> dict[tuple[str, tuple[int, ...]], Arm]:
    """The networks at other levels of the treatments than the levels as found. Each network occurs once."""
    variants = {}
    seen = {arm.network.fingerprint() for arm in [*points.values(), *own]}
    for levels in product(*(range(count) for count in factors.treatments.values())):
        treated = dict(zip(factors.treatments, levels, strict=True))
        if all(level == AS_FOUND[name] for name, level in treated.items()):
            continue
        for point, arm in points.items():
            if arm.cell.treatments:
                name = ", ".join([arm.name, *_treatment_names(factors, treated)])
                network = prepare(factors.network(point, treated))
                if network.fingerprint() not in seen:  # a narrow block may have the same width at two ratios
                    seen.add(network.fingerprint())
                    variants[arm.name, levels] = Arm(name, network, Cell(point=point, treatments=treated))
    return variants


def _treatment_names(factors: Factors, treated: Mapping[str, int]) -> list[str]:
    """A text for each level that is not as found."""
    texts = {RATIO: RATIO_NAMES, SITE: ("", *(f"at {site}" for site in factors.sites))}
    return [texts[name][level] for name, level in treated.items() if level != AS_FOUND[name]]


def _has_se(network: Architecture) -> bool:
    return any(spec is not None for stage in network.stages for spec in stage.se)
