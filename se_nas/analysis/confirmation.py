"""How sure is a front? The networks of a search, trained again on fresh seeds, with the verdict on each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from se_nas.analysis.front_belief import Belief, Measured, Verdict
from se_nas.objective_metric import ACCURACY, ObjectiveMetric
from se_nas.searching.records import TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """A trial's network with its accuracy by seed and the verdict on it."""

    record: TrialRecord
    accuracies: Mapping[int, float]
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmedFront:
    """Networks of a search that were trained again for `epochs` on fresh seeds, cheapest first.

    `costs` are the names of their costs. `left_out` are trials that were not trained again and may be on the front too
    (`overlooked`). `metric` is what all accuracies here are, if the search scored its trials by another metric.
    """

    networks: tuple[Confirmed, ...]
    belief: Belief
    costs: tuple[str, ...]
    epochs: int
    left_out: tuple[int, ...] = ()
    metric: ObjectiveMetric = ACCURACY

    @classmethod
    def of(
        cls,
        accuracies: Mapping[int, Mapping[int, float]],
        records: Mapping[int, TrialRecord],
        costs: Sequence[str],
        *,
        epochs: int,
        left_out: Sequence[int] = (),
        predicted: Mapping[int, float] | None = None,
        metric: ObjectiveMetric = ACCURACY,
    ) -> "ConfirmedFront":
        """Make the front from each trial's accuracies by seed (at least one each) and the trials' records by number.

        `predicted` are the accuracies that the search expected of the trials.
        """
        costs, predicted = tuple(costs), predicted or {}
        numbers = sorted(accuracies, key=lambda number: (*records[number].values(costs), number))
        belief = Belief(
            [
                Measured(
                    costs=records[number].values(costs),
                    accuracies=tuple(accuracies[number].values()),
                    predicted=predicted.get(number),
                )
                for number in numbers
            ]
        )
        return cls(
            networks=tuple(
                Confirmed(record=records[number], accuracies=accuracies[number], verdict=verdict)
                for number, verdict in zip(numbers, belief.verdicts(), strict=True)
            ),
            belief=belief,
            costs=costs,
            epochs=epochs,
            left_out=tuple(left_out),
            metric=metric,
        )

    @property
    def members(self) -> tuple[Confirmed, ...]:
        """The front of the expected accuracies."""
        return tuple(self.networks[index] for index in self.belief.members())
