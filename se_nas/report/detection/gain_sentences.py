"""Sentences on the gain in AP of one placement of SE over another in a detector."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from se_nas.analysis.paired import Gain, paired_gain
from se_nas.runs.detected_files import DetectedResult
from se_nas.wording import counted

MEASURES = {"ap": "AP", "ap50": "AP50"}
"""The measures that get a gain: the two of SENet's table 7."""
WORDS = {"none": "SE nowhere", "found": "SE as found", "everywhere": "SE everywhere"}
"""The placements in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionGain:
    """The gain of a placement over another, by measure, on the seeds that both have been trained on. `start` says with
    which weights their trunks began."""

    placement: str
    start: str
    over: str
    gains: Mapping[str, Gain]


def gains_over_first(results: Sequence[DetectedResult], placements: Sequence[str]) -> list[DetectionGain]:
    """The gain of each placement over the first of `placements`. A placement that shares fewer than two seeds with the
    first has none."""
    by_seed = {name: {each.seed: each for each in results if each.placement == name} for name in placements}
    first, *others = placements
    gains = []
    for name in others:
        seeds = sorted(by_seed[first].keys() & by_seed[name].keys())
        if len(seeds) < 2:
            continue
        pairs = [(by_seed[name][seed], by_seed[first][seed]) for seed in seeds]
        measured = {
            measure: paired_gain([getattr(a, measure) for a, _ in pairs], [getattr(b, measure) for _, b in pairs])
            for measure in MEASURES
        }
        gains.append(DetectionGain(placement=name, start=pairs[0][0].start, over=first, gains=measured))
    return gains


def gain_sentences(gains: Sequence[DetectionGain]) -> Iterator[str]:
    """Yield a sentence for each gain, and one on what the intervals do not cover."""
    for each in gains:
        texts = " and ".join(f"{points(gain)} points of {MEASURES[name]}" for name, gain in each.gains.items())
        ap = each.gains["ap"]
        verdict = "" if ap.is_sure else " The seeds cannot decide whether it helps."
        yield (
            f"{WORDS[each.placement]} is worth {texts} over {WORDS[each.over]} "
            f"(each with a 95 % interval, {counted(ap.seeds, 'pair')} of trainings on the same seeds).{verdict}"
        )
    if any(each.start == "retrained" for each in gains):
        yield (
            "Each placement has one retrained trunk, so the intervals cover the training of the detector, but not "
            "that of the trunk."
        )


def points(gain: Gain) -> str:
    """A gain in points with half the width of its interval.

    >>> points(Gain(mean=0.0241, half_width=0.013, seeds=3)), points(Gain(mean=-1e-6, half_width=0.01, seeds=3))
    ('+2.4 ± 1.3', '+0.0 ± 1.0')
    """
    return f"{100 * gain.mean:+z.1f} ± {100 * gain.half_width:.1f}"
