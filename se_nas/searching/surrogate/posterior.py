"""The posterior: the accuracy that the surrogate expects of each trained network after all trials.

A single training may have been lucky, and a search picks the lucky. So networks are compared by the posterior mean of
surrogates that have learned from the trainings, each network's own among them. Where trainings are noisy, a network
whose neighbours reached less is expected to reach less than it did.

Two surrogates count equally. One has learned from complete trainings alone. It expects too much, because trainings went
on if they were lucky. The other has also learned the forecasts of stopped trainings. It expects too little near the
front, because a forecast is drawn to the mean of all trainings. The trials do not show which of them is nearer to the
truth, so their difference widens the intervals (`benchmarks/LOG.md`).

What a surrogate does not explain may be the chance of one training, or peculiar to a network. Single trainings do not
show which. The mean counts all of it as chance, so that no luck is reported. The interval counts a fraction of it as
peculiar (`PECULIAR`), and is wider.

In a long search, a surrogate learns only a part of the trials (`most_informative`). The prediction for each other
network is then corrected by the network's own training.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from se_nas.searching.candidates import Values
from se_nas.searching.expectation import Expectation
from se_nas.searching.objectives import Objectives
from se_nas.searching.observations import History
from se_nas.searching.progress import SearchProgress, progress_of
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.searching.surrogate.features import FeatureRows
from se_nas.searching.surrogate.gaussian_process import Surrogate
from se_nas.space.decisions import Decision

FEWEST = 8
"""The fewest complete trials for a posterior. Fewer trials cannot separate noise from differences between networks."""
NOISE_PRIOR = (-1.5, 1.0)
"""The prior of the noise, in the terms of `kernel.py`. It expects more noise than the prior for proposals: a proposal
that underestimates the noise costs a few trials, but a posterior that does reports luck as accuracy."""
PECULIAR = 0.25
"""The fraction of the variance which the kernel does not explain that counts as peculiar to the networks. Real and
recorded trainings agree with it roughly (`benchmarks/LOG.md`)."""
LOWEST = 1.0
"""The lowest accuracy that is learned, in interquartile ranges below the median. Lower accuracies are raised to it."""


def settled_progress(
    records: Iterable[TrialRecord],
    decisions: Mapping[str, Decision],
    objectives: Objectives,
    reference: Iterable[float],
    budget: int,
) -> SearchProgress:
    """The progress of these records, with a front of what is expected of each network."""
    known = list(records)
    return progress_of(known, objectives, reference, budget, expectations(known, decisions, objectives))


def expectations(
    records: Iterable[TrialRecord], decisions: Mapping[str, Decision], objectives: Objectives
) -> dict[int, Expectation]:
    """The expectation of each complete trial, by number; empty for fewer than `FEWEST` trials."""
    known = [record for record in records if record.status in (TrialStatus.COMPLETE, TrialStatus.PRUNED)]
    complete = [record for record in known if record.status is TrialStatus.COMPLETE]
    if len(complete) < FEWEST:
        return {}
    beliefs = [_belief(complete, complete, decisions, objectives)]
    if len(known) > len(complete):
        beliefs.append(_belief(known, complete, decisions, objectives))
    means, deviations = np.array(beliefs).transpose(1, 0, 2)
    mean, deviation = means.mean(axis=0), np.sqrt((deviations**2).mean(axis=0) + means.var(axis=0))
    return {
        record.number: Expectation(float(own), float(spread))
        for record, own, spread in zip(complete, mean, deviation, strict=True)
    }


def _belief(
    known: list[TrialRecord],
    complete: list[TrialRecord],
    decisions: Mapping[str, Decision],
    objectives: Objectives,
) -> tuple[Values, Values]:
    """The mean (n,) and standard deviation (n,) of the accuracies of `complete`, by a surrogate of all `known`."""
    taught, rows = History.of(known).informative_observations(objectives), FeatureRows(decisions)
    values, doubt = np.array([(observation.accuracy, observation.doubt) for observation in taught]).T
    observed = np.array([record.curve[-1] for record in complete])
    low, middle, high = np.quantile(observed, [0.25, 0.5, 0.75])
    floor = middle - LOWEST * (high - low) if high > low else -np.inf
    features = rows.of(observation.record for observation in taught)
    surrogate = Surrogate(
        features, np.maximum(values, floor), doubt, groups=rows.groups(features), noise_prior=NOISE_PRIOR
    )
    mean, deviation = surrogate.predict(rows.of(complete))
    learned = [observation.record.number for observation in taught]
    unlearned = ~np.isin([record.number for record in complete], learned)
    mean[unlearned], deviation[unlearned] = after_own_training(
        mean[unlearned], deviation[unlearned], np.maximum(observed, floor)[unlearned], noise=surrogate.noise
    )
    deviation = np.sqrt(deviation**2 + PECULIAR * surrogate.noise**2)
    return np.clip(mean - np.maximum(floor - observed, 0.0), 0.0, 1.0), deviation


def after_own_training(mean: Values, deviation: Values, observed: Values, *, noise: float) -> tuple[Values, Values]:
    """The mean (n,) and standard deviation (n,) of networks' accuracies after one training of each has been observed.

    `mean` and `deviation` (n,) are the prediction before it, and `noise` is the standard deviation of one training.
    This is the conditioning of a Gaussian process on one value at the predicted point (Rasmussen and Williams,
    "Gaussian Processes for Machine Learning", 2006, equations 2.25 and 2.26).

    >>> after_own_training(np.array([0.75]), np.array([0.5]), np.array([0.25]), noise=0.5)
    (array([0.5]), array([0.35355339]))
    """
    learned = deviation**2 / (deviation**2 + noise**2)
    return mean + learned * (observed - mean), deviation * np.sqrt(1 - learned)
