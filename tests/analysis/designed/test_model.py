"""Effects that are known, found again with intervals that hold together."""

import numpy as np
import pytest

from se_nas.analysis.designed.best import probabilities_of_best
from se_nas.analysis.designed.fractions import design_for
from se_nas.analysis.designed.model import Cell, Contrasts, Fitted, distinct_pairs, fit
from se_nas.analysis.designed.residual_check import check_residuals

NOISE = 0.01


def an_experiment(factors: int, *, own: int = 0) -> tuple[dict[str, Cell], Contrasts]:
    points = design_for(factors).points
    cells = {f"point {index}": Cell(point=point, treatments={}) for index, point in enumerate(points)}
    names = tuple(f"own {index}" for index in range(own))
    cells |= {name: Cell(point=(False,) * factors, treatments={}, is_own=True) for name in names}
    return cells, Contrasts(factors=factors, pairs=distinct_pairs(points), treatments={}, own=names)


def trained(
    cells: dict[str, Cell], terms: Contrasts, true: np.ndarray, rng: np.random.Generator, *, trainings: int
) -> dict[tuple[str, int], float]:
    """Accuracies seed after seed. The effect of a seed is three times as large as the noise."""
    order = [(name, seed) for seed in range(trainings) for name in cells][:trainings]
    of_seed = 0.7 + 3 * NOISE * rng.standard_normal(trainings)
    return {
        (name, seed): terms.row(name, cells[name]) @ true + of_seed[seed] + NOISE * rng.standard_normal()
        for name, seed in order
    }


def mains(fitted: Fitted) -> list[np.ndarray]:
    return [fitted.contrasts.main_effect(factor) for factor in range(fitted.contrasts.factors)]


def test_without_noise_every_effect_and_every_placement_is_found_exactly() -> None:
    cells, terms = an_experiment(5, own=1)
    rng = np.random.default_rng(0)
    true = 0.02 * rng.standard_normal(terms.count)
    outcomes = {
        (name, seed): terms.row(name, cell) @ true + 0.1 * seed for seed in range(2) for name, cell in cells.items()
    }

    fitted = fit(outcomes, cells, terms)

    assert fitted.differences(mains(fitted))[0] == pytest.approx(true[:5])
    assert fitted.differences([terms.interaction(3)])[0] == pytest.approx(2 * true[8])
    unseen = terms.row("unseen", Cell(point=(True,) * 5, treatments={}))
    assert fitted.levels([unseen])[0] == pytest.approx(unseen @ true + 0.05)


@pytest.mark.parametrize(("factors", "trainings"), [(3, 22), (4, 44)])
def test_the_intervals_of_all_main_effects_hold_together_in_95_percent_of_the_cases(
    factors: int, trainings: int
) -> None:
    """Trainings that end in the middle of a seed. `benchmarks/designed_experiment.py` does this at length."""
    cells, terms = an_experiment(factors, own=1)
    rng = np.random.default_rng(1)
    true = 0.01 * rng.standard_normal(terms.count)
    inside = 0
    for _ in range(400):
        fitted = fit(trained(cells, terms, true, rng, trainings=trainings), cells, terms)
        means, widths = fitted.differences(mains(fitted))
        inside += bool((np.abs(means - true[:factors]) <= widths).all())

    assert 0.92 <= inside / 400 <= 0.98


def test_one_contrast_has_the_t_interval_of_a_paired_comparison() -> None:
    """scipy.stats.ttest_rel is the oracle."""
    from scipy.stats import ttest_rel

    off, on = [0.80, 0.83, 0.79, 0.85], [0.82, 0.84, 0.83, 0.86]
    cells, terms = an_experiment(1)
    outcomes = {("point 0", seed): value for seed, value in enumerate(off)}
    outcomes |= {("point 1", seed): value for seed, value in enumerate(on)}

    means, widths = (fitted := fit(outcomes, cells, terms)).differences(mains(fitted))

    interval = ttest_rel(on, off).confidence_interval(0.95)
    assert (means[0] - widths[0], means[0] + widths[0]) == pytest.approx((interval.low, interval.high))


def test_simultaneous_intervals_are_wider_than_single_ones_and_narrower_than_bonferronis() -> None:
    from scipy.special import stdtrit

    cells, terms = an_experiment(4)
    fitted = fit(trained(cells, terms, np.zeros(terms.count), np.random.default_rng(2), trainings=48), cells, terms)
    single = fitted.differences(mains(fitted)[:1])[1][0]

    together = fitted.differences([*mains(fitted), *mains(fitted)])[1]

    assert single < together[0] < single * stdtrit(fitted.freedom, 1 - 0.025 / 8) / stdtrit(fitted.freedom, 0.975)
    assert together == pytest.approx(np.full(8, together[0]))


def test_the_probabilities_of_being_best_sum_to_one_and_go_to_the_best() -> None:
    cells, terms = an_experiment(2)
    true = np.array([0.05, 0.03, 0.0])
    fitted = fit(trained(cells, terms, true, np.random.default_rng(3), trainings=40), cells, terms)

    best = probabilities_of_best(fitted, [terms.row(name, cell) for name, cell in cells.items()])

    assert best.sum() == pytest.approx(1)
    assert list(cells.values())[int(best.argmax())].point == (True, True)
    assert best.max() > 0.99


def test_what_no_training_shows_is_not_determined() -> None:
    cells, terms = an_experiment(2)
    outcomes = trained(cells, terms, np.zeros(3), np.random.default_rng(4), trainings=12)
    without_one = {key: value for key, value in outcomes.items() if key[0] != "point 1"}

    whole, part = fit(outcomes, cells, terms), fit(without_one, cells, terms)

    assert all(map(whole.determines, mains(whole)))
    assert not any(map(part.determines, mains(part)))
    assert all(map((few := fit(without_one, cells, terms.without_pairs)).determines, mains(few)))


@pytest.mark.parametrize(
    "outcomes", [{}, {("point 0", 0): 0.5, ("point 1", 1): 0.5}, {("point 0", 0): 0.5, ("point 1", 0): 0.6}]
)
def test_too_few_trainings_are_refused(outcomes: dict[tuple[str, int], float]) -> None:
    cells, terms = an_experiment(1)

    with pytest.raises(ValueError, match=r"no two trainings|no degree of freedom"):
        fit(outcomes, cells, terms)


def test_residuals_that_break_an_assumption_are_noticed() -> None:
    cells, terms = an_experiment(3)
    rng = np.random.default_rng(5)
    good = trained(cells, terms, np.array([0.2, 0.1, 0, 0, 0, 0.0]), rng, trainings=160)

    heavy = {key: value + NOISE * float(rng.standard_t(2)) for key, value in good.items()}
    uneven = {key: value + (20 * max(0.0, value - 0.7)) * NOISE * rng.standard_normal() for key, value in good.items()}
    all_three = {key: value + 0.05 * all(cells[key[0]].point) for key, value in good.items()}

    check = check_residuals(fit(good, cells, terms))
    assert min(check.normal, check.even, check.additive or 0) > 0.01
    assert check_residuals(fit(heavy, cells, terms)).normal < 0.01
    assert check_residuals(fit(uneven, cells, terms)).even < 0.01
    assert (check_residuals(fit(all_three, cells, terms)).additive or 1) < 0.01
