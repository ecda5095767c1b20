"""Sentences on the gain of a placement of SE in a detector."""

import pytest

from se_nas.analysis.paired import Gain
from se_nas.report.detection.gain_sentences import DetectionGain, gain_sentences


@pytest.mark.parametrize("start", ["initial", "retrained"])
def test_the_sentences_say_which_variance_the_intervals_do_not_cover(start: str) -> None:
    gains = {"ap": Gain(mean=0.024, half_width=0.013, seeds=3), "ap50": Gain(mean=0.031, half_width=0.04, seeds=3)}
    first, *others = gain_sentences([DetectionGain(placement="everywhere", start=start, over="none", gains=gains)])

    assert first == (
        "SE everywhere is worth +2.4 ± 1.3 points of AP and +3.1 ± 4.0 points of AP50 over SE nowhere "
        "(each with a 95 % interval, 3 pairs of trainings on the same seeds)."
    )
    assert [line.startswith("Each placement has one retrained trunk") for line in others] == [True] * (
        start == "retrained"
    )
