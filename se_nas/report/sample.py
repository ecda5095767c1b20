"""The trials that the page lists and draws one by one: all of them, or a sample of a large search."""

from collections.abc import Collection, Sequence

from se_nas.searching.progress import SearchProgress
from se_nas.searching.records import TrialRecord, TrialStatus

MOST_SHOWN = 1_000
"""The most failed trials, and the most others beside those that the page names. With more, the page is too large and
too slow; `trials.csv` has all."""


def shown_trials(progress: SearchProgress, named: Collection[int] = ()) -> tuple[TrialRecord, ...]:
    """The front, the trials with `named` numbers, and, spread evenly by number, failed trials and others, at most
    `MOST_SHOWN` of each; in the order of the trials."""
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
    """Text that says how many of all trials are shown; empty if all are.

    >>> share_shown(1_010, 10_000), share_shown(200, 200)
    ('1,010 of 10,000 trials', '')
    """
    return "" if shown == trials else f"{shown:,} of {trials:,} trials"


def left_out_sentence(progress: SearchProgress, shown: Sequence[TrialRecord]) -> str:
    """Text that says which trials are shown and where the others are; empty if all are shown."""
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
