"""COCO's AP on examples that can be computed by hand."""

import numpy as np
import pytest

from se_nas.training.detection.average_precision import FoundBoxes, TrueBoxes, average_precision


def true(*boxes: tuple[float, ...], labels: list[int] | None = None, crowd: list[bool] | None = None) -> TrueBoxes:
    corners = np.array(boxes, np.float64).reshape(-1, 4)
    sides = corners[:, 2:] - corners[:, :2]
    return TrueBoxes(
        boxes=corners,
        labels=np.array(labels or [0] * len(boxes), np.int64),
        areas=sides.prod(1),
        crowd=np.array(crowd or [False] * len(boxes), np.bool_),
    )


def found(*boxes: tuple[float, ...], labels: list[int] | None = None) -> FoundBoxes:
    """Found boxes (left, top, right, bottom, score)."""
    rows = np.array(boxes, np.float64).reshape(-1, 5)
    return FoundBoxes(boxes=rows[:, :4], labels=np.array(labels or [0] * len(boxes), np.int64), scores=rows[:, 4])


def test_boxes_that_are_all_found_give_an_ap_of_one() -> None:
    result = average_precision(
        [true((0, 0, 10, 10), (50, 50, 90, 90))], [found((0, 0, 10, 10, 0.9), (50, 50, 90, 90, 0.8))], classes=1
    )
    assert (result.ap, result.ap50, result.ap75, *result.by_class) == pytest.approx((1, 1, 1, 1))
    assert (result.small, result.medium) == pytest.approx((1, 1))
    assert result.large is None


def test_the_overlap_decides_at_which_thresholds_a_box_counts() -> None:
    result = average_precision([true((0, 0, 10, 10))], [found((0, 0, 10, 7.2, 0.9))], classes=1)
    assert (result.ap50, result.ap75) == pytest.approx((1, 0))
    assert result.ap == pytest.approx(5 / 10)  # IoU 0.72 passes 0.50, 0.55, 0.60, 0.65 and 0.70


def test_a_false_box_before_a_true_box_halves_the_precision() -> None:
    boxes = found((60, 60, 70, 70, 0.9), (0, 0, 10, 10, 0.8))
    result = average_precision([true((0, 0, 10, 10))], [boxes], classes=1)
    assert result.ap == pytest.approx(1 / 2)


def test_an_object_that_is_not_found_limits_the_recall() -> None:
    result = average_precision(
        [true((0, 0, 10, 10)), true((0, 0, 10, 10))], [found((0, 0, 10, 10, 0.9)), found()], classes=1
    )
    assert result.ap == pytest.approx(51 / 101)  # precision 1 at the recalls 0.00 to 0.50, of 101 recalls


def test_the_ap_is_the_mean_over_the_classes_that_have_objects() -> None:
    objects = true((0, 0, 10, 10), (20, 20, 30, 30), labels=[0, 1])
    result = average_precision([objects], [found((0, 0, 10, 10, 0.9), labels=[0])], classes=3)
    assert result.by_class[:2] == pytest.approx((1, 0))
    assert result.by_class[2] is None
    assert result.ap == pytest.approx(1 / 2)


def test_boxes_in_a_crowd_count_neither_as_right_nor_as_wrong() -> None:
    objects = true((0, 0, 10, 10), (50, 50, 90, 90), crowd=[False, True])
    boxes = found((60, 60, 70, 70, 0.9), (55, 55, 65, 65, 0.85), (0, 0, 10, 10, 0.8))
    assert average_precision([objects], [boxes], classes=1).ap == pytest.approx(1)


def test_without_a_found_box_the_ap_is_zero_and_without_an_object_there_is_none() -> None:
    assert average_precision([true((0, 0, 10, 10))], [found()], classes=1).ap == 0
    with pytest.raises(ValueError, match="needs at least one object"):
        average_precision([true()], [found((0, 0, 10, 10, 0.9))], classes=1)


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    average_precision([true((0, 0, 10, 10))], [found((0, 0, 10, 10, 0.9))], classes=1)
    assert capsys.readouterr().out == ""
