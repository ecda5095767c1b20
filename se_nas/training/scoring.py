"""Scores a network on images: its accuracy, and the objective metric if that is another one.

The other metrics are those of scikit-learn: `balanced_accuracy_score` (classes without images do not count) and
`f1_score` with `average="macro"` (classes that neither occur nor are named do not count).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from se_nas.objective_metric import ACCURACY, ObjectiveMetric


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The accuracy, and the objective metric, which may be the accuracy too."""

    accuracy: float
    score: float


class Scorer:
    """Counts answers on the device, without waiting for it.

    `counts` (int64) has the right answers. Unless the metric is the accuracy, it also has the right answers of each
    class, then the images of each class, then how often each class was named. Counts of several processes may be added.
    """

    def __init__(self, metric: ObjectiveMetric, *, classes: int, device: torch.device) -> None:
        self._by_class = 0 if metric is ACCURACY else classes + 1  # the last is for classes without training images
        self.counts = torch.zeros(1 + 3 * self._by_class, dtype=torch.int64, device=device)

    def add(self, logits: Tensor, labels: Tensor) -> None:
        """Count a batch: logits (B, classes), labels (B,)."""
        named = logits.argmax(1)
        hit = named == labels
        self.counts[0] += hit.sum()
        if not self._by_class:
            return
        right, shown, answered = self.counts[1:].view(3, -1)
        named = named.clamp(max=self._by_class - 1)
        right.index_add_(0, labels, hit.long())
        shown.index_add_(0, labels, torch.ones_like(labels))
        answered.index_add_(0, named, torch.ones_like(named))


def scores_of(counts: Tensor, metric: ObjectiveMetric, *, images: int) -> Scores:
    """The scores from the counts of a `Scorer` of the same metric."""
    accuracy = int(counts[0]) / images
    if metric is ACCURACY:
        return Scores(accuracy=accuracy, score=accuracy)
    right, shown, answered = counts[1:].view(3, -1).double().cpu()
    if metric is ObjectiveMetric.BALANCED_ACCURACY:
        there = shown > 0
        return Scores(accuracy=accuracy, score=float((right[there] / shown[there]).mean()))
    there = shown + answered > 0
    return Scores(accuracy=accuracy, score=float((2 * right[there] / (shown + answered)[there]).mean()))
