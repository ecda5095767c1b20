import numpy as np
import pytest

from se_nas.searching.observations import MOST_OBSERVATIONS
from se_nas.searching.records import TrialRecord, TrialStatus
from se_nas.searching.surrogate.posterior import FEWEST, expectations
from se_nas.space.decisions import Categorical, IntRange
from tests.fakes import TWO_OBJECTIVES, record

DECISIONS = {
    "depth": IntRange(1, 8),
    "width": IntRange(1, 8),
    "site": Categorical(("none", "inner", "post")),
}


def truth(depth: int, width: int, site: str) -> float:
    return 0.8 + 0.01 * depth + 0.005 * width + 0.01 * (site == "inner")


def trained(count: int, *, noise: float, seed: int = 0) -> list[TrialRecord]:
    """Complete trials of random networks."""
    rng = np.random.default_rng(seed)
    records = []
    for number in range(count):
        depth, width = map(int, rng.integers(1, 9, 2))
        site = str(rng.choice(["none", "inner", "post"]))
        assignment = {"depth": depth, "width": width, "site": site}
        accuracy = float(np.clip(truth(depth, width, site) + noise * rng.standard_normal(), 0.0, 1.0))
        records.append(record(number, accuracy=accuracy, assignment=assignment, flops=100.0 * depth * width))
    return records


def errors(records: list[TrialRecord]) -> tuple[np.ndarray, np.ndarray]:
    """How far what is expected, and what was observed, are above the truth (n,)."""
    expected = expectations(records, DECISIONS, TWO_OBJECTIVES)
    true = np.array([truth(**one.assignment) for one in records])
    observed = np.array([one.curve[-1] for one in records])
    return np.array([expected[one.number].mean for one in records]) - true, observed - true


def test_what_is_expected_is_nearer_to_the_truth_than_one_noisy_training() -> None:
    expected, observed = errors(trained(60, noise=0.03))

    assert np.abs(expected).mean() < 0.6 * np.abs(observed).mean()


def test_the_networks_that_look_best_are_expected_to_be_worse_than_they_looked() -> None:
    records = trained(60, noise=0.03)
    expected, observed = errors(records)
    lucky = np.argsort([one.curve[-1] for one in records])[-5:]

    assert expected[lucky].mean() < 0.5 * observed[lucky].mean()


def test_without_noise_what_was_observed_is_nearly_what_is_expected() -> None:
    expected, _ = errors(trained(60, noise=0.0))

    assert np.abs(expected).max() < 0.01


def test_nine_in_ten_intervals_hold() -> None:
    inside = []
    for seed in range(5):
        records = trained(40, noise=0.02, seed=seed)
        found = expectations(records, DECISIONS, TWO_OBJECTIVES)
        for one in records:
            low, high = found[one.number].interval
            inside.append(low <= truth(**one.assignment) <= high)

    assert 0.8 <= np.mean(inside) <= 1.0


def test_intervals_allow_for_what_is_peculiar_to_a_network() -> None:
    """A quarter of the variance that the decisions do not explain belongs to the networks, the rest to trainings."""
    inside = []
    for seed in range(5):
        rng = np.random.default_rng([seed, 2])
        records, true = [], {}
        for one in trained(80, noise=0.0, seed=seed):
            true[one.number] = one.curve[-1] + 0.01 * rng.standard_normal()
            accuracy = true[one.number] + 0.01 * np.sqrt(3) * rng.standard_normal()
            records.append(record(one.number, accuracy=accuracy, assignment=one.assignment, **one.cost))
        for number, found in expectations(records, DECISIONS, TWO_OBJECTIVES).items():
            low, high = found.interval
            inside.append(low <= true[number] <= high)

    assert 0.8 <= np.mean(inside) <= 1.0


def selected(seed: int) -> list[TrialRecord]:
    """Trials of three noisy epochs. Those below the median after the first epoch were stopped there.

    Half of the noise's variance is common to all epochs of a training, so trainings that went on are lucky ones.
    """
    rng, noise = np.random.default_rng([seed, 1]), 0.03 * np.sqrt(0.5)
    records = []
    for one in trained(60, noise=0.0, seed=seed):
        curve = one.curve[-1] + noise * (rng.standard_normal() + rng.standard_normal(3))
        records.append((one, tuple(np.clip(curve, 0.0, 1.0).tolist())))
    median = np.median([curve[0] for _, curve in records])
    return [
        record(
            one.number,
            status=TrialStatus.COMPLETE if curve[0] >= median else TrialStatus.PRUNED,
            assignment=one.assignment,
            curve=curve if curve[0] >= median else curve[:1],
            flops=one.cost["flops"],
        )
        for one, curve in records
    ]


