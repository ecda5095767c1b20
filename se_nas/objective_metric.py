"""The metric that scores a trial: accuracy, or a metric in which all classes count alike. A search maximises it."""

from enum import StrEnum

from se_nas.errors import InputError
from se_nas.wording import suggest


class ObjectiveMetric(StrEnum):
    """The metric that scores a trial. Its value is its name in `--objective-metric`, in files and in W&B."""

    ACCURACY = "accuracy"
    """The fraction of the images whose class is named."""
    BALANCED_ACCURACY = "balanced_accuracy"
    """The mean over the classes of the fraction of a class's images whose class is named (the mean recall)."""
    F1 = "f1"
    """The mean over the classes of F1, the harmonic mean of precision and recall (macro F1)."""

    @property
    def label(self) -> str:
        """Its name for people.

        >>> [metric.label for metric in ObjectiveMetric]
        ['accuracy', 'balanced accuracy', 'macro F1']
        """
        return "macro F1" if self is ObjectiveMetric.F1 else self.value.replace("_", " ")

    def of_largest_class(self, share: float, classes: int) -> float:
        """The score of a network that always names the class with the fraction `share` of the images.

        >>> [round(metric.of_largest_class(0.5, 4), 3) for metric in ObjectiveMetric]
        [0.5, 0.25, 0.167]
        """
        if self is ObjectiveMetric.ACCURACY:
            return share
        return (1.0 if self is ObjectiveMetric.BALANCED_ACCURACY else 2 * share / (1 + share)) / classes


ACCURACY = ObjectiveMetric.ACCURACY
METRIC_NAMES = frozenset(metric.value for metric in ObjectiveMetric)


def parse_metric(text: str) -> ObjectiveMetric:
    """The metric of this name. InputError if there is none."""
    try:
        return ObjectiveMetric(text)
    except ValueError:
        raise InputError(f"--objective-metric {text}: no such metric; {suggest(text, list(ObjectiveMetric))}") from None
