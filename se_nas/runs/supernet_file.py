"""`supernet.json`: the placements that were read from a supernet, and how far their ranking can be trusted."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from se_nas import __version__
from se_nas.analysis.ranking_trust import Trust
from se_nas.analysis.supernet_scores import ScoredPlacement, SupernetScores
from se_nas.errors import InputError
from se_nas.files import read_checked, write_checked
from se_nas.process.invocation import invocation
from se_nas.runs.run_folder import RunFolder

PRIOR_FILE = "supernet.json"
"""The file of the supernet of a space with one trunk, whose scores may be the prior of a search."""


def supernet_files(folder: RunFolder) -> list[Path]:
    """The files of scores that exist: that of the space, then those of the trunks of trials. Copies do not count."""
    of_trials = [each for each in folder.path.glob("supernet-*.json") if each.stem.partition("-")[2].isdecimal()]
    return [*folder.path.glob(PRIOR_FILE), *sorted(of_trials)]


def write_scores(path: Path, scores: SupernetScores, *, about: Mapping[str, Any], trust: Trust | None) -> None:
    """Write the scores. `about` says how the supernet was trained. Its `identity` names the training."""
    effects = {
        "effects": [asdict(effect) for effect in scores.option_effects()],
        "interactions": [asdict(effect) for effect in scores.pair_effects()],
    }
    found = None if trust is None else {**asdict(trust), "is_earned": trust.is_earned}
    whole = effects if scores.placements else {}
    write_checked(path, {"version": __version__, **about, **asdict(scores), **whole, "trust": found})


def load_scores(path: Path) -> tuple[SupernetScores, Mapping[str, Any]]:
    """Read the scores, and the whole content of the file. InputError for a damaged file."""
    try:
        content = read_checked(path) or {}
        scores = SupernetScores(
            trunk=str(content["trunk"]),
            switches=tuple(map(str, content["switches"])),
            options=tuple(tuple(map(str, options)) for options in content["options"]),
            count=int(content["count"]),
            placements=tuple(map(_placement, content["placements"])),
        )
        str(content["identity"])
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"{path}: damaged; delete it, or run `{invocation('supernet')}` again after that") from None
    return scores, content


def _placement(content: Mapping[str, Any]) -> ScoredPlacement:
    return ScoredPlacement(
        options=tuple(map(int, content["options"])),
        se=tuple(map(str, content["se"])),
        fingerprint=str(content["fingerprint"]),
        modules=int(content["modules"]),
        accuracy=float(content["accuracy"]),
        cost={str(name): float(value) for name, value in content["cost"].items()},
    )
