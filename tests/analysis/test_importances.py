from dataclasses import replace

import numpy as np

from se_nas.analysis.equal_cost import LEAST_OBSERVATIONS
from se_nas.analysis.importances import REPEATS, _with_each_shuffled, importances
from tests.analysis.test_effects import DECISIONS, searched


def test_the_decision_that_determines_accuracy_comes_first_and_is_sure() -> None:
    found = importances(searched(np.random.default_rng(0), worth=0.05), ["flops"], DECISIONS)

    assert found is not None
    assert found.of_each[0].factor == "SE in stage 2"
    assert found.of_each[0].is_sure
    assert found.of_each[0].mean > 5 * max(abs(one.mean) for one in found.of_each[1:])
    assert 0.5 < found.explained < 1


def test_without_a_useful_decision_nothing_is_predicted() -> None:
    found = importances(searched(np.random.default_rng(1), worth=0.0), ["flops"], DECISIONS)

    assert found is not None
    assert found.explained < 0.05


def test_the_same_search_has_the_same_importances() -> None:
    records = searched(np.random.default_rng(2))

    assert importances(records, ["flops"], DECISIONS) == importances(records, ["flops"], DECISIONS)


def test_each_table_has_one_shuffled_column_and_each_repeat_differs() -> None:
    table = np.random.default_rng(5).random((40, 3))

    found = _with_each_shuffled(table, np.random.default_rng(0))

    assert found.shape == (3, REPEATS, 40, 3)
    for column, tables in enumerate(found):
        others = np.arange(3) != column
        assert (tables[..., others] == table[:, others]).all()
        assert (np.sort(tables[..., column]) == np.sort(table[:, column])).all()
        assert len(np.unique(tables[..., column], axis=0)) == REPEATS


def test_few_networks_or_constant_decisions_give_no_importances() -> None:
    few = searched(np.random.default_rng(3), count=LEAST_OBSERVATIONS - 1)
    alike = [replace(one, se=("none", "none"), assignment={}) for one in searched(np.random.default_rng(4))]

    assert importances(few, ["flops"], DECISIONS) is None
    assert importances(alike, ["flops"], DECISIONS) is None
