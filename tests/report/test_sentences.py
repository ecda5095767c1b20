from se_nas.analysis.confirmation import ConfirmedFront
from se_nas.analysis.edf import Split, Subspace
from se_nas.analysis.importances import Importance, Importances
from se_nas.analysis.rank_correlation import Agreement
from se_nas.report.sentences import agreement_sentences, answer, importance_sentence, split_sentences
from tests.tracking.test_console import a_progress, a_record


def split(question: str, probability: float) -> Split:
    sides = (Subspace(label="with SE", errors=(0.10, 0.12)), Subspace(label="without", errors=(0.13, 0.15)))
    return Split(question=question, subspaces=sides, probability=probability)


def test_a_significant_question_names_its_better_side_and_the_others_are_counted() -> None:
    told = split_sentences([split("SE in stage 1", 0.4), split("SE in stage 2", 0.001), split("w0", 1.0)])

    assert told == [
        "SE in stage 2, with SE against without: the errors differ, in the median by -3.00 points (p = 0.001).",
        "For 2 of 3 questions the two sides do not differ significantly.",
    ]


def test_the_sentence_on_importances_names_the_significant_decisions_or_says_that_none_predicts() -> None:
    sure = Importance(factor="SE in stage 2", mean=0.3, low=0.1, high=0.5)
    unsure = Importance(factor="depth", mean=0.1, low=-0.1, high=0.3)

    assert "predict 40 %" in importance_sentence(Importances(0.4, (sure, unsure)))
    assert "most by SE in stage 2." in importance_sentence(Importances(0.4, (sure, unsure)))
    assert "none of them significantly" in importance_sentence(Importances(0.4, (unsure,)))
    assert "do not predict" in importance_sentence(Importances(-0.1, (sure,)))


def test_the_rank_correlation_is_reported_on_fresh_seeds_and_after_retraining() -> None:
    found = Agreement(count=8, correlation=0.5, low=-0.2, high=0.9, change=-0.012)

    fresh, too_few = agreement_sentences(None, found, None)
    _, retrained = agreement_sentences(None, None, found)

    assert fresh == (
        "8 networks on fresh seeds: their accuracies have a rank correlation of 0.50 (-0.20 to 0.90) with those in the "
        "search; on average they differ by -1.20 points."
    )
    assert too_few == "Networks retrained, on test images: too few to compare their order with that in the search."
    assert retrained.startswith("8 networks retrained, on test images:")


def a_confirmation(*, epochs: int) -> ConfirmedFront:
    """A confirmation of a network that the search trained for one epoch."""
    return ConfirmedFront.of({0: {0: 0.8, 1: 0.82}}, {0: a_record(0, 0.9, 100)}, ["flops"], epochs=epochs)


def test_the_answer_has_three_sentences_and_names_the_epochs_if_they_differ() -> None:
    progress = a_progress(a_record(0, 0.9, 100))

    alone = answer(progress, None)
    same, longer = (answer(progress, a_confirmation(epochs=epochs)) for epochs in (1, 24))
    trusted, _ = agreement_sentences(a_confirmation(epochs=24), None, None)

    assert len(alone) == len(same) == len(longer) == 3
    assert "SE by stage · 4; 1 of the 1 networks on the front use SE somewhere." in alone[1]
    assert "differences of a few images are chance" in alone[2]
    assert "trained again on fresh seeds: with 95 % each" in same[2]
    assert "trained again on fresh seeds for 24 epochs (the search: 1): with 95 % each" in longer[2]
    assert trusted.startswith("Networks on fresh seeds for 24 epochs (the search: 1): too few")
