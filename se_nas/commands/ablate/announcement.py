"""The lines that an ablation prints before it starts: its design, its trainings, their time, and how sure it gets."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from se_nas.analysis.designed.forecast import expected_half_width, expected_trainings
from se_nas.commands.ablate.experiment import Experiment
from se_nas.commands.ablate.plan import fitted_to
from se_nas.commands.replications.plan import Key, Outcomes
from se_nas.files import read_checked
from se_nas.report.ablation_texts import design_name
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.records import TrialRecord
from se_nas.wording import counted, format_duration

ASSUMED_DEVIATION = 0.01
"""The deviation of a training that is assumed until it is known: 1 point."""


def design_lines(experiment: Experiment) -> Iterator[str]:
    """Lines about the design, and a warning if interactions cannot be told apart."""
    design = experiment.design
    factors = experiment.factors
    others = experiment.size - len(design.points)
    varied = [counted(len(factors.places), "place") + " of SE", *factors.treatments]
    added = f", and {counted(others, 'reference placement')}" if others else ""
    points = f"{len(design.points)} placements ({design_name(design.resolution)})"
    yield f"design    {', '.join(varied)}: {points}{added} on each seed"
    if not design.separates_interactions:
        yield (
            "warning   main effects are estimated without bias, but interactions of two places cannot be told apart: "
            "all of them would take more than 64 placements; name fewer places with --factors"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Forecasts an experiment of at most `planned` trainings that ends when the intervals have half a width of `until`.

    `deviation` is that of a training, if another command has measured it, and `seconds` its duration, if it is known.
    """

    experiment: Experiment
    planned: int
    until: float | None
    deviation: float | None
    seconds: float | None

    def lines(self, workers: int, outcomes: Outcomes) -> Iterator[str]:
        """A line about the trainings, the time on `workers` workers, and the intervals; and a line about the noise."""
        experiment = self.experiment
        known = {key: value for key, value in outcomes.items() if value is not None}
        found = _deviation(experiment, known) or self.deviation
        noise = ASSUMED_DEVIATION if found is None else found
        design, size, columns = experiment.design, experiment.size, experiment.terms.count
        trainings, most = self.planned, max(self.planned, 2 * size)
        if self.until is not None:
            trainings = expected_trainings(
                design, size=size, columns=columns, until=self.until, deviation=noise, most=most
            )
        width = expected_half_width(
            design, size=size, columns=columns, trainings=max(trainings, 2 * size), deviation=noise
        )
        left = max(0, trainings - len(known))
        new = f", {left:,} of them new" if known else ""
        time = "" if self.seconds is None else f", about {format_duration(self.seconds * left / workers)}"
        short = (
            f" (± {100 * self.until:g} takes more trainings)" if self.until is not None and width > self.until else ""
        )
        about = "" if self.until is None else "about "
        yield (
            f"forecast  {about}{counted(trainings, 'training')}{new}{time}; then the gain of SE in a place is known to "
            f"± {100 * width:.2f} points{short}"
        )
        deviates = f"a training deviates by {100 * noise:.2f} points"
        yield f"          if {deviates}, which is not known yet" if found is None else f"          because {deviates}"


def seconds_of_training(records: Sequence[TrialRecord], *, trial: int, epochs: int) -> float | None:
    """The expected duration of a training, from the trial itself or else from all trials; None if nothing is known."""
    timed = {record.number: record.seconds / len(record.curve) for record in records if record.curve and record.seconds}
    if not timed:
        return None
    return epochs * timed.get(trial, statistics.median(timed.values()))


def confirmed_deviation(folder: RunFolder) -> float | None:
    """The deviation of a training that `confirm` has measured; None if it has not."""
    content = read_checked(folder.confirmation) if folder.confirmation.is_file() else None
    deviation = (content or {}).get("deviation")
    return deviation if isinstance(deviation, float) and deviation > 0 else None


def _deviation(experiment: Experiment, known: Mapping[Key, float]) -> float | None:
    """The deviation of a training in this experiment; None if too few trainings are done."""
    try:
        return fitted_to(experiment, known).deviation
    except ValueError:
        return None
