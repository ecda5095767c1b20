"""Numbers that are fitted rarely, and their recovery from the records."""

from se_nas.searching.surrogate.rare_fits import RareFits
from tests.fakes import record


def fits_after(fits: RareFits, ended: int, value: float) -> tuple[float, ...]:
    """The numbers that are used after `ended` trials, if a fit would find `value`."""
    return fits.numbers("kernel", ended, lambda: [value])


def start(fits: RareFits, number: int) -> None:
    """Start the trial of the next proposal."""
    fits.recall(record(number, memo=fits.proposal({"x": number}).memo))


def test_numbers_are_kept_until_an_eighth_more_trials_have_ended() -> None:
    fits, fitted_at = RareFits(), list[int]()
    for ended in range(1, 100):
        if fits_after(fits, ended, ended) == (ended,):
            fitted_at.append(ended)
        start(fits, ended)

    assert fitted_at[:16] == list(range(1, 17))
    assert fitted_at[16:] == [18, 20, 22, 24, 27, 30, 33, 37, 41, 46, 51, 57, 64, 72, 81, 91]


def test_only_a_proposal_with_new_numbers_has_a_memo() -> None:
    fits = RareFits()
    fits_after(fits, 100, 0.5)
    noted = fits.proposal({"x": 1})
    fits.recall(record(7, memo=noted.memo))
    fits_after(fits, 101, 0.75)

    assert noted.memo
    assert not fits.proposal({"x": 2}).memo


def test_a_memo_has_all_numbers_also_those_that_were_not_fitted_again() -> None:
    fits, resumed = RareFits(), RareFits()
    fits.numbers("cost", 100, lambda: [1.0, 2.0])
    start(fits, 1)
    fits.numbers("accuracy", 101, lambda: [3.0])
    resumed.recall(record(2, memo=fits.proposal({"x": 2}).memo))

    assert resumed.numbers("cost", 102, list) == (1.0, 2.0)
    assert resumed.numbers("accuracy", 102, list) == (3.0,)


def test_the_memo_of_the_latest_trial_counts_in_whatever_order_trials_end() -> None:
    fits, memos = RareFits(), []
    for number, ended in enumerate((100, 120, 140)):
        fits_after(fits, ended, ended)
        memos.append(fits.proposal({"x": number}).memo)
        start(fits, number)
    shuffled = RareFits()
    for number in (1, 2, 0, 2, 1):
        shuffled.recall(record(number, memo=memos[number]))

    assert fits_after(shuffled, 141, 0.0) == fits_after(fits, 141, 0.0) == (140.0,)


def test_a_record_without_a_memo_changes_nothing() -> None:
    fits = RareFits()
    fits_after(fits, 100, 0.5)
    start(fits, 1)
    fits.recall(record(2))
    fits.recall(record(3, memo={"of another strategy": 1}))

    assert fits_after(fits, 101, 0.75) == (0.5,)
