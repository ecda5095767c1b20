"""A made-up supernet of n places that are on or off, with networks that were trained alone."""

from collections.abc import Mapping
from itertools import product

from se_nas.analysis.supernet_account import SupernetAccount
from se_nas.analysis.supernet_scores import ScoredPlacement, SupernetScores
from se_nas.objective_metric import ACCURACY


def made_scores(places: int = 4, *, read: int | None = None) -> SupernetScores:
    """The scores of the placements of these places. SE in the first place helps most, and in each next place less."""
    placements = tuple(
        ScoredPlacement(
            options=options,
            se=tuple("inner/4" if option else "none" for option in options),
            fingerprint="".join(map(str, options)),
            modules=sum(options),
            accuracy=0.5 + sum(0.01 * option / (2**place) for place, option in enumerate(options)),
            cost={"flops": 100.0, "params": 1_000.0 + 10 * sum(options)},
        )
        for options in product((0, 1), repeat=places)
    )
    return SupernetScores(
        trunk="t",
        switches=tuple(f"stage{place + 1}" for place in range(places)),
        options=(("none", "inner/4"),) * places,
        count=len(placements),
        placements=placements[:read],
    )


def made_account(
    scores: SupernetScores,
    alone: Mapping[str, float],
    *,
    trials: Mapping[str, float] | None = None,
    is_start: bool = True,
    is_prior: bool = True,
    file: str = "supernet.json",
) -> SupernetAccount:
    """The account of these scores. `alone` are all networks that were trained alone, and `trials` the complete trials
    among them, as a rule all of them."""
    own = alone if trials is None else trials
    trust = scores.trust(alone)
    return SupernetAccount(
        file=file,
        metric=ACCURACY,
        epochs=6,
        seconds={"training": 67.0, "reading": 5.0},
        scores=scores,
        alone=alone,
        source="trials" if trials is None else "ablate-0003.json, 3 seeds each",
        trials={name: number for number, name in enumerate(own)},
        trust=trust,
        is_start=is_start,
        is_prior=is_prior,
        prior_trust=trust if trials is None else scores.trust(trials),
    )
