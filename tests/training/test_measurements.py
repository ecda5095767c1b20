import math

import pytest
import torch
from torch import nn

from se_nas.analysis.paired import Extra
from se_nas.training.measurements import FEWEST_VALUES, MEASUREMENTS, measure_costs, measured_in_turn

CPU = torch.device("cpu")


def measure(monkeypatch: pytest.MonkeyPatch, values: list[list[float]], *, models: int = 2) -> object:
    monkeypatch.setitem(MEASUREMENTS, "energy", lambda *_, **__: values)
    return measured_in_turn(["energy"], [nn.Identity() for _ in range(models)], image_size=4, device=CPU)


def test_the_fewest_values_are_enough_for_an_interval_of_their_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [[2.0 + 0.1 * place for place in range(FEWEST_VALUES)], [1.0] * FEWEST_VALUES]

    assert measure(monkeypatch, values) == {"energy": values}
    assert 1.0 <= Extra.measured(*values).low <= Extra.measured(*values).high <= 1.5


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([[1.0] * (FEWEST_VALUES - 1)] * 2, id="too few"),
        pytest.param([[1.0] * 10, [1.0] * 9], id="not equally many"),
        pytest.param([[1.0] * 10], id="one model is missing"),
        pytest.param([[1.0] * 10, [1.0] * 9 + [math.nan]], id="not a number"),
        pytest.param([[1.0] * 10, [1.0] * 9 + [math.inf]], id="infinite"),
    ],
)
def test_a_measurement_that_breaks_its_protocol_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, values: list[list[float]]
) -> None:
    with pytest.raises(ValueError, match=r"the measurement of energy must give"):
        measure(monkeypatch, values)


def test_the_cost_of_one_model_is_the_median_of_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MEASUREMENTS, "energy", lambda *_, **__: [[9.0, 1.0, 2.0, 3.0, 4.0, 100.0, 5.0]])

    assert measure_costs(["energy"], nn.Identity(), image_size=4, device=CPU) == {"energy": 4.0}
