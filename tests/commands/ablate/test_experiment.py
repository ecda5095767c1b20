"""Which networks an ablation trains, and in which order."""

from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pytest

from se_nas.commands.ablate.experiment import FOUND, NOWHERE, Experiment, plan_experiment
from se_nas.commands.ablate.factors import find_factors
from se_nas.commands.ablate.plan import ExperimentPlan, main_effects
from se_nas.commands.replications.plan import Key
from se_nas.errors import InputError
from se_nas.space.architecture import Architecture
from se_nas.space.attention.tokens import parse_token
from se_nas.space.families.regnet import RegNetBlock
from se_nas.space.own_network import own_architecture
from se_nas.space.parts.own_site import OwnSite
from se_nas.space.parts.own_trunk import OwnTrunk
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from tests.fakes import network_with_se

EVERYWHERE = "everywhere (RegNetY)"


@dataclass(frozen=True)
class NoSpace:
    """A space that says nothing about blocks."""

    se: tuple[Any, ...] = field(default=())


def planned(found: Architecture, wanted: str | None = None) -> Experiment:
    return plan_experiment(find_factors(found, NoSpace(), wanted), lambda network: network)  # type: ignore[arg-type]


def own_network() -> Architecture:
    groups = [[OwnSite(place=f"layer{group}.{site}", channels=16) for site in range(2)] for group in range(2)]
    return own_architecture(OwnTrunk(file="net.py", function="build", checksum="0"), groups)


@pytest.mark.parametrize(
    ("tokens", "size", "own"),
    [
        (("inner/4", "none"), 4, 0),
        (("none", "none"), 4, 0),
        (("inner/2", "none"), 5, 1),
        (("inner/2", "inner/2", "none"), 9, 1),
        (("inner/4",) * 4, 16, 0),
        (("inner/4",) * 5, 17, 0),
    ],
    ids=["one stage", "none", "wider than RegNetY's", "three stages", "four stages", "a fraction of five"],
)
def test_the_reference_placements_are_points_of_the_design_or_are_added(
    tokens: tuple[str, ...], size: int, own: int
) -> None:
    experiment = planned(network_with_se(*tokens))

    names = experiment.of_seed(0)
    assert {NOWHERE, *({FOUND} if set(tokens) != {"none"} else ()), experiment.habits[-1]} <= set(names)
    assert (experiment.size, len(names), len(set(names))) == (size, size, size)
    assert sum(arm.cell.is_own for arm in experiment.placements) == own
    assert len({arm.network.fingerprint() for arm in experiment.placements}) == len(experiment.placements)
    assert len(experiment.placements) == 2 ** len(tokens) + own


def test_a_place_that_is_not_named_keeps_its_se_and_names_say_so() -> None:
    experiment = planned(network_with_se("inner/4", "inner/2", "none"), "stage1,stage3")

    by_name = {arm.name: arm.network.se_tokens for arm in experiment.placements}
    assert by_name == {
        "elsewhere": ("none", "inner/2", "none"),
        "stage3 + elsewhere": ("none", "inner/2", "inner/2"),
        FOUND: ("inner/4", "inner/2", "none"),
        "stage1 + stage3 + elsewhere": ("inner/4", "inner/2", "inner/2"),
        NOWHERE: ("none",) * 3,
        EVERYWHERE: ("inner/4",) * 3,
    }


def test_blocks_are_factors_where_the_network_decides_by_block() -> None:
    block = RegNetBlock(group_width=8, bottleneck=1)
    mixed = Stage.of(block, depth=2, width=8, stride=1, se=(None, parse_token("inner/2")))
    whole = Stage.of(block, depth=2, width=8, stride=1, se=(parse_token("inner/2"),) * 2)
    found = Architecture(stem=Stem.plain(width=8, stride=1), stages=(mixed, whole))

    def names(wanted: str | None) -> list[str]:
        return [place.name for place in find_factors(found, NoSpace(), wanted).places]  # type: ignore[arg-type]

    assert names(None) == ["stage1.block1", "stage1.block2", "stage2"]
    assert names("stages") == ["stage1", "stage2"]
    assert names("blocks") == ["stage1.block1", "stage1.block2", "stage2.block1", "stage2.block2"]
    assert names("stage2.block1,stage1") == ["stage1", "stage2.block1"]
    assert {arm.name for arm in planned(found, "stages").placements} >= {FOUND, NOWHERE}


