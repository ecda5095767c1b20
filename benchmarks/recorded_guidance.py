"""What a trained supernet and relaxed gates say of the placements of an open table, for replays of searches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from placement_rows import placement_name

from se_nas.analysis.supernet_scores import SupernetScores
from se_nas.errors import InputError
from se_nas.files import read_checked
from se_nas.runs.supernet_file import load_scores
from se_nas.searching.records import TrialRecord
from se_nas.searching.surrogate.prior_mean import Prior

ALIKE = 0.01
"""The largest relative difference of FLOPs that counts as none."""


def recorded_scores(path: Path) -> SupernetScores:
    """The scores of `supernet.json`, with names of placements as fingerprints. InputError if it is no such file."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected supernet.json of launch/supernet.py")
    scores, _ = load_scores(path)
    named = [replace(each, fingerprint=placement_name(each.se)) for each in scores.placements]
    return replace(scores, placements=tuple(named))


def check_costs(path: Path, scores: SupernetScores, flops: Mapping[str, int]) -> None:
    """Check that a supernet has the FLOPs of a table's networks by name, as far as both know them. InputError if not.

    A supernet of arrays is trained at their own size, unless `--image-size` is given.
    """
    for each in scores.placements:
        own, other = each.cost.get("flops"), flops.get(placement_name(each.se))
        if own is not None and other is not None and abs(own / other - 1) > ALIKE:
            raise InputError(
                f"{path}: SE {placement_name(each.se)} has {own:,.0f} FLOPs, but {other:,} in the table; train the "
                "supernet on the table's trunk and at its image size (`launch/supernet.py --image-size`)"
            )


def recorded_choices(path: Path) -> list[str]:
    """The names of the placements in `differentiable.json`, by rising price. InputError if it is no such file."""
    try:
        content = read_checked(path) or {}
        chosen = sorted((float(each["price"]), placement_name(each["se"])) for each in content["choices"])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InputError(f"{path}: expected differentiable.json of `search.py --strategy differentiable`") from None
    return list(dict.fromkeys(name for _, name in chosen))


@dataclass
class Watched:
    """Counts how often the priors of several searches were asked, and how often they gave scores."""

    asked: int = field(init=False, default=0)
    trusted: int = field(init=False, default=0)

    def of(self, prior: Prior) -> Prior:
        """A prior with the same scores, whose calls are counted."""

        def counted(records: Sequence[TrialRecord]) -> Mapping[str, float]:
            scores = prior(records)
            self.asked += 1
            self.trusted += bool(scores)
            return scores

        return counted
