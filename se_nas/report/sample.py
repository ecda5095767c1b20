"""The trials that the page lists and draws one by one: all of them, or a sample of a large search."""

from se_nas.search.progress import SearchProgress
from se_nas.search.records import TrialRecord

MOST_SHOWN = 1_000
"""The most trials beside the front. With more, the page is too large and too slow; `trials.csv` has all."""


def shown_trials(progress: SearchProgress, *, most: int = MOST_SHOWN) -> tuple[TrialRecord, ...]:
    """The front and at most `most` others, spread evenly by number, in the order of the trials."""
    front = {member.number for member in progress.front.members}
    others = [record.number for record in progress.records if record.number not in front]
    step = max(1.0, len(others) / most)
    picked = {others[int(index * step)] for index in range(min(most, len(others)))}
    return tuple(record for record in progress.records if record.number in front or record.number in picked)


def share_shown(shown: int, trials: int) -> str:
    """Text that says how many of all trials are shown; empty if all are.

    >>> share_shown(1_010, 10_000), share_shown(200, 200)
    ('1,010 of 10,000 trials', '')
    """
    return "" if shown == trials else f"{shown:,} of {trials:,} trials"
