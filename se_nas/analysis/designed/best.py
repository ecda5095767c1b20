"""The probability that a placement is the best, with effects that are shrunk as far as they seem small.

With a flat prior, the best of many lucky predictions would be overrated. Here main effects have a normal prior, and so
have interactions. A network that is no point of the design is drawn to the mean of the points, with their spread. The
two standard deviations are unknown: draws come from a grid of them, by their likelihood (Gelman et al., "Bayesian Data
Analysis", 3rd edition, section 5.4).
"""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from se_nas.analysis.designed.model import Fitted

Values = NDArray[np.float64]

GRID = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""The standard deviations of true effects that are considered equally likely, as multiples of an estimate's own."""
TINY = 1e-14
FLAT = 1.0
"""The standard deviation of all other columns, as a fraction of accuracy: practically flat."""


def probabilities_of_best(fitted: Fitted, rows: Sequence[Values], *, draws: int = 20_000) -> Values:
    """The probability (m,) that each of these networks has the highest true accuracy."""
    rng = np.random.default_rng(0)
    terms = fitted.contrasts
    estimates, covariance = fitted.estimates[: terms.count], fitted.covariance[: terms.count, : terms.count]
    own = np.sqrt(np.diag(covariance).clip(1e-16))
    mains, pairs = slice(0, terms.factors), slice(terms.factors, terms.factors + len(terms.pairs))
    spreads, weights = [], []
    for of_mains, of_pairs in product(GRID, GRID if terms.pairs else (0.0,)):
        spread = np.full(terms.count, FLAT)
        spread[mains], spread[pairs] = of_mains * own[mains], of_pairs * own[pairs]
        if alone := len(terms.own):
            spread[-alone:] = math.sqrt(float((spread[mains] ** 2).sum() / 4 + (spread[pairs] ** 2).sum() / 4)) + TINY
        whole = covariance + np.diag(spread**2) + TINY * np.eye(terms.count)
        spreads.append(spread)
        weights.append(-0.5 * (np.linalg.slogdet(whole)[1] + estimates @ np.linalg.solve(whole, estimates)))
    shares = np.exp(np.array(weights) - max(weights))
    counts = rng.multinomial(draws, shares / shares.sum())
    networks = np.array(rows)
    best = np.zeros(len(rows))
    for spread, count in zip(spreads, counts, strict=True):
        if count:
            drawn = _drawn(fitted, estimates, covariance, spread, count, rng)
            best += np.bincount((drawn @ networks.T).argmax(axis=1), minlength=len(rows))
    return best / draws


def _drawn(
    fitted: Fitted, estimates: Values, covariance: Values, spread: Values, count: int, rng: np.random.Generator
) -> Values:
    """Draws (count, q) of the true effects, if these have the standard deviations `spread`."""
    prior = np.diag(spread**2)
    gain = np.linalg.solve(covariance + prior + TINY * np.eye(len(spread)), prior).T
    left = prior - gain @ prior
    values, vectors = np.linalg.eigh((left + left.T) / 2)
    root = vectors * np.sqrt(values.clip(0))
    scale = np.sqrt(fitted.freedom / rng.chisquare(fitted.freedom, (count, 1)))
    drawn: Values = gain @ estimates + scale * (rng.standard_normal((count, len(spread))) @ root.T)
    return drawn
