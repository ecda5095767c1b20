from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from se_nas.data.batches.device_data import ResidentImages
from se_nas.models.attention.switched import SwitchedAttention
from se_nas.space.switches import Option, Switch, Switchboard
from se_nas.training.step.precision import Precision
from se_nas.training.supernet.relaxed_gates import RelaxedChoice, choose_by_gradients
from tests.fakes import image_set

CPU = torch.device("cpu")


class Scale(nn.Module):
    """Multiplies features, so that the logits are more or less certain."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, features: Tensor) -> Tensor:
        return features * self.factor


class Knowing(nn.Module):
    """Knows the class of each image, and has a switch whose SE makes it more certain and one that spoils it."""

    def __init__(self) -> None:
        super().__init__()
        self.helpful = SwitchedAttention(Scale(2.0), place=(0, 0), hidden=4)  # type: ignore[arg-type]
        self.harmful = SwitchedAttention(Scale(0.2), place=(1, 0), hidden=4)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        return self.harmful(self.helpful(images))


def chosen(price: float, costs: list[list[float]] | None = None, *, seed: int = 0) -> RelaxedChoice:
    """The choice of two switches that are on or off, between a helpful SE and a harmful one."""
    options = (Option(attention=(None,), widths=(0,)), Option(attention=(None,), widths=(4,)))
    switches = tuple(Switch(name=f"stage{index}", stage=index, blocks=(0,), options=options) for index in range(2))
    board = Switchboard(found=None, switches=switches)  # type: ignore[arg-type]
    images = ResidentImages(image_set(64), CPU, image_size=8)
    labels = torch.cat([labels for _, labels in images.batches()])
    model = Knowing()

    def prepared(batch: Tensor) -> Tensor:
        at = (
            (batch[:, None] == torch.cat([each for each, _ in images.batches()])[None])
            .flatten(2)
            .all(2)
            .int()
            .argmax(1)
        )
        return nn.functional.one_hot(labels[at], 3).float()

    trainer: Any = SimpleNamespace(
        result=model, device=CPU, prepared=prepared, precision=Precision(channels_last=False, bf16=False)
    )
    found = choose_by_gradients(trainer, board, images, costs or [[0.0, 0.5], [0.0, 0.5]], price=price, seed=seed)
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    return found


def test_a_gate_stays_open_where_se_saves_more_than_its_price() -> None:
    found = chosen(0.0)

    assert found.placement == (1, 0)
    assert found.probabilities[0][1] > 0.9
    assert found.probabilities[1][0] > 0.9


def test_a_high_price_closes_every_gate() -> None:
    assert chosen(10.0).placement == (0, 0)


@pytest.mark.parametrize("cheap", [0, 1])
def test_only_the_cost_of_an_option_has_a_price(cheap: int) -> None:
    costs = [[0.0, 0.0 if index == cheap else 1.0] for index in range(2)]

    assert chosen(10.0, costs).placement == ((1, 0) if cheap == 0 else (0, 0))


def test_the_choice_depends_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = chosen(0.1)
    torch.manual_seed(2)

    assert chosen(0.1) == first
    assert chosen(0.1, seed=1).probabilities != first.probabilities
