"""What `retrain/` in a run folder holds: the result of each training, put together by network and recipe."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from se_nas.experiment.run_folder import RunFolder
from se_nas.files import read_json
from se_nas.search.held_out import Retrained


def load_retrained(folder: RunFolder) -> tuple[list[Retrained], list[str]]:
    """Every network that was tested, and a line for each result that cannot be read."""
    by_network: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    damaged = []
    for path in sorted(folder.path.glob("retrain/*/result.json")):
        result = read_json(path)
        try:
            summarised([result or {}])
        except (KeyError, TypeError, ValueError, ZeroDivisionError):
            damaged.append(f"{path}: damaged, and left out; remove the folder and retrain")
            continue
        by_network[_without_seed(path)].append(result or {})
    return [summarised(results) for results in by_network.values()], damaged


def summarised(results: Sequence[Mapping[str, Any]]) -> Retrained:
    """The trainings of one network by one recipe, as one."""
    first = results[0]
    return Retrained(
        network=str(first["network"]),
        trial=int(first["trial"]),
        recipe=f"{first['recipe_name']}, {int(first['recipe']['epochs'])} epochs",
        se=tuple(first["se"]),
        cost=dict(first["cost"]),
        search_accuracy=None if first["search_accuracy"] is None else float(first["search_accuracy"]),
        validation_accuracy=sum(float(result["validation_accuracy"]) for result in results) / len(results),
        counts=tuple(map(_counts, results)),
    )


def _counts(result: Mapping[str, Any]) -> tuple[int, int]:
    """The test images that are right, and all of them."""
    images = int(result["test_images"])
    right = round(float(result["test_accuracy"]) * images)
    if not 0 <= right <= images or not images:
        raise ValueError(f"{right} of {images}")
    return right, images


def _without_seed(path: Path) -> str:
    return path.parent.name.rpartition("-seed-")[0]
