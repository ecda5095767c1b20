"""The trials that the page lists and draws one by one: all trials, or a sample of a large search."""

from collections.abc import Collection, Sequence

from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord, TrialStatus

MOST_SHOWN = 1_000
"""The maximum number of failed trials, and of other trials that the page does not name. With more, the page is too
large and too slow; `trials.csv` has all trials."""


def shown_trials(progress: SearchProgress, named: Collection[int] = ()) -> tuple[TrialRecord, ...]:
    """The front, the trials with `named` numbers, and samples of the failed and of the other trials, by number.

    The samples have at most `MOST_SHOWN` trials each, and are spread evenly by number.
    """
    numbers = {member.number for member in progress.front.members} | set(named)
    rest = [record for record in progress.records if record.number not in numbers]
    for group in (
        [record for record in rest if record.status is TrialStatus.FAILED],
        [record for record in rest if record.status is not TrialStatus.FAILED],
    ):
        step = max(1.0, len(group) / MOST_SHOWN)
        numbers.update(group[int(index * step)].number for index in range(min(MOST_SHOWN, len(group))))
    return tuple(record for record in progress.records if record.number in numbers)


def share_shown(shown: int, trials: int) -> str:
    """A text with the number of trials that are shown; empty if all are shown.

    >>> share_shown(1_010, 10_000), share_shown(200, 200)
    ('1,010 of 10,000 trials', '')
    """
    return "" if shown == trials else f"{shown:,} of {trials:,} trials"


def left_out_sentence(progress: SearchProgress, shown: Sequence[TrialRecord]) -> str:
    """A text about the trials that are shown and the place of the others; empty if all are shown."""
    trials = len(progress.records)
    if len(shown) == trials:
        return ""
    failed = sum(record.status is TrialStatus.FAILED for record in shown)
    of_all = progress.count(TrialStatus.FAILED)
    losses = f"all {of_all:,}" if failed == of_all else f"{failed:,} of {of_all:,}"
    groups = ["the front", "the other trials that this page names", *([f"{losses} failed trials"] if of_all else [])]
    return (
        f"The rows show {share_shown(len(shown), trials)}: {', '.join(groups)}, and others evenly by number. "
        f"{trials - len(shown):,} trials have no row here; the file trials.csv has all {trials:,}."
    )