def test_the_places_of_a_users_network_are_factors_by_their_names() -> None:
    factors = find_factors(own_network(), NoSpace(), "blocks")  # type: ignore[arg-type]

    assert [place.name for place in factors.places] == ["layer0.0", "layer0.1", "layer1.0", "layer1.1"]
    assert [place.label for place in find_factors(own_network(), NoSpace(), None).places] == [  # type: ignore[arg-type]
        "at layer0",
        "at layer1",
    ]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("stage1,stage1.block2", "'stage1.block2' is named twice, or with a part of it"),
        ("stage9", "no factor 'stage9'; did you mean stage"),
        ("rato", "no factor 'rato'; did you mean ratio"),
    ],
)
def test_a_wrong_name_is_refused(wanted: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        planned(network_with_se("inner/4", "none"), wanted)


@pytest.mark.parametrize(
    ("found", "wanted", "message"),
    [
        (own_network(), "site", "no factor 'site' here: SE has only one site"),
        (
            network_with_se("inner/1", "none"),
            "ratio",
            "no factor .ratio. here: an SE reduction",
        ),
        (network_with_se("inner/16", "none"), "ratio", "no factor 'ratio' here: .* leaves no channel"),
        (network_with_se(*("inner/4",) * 17), "blocks", "34 places for SE, but an experiment has at most 32"),
    ],
)
def test_what_cannot_be_varied_is_refused_with_its_reason(found: Architecture, wanted: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        planned(found, wanted)


def test_every_level_of_a_treatment_meets_every_placement_over_the_seeds() -> None:
    experiment = planned(network_with_se("inner/4", "none"), "stages,ratio")

    trained = {name for seed in range(3) for name in experiment.of_seed(seed)}

    assert len(trained) == 1 + 3 * 3  # nowhere, and three placements at three ratios
    assert trained == experiment.arms.keys()


def run(plan: ExperimentPlan, *, workers: int, accuracy: Any, outcomes: dict[Key, float | None]) -> list[Key]:
    """Carry out a plan. The training that began first ends first."""
    under_way: list[Key] = []
    done: list[Key] = []
    while True:
        while len(under_way) < workers and (key := plan(outcomes, under_way)) is not None:
            under_way.append(key)
        if not under_way:
            return done
        done.append(under_way.pop(0))
        outcomes[done[-1]] = accuracy(done[-1])


def noisy(key: Key) -> float:
    """An accuracy that depends on the network and the seed alone."""
    return 0.7 + 0.01 * float(np.random.default_rng([len(key[0]), *map(ord, key[0]), key[1]]).standard_normal())


@pytest.mark.parametrize(("workers", "until"), list(product((1, 3), (0.004, 0.008))))
def test_until_trains_the_same_networks_with_any_number_of_workers_and_after_an_interruption(
    workers: int, until: float
) -> None:
    experiment = planned(network_with_se("inner/2", "none", "none"))
    said: list[str] = []

    def plan() -> ExperimentPlan:
        return ExperimentPlan(experiment, seeds=0, until=until, most=400, report=said.append)

    outcomes: dict[Key, float | None] = {}
    done = run(plan(), workers=workers, accuracy=noisy, outcomes=outcomes)
    part = dict(list(outcomes.items())[: len(done) // 2])
    rest = run(plan(), workers=workers, accuracy=noisy, outcomes=part)

    effects = main_effects(experiment, {key: value for key, value in outcomes.items() if value is not None})
    assert effects is not None
    assert effects.widest <= until
    assert {*done[: len(done) // 2], *rest} == {*done}
    assert all(f"± {100 * until:g} takes about" in line for line in said)


def test_a_plan_of_seeds_goes_through_failed_trainings_and_reports_each_batch() -> None:
    experiment = planned(network_with_se("inner/4", "none"))
    said: list[str] = []
    plan = ExperimentPlan(experiment, seeds=4, until=None, most=400, report=said.append)

    done = run(plan, workers=2, accuracy=lambda key: None if key == (NOWHERE, 1) else noisy(key), outcomes={})

    assert done == [(name, seed) for seed in range(4) for name in experiment.of_seed(seed)]
    assert [line.split(":")[0] for line in said] == ["after 8 trainings", "after 12 trainings"]


@pytest.mark.parametrize("tokens", [("inner/8", "inner/8"), ("inner/8", "none"), ("inner/4", "inner/2")])
def test_no_network_occurs_twice_where_narrow_blocks_have_one_width_at_several_ratios(tokens: tuple[str, ...]) -> None:
    experiment = planned(network_with_se(*tokens), "stages,ratio")
    arms = [*experiment.placements[: experiment.size], *experiment.variants.values()]
    fingerprints = [arm.network.fingerprint() for arm in arms]
    assert len(fingerprints) == len(set(fingerprints))
