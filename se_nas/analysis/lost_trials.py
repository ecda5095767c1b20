"""Losses: which trials failed, why, and what they have in common. A loss that is systematic biases the front."""

import statistics
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence

from se_nas.costs import format_cost
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.wording import counted, format_value

FEWEST = 3
"""The fewest failed trials for which common properties are looked for."""
RARE = 0.5
"""A property that all failed networks share is reported if at most this fraction of the others has it."""
APART = 0.8
"""Costs count as different if this fraction of all pairs (failed, other) has the same order."""
MANY = 0.05
"""From this fraction of failed trials on, the front is biased even if they have nothing in common."""


def loss_sentences(records: Sequence[TrialRecord]) -> list[str]:
    """Sentences on how many trials failed and why, what the networks have in common, and what the front may lack."""
    failed = [record for record in records if record.failure is not None]
    others = [record for record in records if record.status in (TrialStatus.COMPLETE, TrialStatus.PRUNED)]
    if not failed:
        return []
    kinds = Counter(record.failure.kind for record in failed if record.failure is not None)
    why = ", ".join(f"{count} because of {kind.value}" for kind, count in kinds.most_common())
    sentences = [f"{len(failed)} of {counted(len(failed) + len(others), 'trial')} failed: {why}."]
    if others and len(failed) >= FEWEST:
        sentences += _in_common(failed, others)
    if len(sentences) > 1:
        sentences.append("So the front may lack such networks.")
    elif others and len(failed) >= MANY * (len(failed) + len(others)):
        sentences.append("So the front may lack networks like these.")
    return sentences


def _in_common(failed: Sequence[TrialRecord], others: Sequence[TrialRecord]) -> list[str]:
    """Sentences: the value that all failed networks and the fewest others have, and the cost that differs most."""
    sentences = []
    shared = set.intersection(*(set(_values(record.assignment).items()) for record in failed))
    having = {pair: sum(pair in _values(record.assignment).items() for record in others) for pair in sorted(shared)}
    rarest = min(having, key=lambda pair: having[pair], default=None)
    if rarest is not None and having[rarest] <= RARE * len(others):
        name, value = rarest
        sentences.append(
            f"All {len(failed)} failed networks have {name} {value}; {_so_do(having[rarest], of=len(others))}."
        )
    apart = {
        name: _order([record.cost[name] for record in failed], [record.cost[name] for record in others])
        for name in sorted(set.intersection(*(set(record.cost) for record in [*failed, *others])))
    }
    name = max(apart, key=lambda each: abs(apart[each] - 0.5), default="")
    if name and not 1 - APART < apart[name] < APART:
        medians = [
            format_cost(name, statistics.median(record.cost[name] for record in group)) for group in (failed, others)
        ]
        size = "larger" if apart[name] >= APART else "smaller"
        sentences.append(f"The failed networks are {size}: median {medians[0]} {name} against {medians[1]}.")
    return sentences


def _so_do(count: int, *, of: int) -> str:
    """How many of the other networks have it too, as a clause."""
    if count == 0:
        return f"none of the {of} others does" if of > 1 else "the other network does not"
    return f"so {'does' if count == 1 else 'do'} {count} of the {of} others"


def _values(assignment: Mapping[str, object]) -> dict[str, str]:
    return {name: format_value(value) for name, value in assignment.items()}


def _order(failed: Sequence[float], others: Sequence[float]) -> float:
    """The fraction of pairs in which the failed network's value is larger; ties count half (Mann-Whitney's U)."""
    ordered = sorted(others)
    larger = sum(bisect_left(ordered, one) + bisect_right(ordered, one) for one in failed) / 2
    return larger / (len(failed) * len(others))
