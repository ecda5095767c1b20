"""The results in `retrain/` of a run folder, grouped by network and recipe."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from se_nas.analysis.tested_accuracy import Retrained
from se_nas.errors import InputError
from se_nas.files import read_checked
from se_nas.objective_metric import ACCURACY, parse_metric
from se_nas.runs.run_folder import RunFolder
from se_nas.training.learning_rate import peak_learning_rate
from se_nas.training.recipe import Recipe
from se_nas.wording import counted

RESULT = "result.json"

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Number = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class RetrainedResult(BaseModel):
    """The fields of `result.json` that are read again. Its other fields are for people."""

    model_config = ConfigDict(strict=True, frozen=True)

    network: str
    trial: Annotated[int, Field(ge=0)]
    fingerprint: str
    se: list[str]
    search_accuracy: Share | None
    validation_accuracy: Share
    test_accuracy: Share
    test_images: Annotated[int, Field(ge=1)]
    cost: dict[str, Number]
    data: str
    images: dict[str, int]
    image_size: int
    classes: list[str]
    seed: int
    recipe_name: str
    recipe: dict[str, int | float | str]
    batch_size: int
    version: str
    unreadable_images: Annotated[int, Field(ge=0)] = 0
    images_fingerprint: str | None = None
    searched_images: dict[str, int] = {}
    """The numbers of training and validation images of the search, if it used a portion of the images."""
    metric: str = ACCURACY.value
    """The metric that scored the trials of the search."""
    validation_score: Share | None = None
    test_score: Share | None = None
    """The values of that metric, if it is not the accuracy."""
    latency_is_predicted: bool = False
    """Whether the latency in `cost` is from the search's latency table."""
    measured_latency: Number | None = None
    """The milliseconds of the whole network on the table's runtime, if they were measured after the search."""

    @property
    def peak_learning_rate(self) -> float:
        """The recipe's peak learning rate for the batch size that was used."""
        return peak_learning_rate(Recipe(**self.recipe), self.batch_size)  # type: ignore[arg-type]

    @property
    def alike(self) -> tuple[object, ...]:
        """The properties that two trainings of one network by one recipe share, whatever their seeds."""
        settings = (self.network, self.fingerprint, self.recipe_name, self.data, self.test_images)
        return (*settings, *sorted(self.recipe.items()), *sorted(self.images.items()))


def read_result(folder: Path) -> RetrainedResult | None:
    """The result of the retraining in `folder`; None if there is none, InputError if it is damaged."""
    path = folder / RESULT
    if not path.exists():
        return None
    try:
        return RetrainedResult.model_validate(read_checked(path))
    except ValidationError:
        raise InputError(f"{path}: damaged; remove the folder and retrain") from None


def load_retrained(folder: RunFolder) -> tuple[list[Retrained], list[str]]:
    """Every network that was tested, and a line for each result that cannot be read and is left out."""
    results: list[RetrainedResult] = []
    damaged = []
    for path in sorted(folder.path.glob(f"retrain/*/{RESULT}")):
        try:
            result = read_result(path.parent)
        except InputError as error:
            damaged.append(str(error))
            continue
        if result is not None:
            results.append(result)
    known = {result.images_fingerprint for result in results} - {None}
    only = next(iter(known)) if len(known) == 1 else None  # earlier versions did not write it
    by_network: dict[object, list[RetrainedResult]] = defaultdict(list)
    for result in results:
        by_network[result.alike, result.images_fingerprint or only].append(result)
    return [summarised(results) for results in by_network.values()], damaged


def summarised(results: Sequence[RetrainedResult]) -> Retrained:
    """Combine the trainings of one network by one recipe."""
    first = results[0]
    epochs: Any = first.recipe["epochs"]
    scores = [result.test_score for result in results if result.test_score is not None]
    return Retrained(
        network=first.network,
        trial=first.trial,
        recipe=f"{first.recipe_name}, {counted(epochs, 'epoch')}",
        se=tuple(first.se),
        cost=first.cost,
        search_accuracy=first.search_accuracy,
        validation_accuracy=sum(result.validation_accuracy for result in results) / len(results),
        counts=tuple((round(each.test_accuracy * each.test_images), each.test_images) for each in results),
        metric=parse_metric(first.metric),
        test_score=sum(scores) / len(scores) if scores else None,
    )
