import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from se_nas.objective_metric import ObjectiveMetric
from se_nas.training.scoring import Scorer, Scores, scores_of

CPU = torch.device("cpu")
CLASSES = 5
CASES = {
    "even classes": np.arange(60) % CLASSES,
    "one class with nearly all images": np.where(np.arange(60) < 55, 0, np.arange(60) % CLASSES),
    "a class without images": np.arange(60) % (CLASSES - 1),
    "a single class": np.full(60, 3),
}


def scored(labels: np.ndarray, named: np.ndarray, metric: ObjectiveMetric) -> Scores:
    """The scores, counted in three batches by two processes whose counts are added."""
    counts = 0
    logits = torch.nn.functional.one_hot(torch.from_numpy(named), CLASSES).float()
    for places in (slice(0, 40), slice(40, None)):
        scorer = Scorer(metric, classes=CLASSES, device=CPU)
        for part in torch.arange(len(labels))[places].split(25):
            scorer.add(logits[part], torch.from_numpy(labels)[part])
        counts = counts + scorer.counts
    return scores_of(counts, metric, images=len(labels))  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore::UserWarning:sklearn")
@pytest.mark.parametrize("labels", CASES.values(), ids=CASES)
@pytest.mark.parametrize("answers", ["random", "always the largest", "right"])
def test_scores_are_those_of_scikit_learn(labels: np.ndarray, answers: str) -> None:
    largest = np.full_like(labels, np.bincount(labels).argmax())
    random = np.random.default_rng(0).integers(0, CLASSES, len(labels))
    named = {"random": random, "always the largest": largest, "right": labels}[answers]

    expected = {
        ObjectiveMetric.ACCURACY: accuracy_score(labels, named),
        ObjectiveMetric.BALANCED_ACCURACY: balanced_accuracy_score(labels, named),
        ObjectiveMetric.F1: f1_score(labels, named, average="macro"),
    }
    for metric, score in expected.items():
        found = scored(labels, named, metric)
        assert found.score == pytest.approx(score)
        assert found.accuracy == accuracy_score(labels, named)


@pytest.mark.parametrize("metric", ObjectiveMetric)
def test_the_score_of_always_naming_the_largest_class_is_what_the_metric_says(metric: ObjectiveMetric) -> None:
    labels = CASES["one class with nearly all images"]
    share = float(np.bincount(labels).max() / len(labels))

    found = scored(labels, np.zeros_like(labels), metric)

    assert found.score == pytest.approx(metric.of_largest_class(share, CLASSES))