def off_and_held(records: list[TrialRecord]) -> tuple[float, float]:
    """How far the five best expectations are above the truth on average, and the fraction of intervals that hold."""
    found = expectations(records, DECISIONS, TWO_OBJECTIVES)
    true = {one.number: truth(**one.assignment) for one in records if one.number in found}
    best = sorted(found, key=lambda number: -found[number].mean)[:5]
    held = [found[number].interval[0] <= true[number] <= found[number].interval[1] for number in found]
    return float(np.mean([found[number].mean - true[number] for number in best])), float(np.mean(held))


def test_stopped_trials_show_that_the_others_went_on_by_luck() -> None:
    """Without the stopped trials, the best are expected to be better than they are, and fewer intervals hold."""
    searches = [selected(seed) for seed in range(6)]
    with_stopped = np.array([off_and_held(search) for search in searches])
    without = np.array(
        [off_and_held([one for one in search if one.status is TrialStatus.COMPLETE]) for search in searches]
    )

    assert without[:, 0].mean() > 0.01
    assert 0 < with_stopped[:, 0].mean() < 0.9 * without[:, 0].mean()
    assert with_stopped[:, 1].mean() > without[:, 1].mean()


@pytest.mark.parametrize("count", [0, 1, FEWEST - 1])
def test_few_trials_tell_nothing_beyond_what_was_observed(count: int) -> None:
    assert expectations(trained(count, noise=0.01), DECISIONS, TWO_OBJECTIVES) == {}


def test_only_complete_trials_have_one() -> None:
    records = trained(12, noise=0.01)
    stopped = record(12, status=TrialStatus.PRUNED, assignment=records[0].assignment, curve=(0.5,), flops=100.0)
    running = record(13, status=TrialStatus.RUNNING, assignment=records[1].assignment, curve=(), flops=100.0)

    assert expectations([*records, stopped, running], DECISIONS, TWO_OBJECTIVES).keys() == set(range(12))


def test_a_network_that_did_not_learn_is_expected_to_stay_there() -> None:
    records = trained(30, noise=0.005)
    records[3] = record(3, accuracy=0.1, assignment=records[3].assignment, flops=100.0)

    assert expectations(records, DECISIONS, TWO_OBJECTIVES)[3].mean < 0.2


@pytest.mark.parametrize("accuracy", [0.0, 0.5, 1.0])
def test_equal_accuracies_are_no_trouble(accuracy: float) -> None:
    records = [record(n, accuracy=accuracy, assignment=one.assignment) for n, one in enumerate(trained(10, noise=0))]

    found = expectations(records, DECISIONS, TWO_OBJECTIVES)

    assert all(one.mean == pytest.approx(accuracy) for one in found.values())


def test_in_a_long_search_each_network_counts_with_its_own_training() -> None:
    rng = np.random.default_rng(0)
    decisions = {f"edge{number}": Categorical(("none", "skip", "1x1", "3x3", "pool")) for number in range(6)}
    worth, together = rng.standard_normal((6, 5)), rng.standard_normal((6, 6, 5, 5))
    records, true = [], []
    for number in range(2 * MOST_OBSERVATIONS):
        chosen = rng.integers(5, size=6)
        pairs = [together[i, j, chosen[i], chosen[j]] for i in range(6) for j in range(i)]
        true.append(0.6 + 0.02 * (worth[range(6), chosen].sum() + sum(pairs)))
        assignment = {name: decisions[name].choices[option] for name, option in zip(decisions, chosen, strict=True)}
        accuracy = float(true[-1] + 0.01 * rng.standard_normal())
        records.append(record(number, accuracy=accuracy, assignment=assignment, flops=100.0 + number))

    expected = expectations(records, decisions, TWO_OBJECTIVES)

    off = np.array([expected[number].mean - value for number, value in enumerate(true)])
    assert np.sqrt(np.mean(off**2)) < 0.02
    assert np.abs(off).max() < 0.08
