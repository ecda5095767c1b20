"""Test accuracy with its interval: the test images are a sample, and so are the seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit

from se_nas.objective_metric import ACCURACY, ObjectiveMetric

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class MeanTestAccuracy:
    """The mean test accuracy over trainings, and its 95 % interval."""

    mean: float
    low: float
    high: float


def mean_test_accuracy(counts: Sequence[tuple[int, int]]) -> MeanTestAccuracy:
    """The accuracy of trainings on different seeds, each given as (right answers, images).

    All trainings have the same number of images.

    The interval covers the accuracy on all images of this kind. It is Wilson's interval (JASA 22, 1927) for the images,
    widened by the variation of the mean over seeds. For a single seed that variation is unknown and left out.
    """
    images = counts[0][1]
    accuracies = np.array([right / images for right, _ in counts])
    mean, seeds = float(accuracies.mean()), len(counts)
    z = float(ndtri(0.5 + CONFIDENCE / 2))
    centre = (mean + z**2 / (2 * images)) / (1 + z**2 / images)
    of_images = z / (1 + z**2 / images) * math.sqrt(mean * (1 - mean) / images + z**2 / (4 * images**2))
    of_seeds = 0.0
    if seeds > 1:
        of_seeds = float(stdtrit(seeds - 1, 0.5 + CONFIDENCE / 2)) * float(accuracies.std(ddof=1)) / math.sqrt(seeds)
    half_width = math.hypot(of_images, of_seeds)
    return MeanTestAccuracy(mean, max(0.0, min(mean, centre - half_width)), min(1.0, max(mean, centre + half_width)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrained:
    """A network that was trained with a long recipe on one or several seeds.

    `search_accuracy` is None for a network that the search did not train. `counts` has the right answers and the images
    of each training. `test_score` is the mean of the objective metric on the test images, if it is not the accuracy.
    """

    network: str
    trial: int
    recipe: str
    se: tuple[str, ...]
    cost: Mapping[str, float]
    search_accuracy: float | None
    validation_accuracy: float
    counts: tuple[tuple[int, int], ...]
    metric: ObjectiveMetric = ACCURACY
    test_score: float | None = None

    @property
    def tested(self) -> MeanTestAccuracy:
        """The test accuracy with its interval."""

        return mean_test_accuracy(self.counts)
