from se_nas.report.sentences import agreement_sentences, importance_sentence, split_sentences
from se_nas.search.distributions import Split, Subspace
from se_nas.search.importances import Importance, Importances
from se_nas.search.trust import Agreement


def split(question: str, probability: float) -> Split:
    sides = (Subspace(label="with SE", errors=(0.10, 0.12)), Subspace(label="without", errors=(0.13, 0.15)))
    return Split(question=question, subspaces=sides, probability=probability)


def test_a_question_that_parts_the_space_says_which_side_is_better_and_the_others_are_counted() -> None:
    told = split_sentences([split("SE in stage 1", 0.4), split("SE in stage 2", 0.001), split("w0", 1.0)])

    assert told == [
        "SE in stage 2, with SE against without: the errors differ, in the median by -3.00 points (p = 0.001).",
        "For 2 of 3 questions the two sides cannot be told apart.",
    ]


def test_importances_name_what_is_sure_or_that_nothing_is_foretold() -> None:
    sure = Importance(factor="SE in stage 2", mean=0.3, low=0.1, high=0.5)
    unsure = Importance(factor="depth", mean=0.1, low=-0.1, high=0.3)

    assert "foretell 40 %" in importance_sentence(Importances(0.4, (sure, unsure)))
    assert "most by SE in stage 2." in importance_sentence(Importances(0.4, (sure, unsure)))
    assert "none of them alone for sure" in importance_sentence(Importances(0.4, (unsure,)))
    assert "do not foretell" in importance_sentence(Importances(-0.1, (sure,)))


def test_how_the_search_orders_networks_is_told_for_what_was_trained_again() -> None:
    found = Agreement(count=8, correlation=0.5, low=-0.2, high=0.9, change=-0.012)

    fresh, too_few = agreement_sentences(found, None)
    _, retrained = agreement_sentences(None, found)

    assert fresh == (
        "8 networks on fresh seeds: the search's accuracies order them with a rank correlation of 0.50 (-0.20 to "
        "0.90); on average they come out -1.20 points from what the search saw."
    )
    assert too_few == "Networks retrained, on test images: too few to say how well the search's accuracies order them."
    assert retrained.startswith("8 networks retrained, on test images:")
