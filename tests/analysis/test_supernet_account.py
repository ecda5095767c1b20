from tests.analysis.made_supernet import made_account, made_scores


def test_all_placements_are_shown_if_they_are_few() -> None:
    account = made_account(made_scores(5), {})

    assert account.shown == account.scores.best
    assert len(account.shown) == 32


def test_of_many_placements_the_best_of_both_rankings_and_both_ends_are_shown() -> None:
    scores = made_scores(8)
    worst = [each.fingerprint for each in scores.best[-20:]]
    alone = {name: index / 100 for index, name in enumerate(worst)}

    account = made_account(scores, alone)
    shown = [each.fingerprint for each in account.shown]

    assert shown[:24] == [each.fingerprint for each in scores.best[:24]]
    assert {*worst[-8:], "00000000", "11111111"} <= set(shown)
    assert len(shown) == 24 + 8
    assert account.ranks[shown[-1]] == 256


def test_ranks_alone_are_those_of_placements_that_were_read_and_trained_alone() -> None:
    account = made_account(made_scores(2), {"00": 0.1, "11": 0.3, "elsewhere": 0.9})

    assert account.ranks_alone == {"11": 1, "00": 2}
