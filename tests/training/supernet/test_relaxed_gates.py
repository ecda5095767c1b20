import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from se_nas.data.batches.device_data import ResidentImages
from se_nas.models.attention.switched import SwitchedAttention
from se_nas.space.switches import Option, Switch, Switchboard
from se_nas.training.step.precision import Precision
from se_nas.training.supernet.gate_loss import GateCosts, GateLoss
from se_nas.training.supernet.relaxed_gates import RelaxedChoice, choose_by_gradients, priced_loss
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


def chosen(
    price: float, costs: GateCosts | None = None, *, seed: int = 0, loss: GateLoss = GateLoss.SUM
) -> RelaxedChoice:
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
    found = choose_by_gradients(
        trainer, board, images, costs or costs_of(50.0, 50.0), price=price, seed=seed, loss=loss
    )
    assert all(parameter.requires_grad and parameter.grad is None for parameter in model.parameters())
    return found


def costs_of(*added: float, least: float = 1_000.0) -> GateCosts:
    """The costs of switches that are on or off."""
    return GateCosts(least=least, added=tuple((0.0, each) for each in added))


@pytest.mark.parametrize("loss", GateLoss)
def test_a_gate_stays_open_where_se_saves_more_than_its_price(loss: GateLoss) -> None:
    found = chosen(0.0, loss=loss)

    assert found.placement == (1, 0)
    assert found.probabilities[0][1] > 0.9
    assert found.probabilities[1][0] > 0.9


@pytest.mark.parametrize("loss", GateLoss)
def test_a_high_price_closes_every_gate(loss: GateLoss) -> None:
    assert chosen(10.0, loss=loss).placement == (0, 0)


@pytest.mark.parametrize("loss", GateLoss)
@pytest.mark.parametrize("cheap", [0, 1])
def test_only_the_cost_of_an_option_has_a_price(cheap: int, loss: GateLoss) -> None:
    costs = costs_of(*(0.0 if index == cheap else 100.0 for index in range(2)))

    assert chosen(10.0, costs, loss=loss).placement == ((1, 0) if cheap == 0 else (0, 0))


def test_the_choice_depends_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = chosen(0.1)
    torch.manual_seed(2)

    assert chosen(0.1) == first
    assert chosen(0.1, seed=1).probabilities != first.probabilities


@pytest.mark.parametrize("loss", GateLoss)
@pytest.mark.parametrize("least", [1.5, 1e3, 1e10])
def test_the_gradient_points_to_the_cheaper_placement(loss: GateLoss, least: float) -> None:
    shares = [torch.tensor([0.5, 0.5], requires_grad=True) for _ in range(2)]
    costs = costs_of(least * 0.001, least * 0.01, least=least)

    priced_loss(loss, costs, 0.1)(torch.tensor(0.5), shares).backward()

    slopes = [share.grad.tolist() for share in shares if share.grad is not None]
    assert slopes[0][0] == slopes[1][0] == 0
    assert 0 < slopes[0][1] < slopes[1][1]
    assert slopes[1][1] == pytest.approx(10 * slopes[0][1], rel=1e-4)


@pytest.mark.parametrize("least", [1.5, 200.0, 1e10])
def test_the_product_is_that_of_fbnet(least: float) -> None:
    """Section 3.2: cross-entropy times alpha times log(cost) to the power beta."""
    costs, price, share = costs_of(0.1 * least, 0.2 * least, least=least), 0.3, 0.7
    shares = [torch.tensor([1 - share, share])] * 2
    beta = costs.exponent(price)
    alpha = math.log(least) ** -beta

    found = priced_loss(GateLoss.PRODUCT, costs, price)(torch.tensor(0.5), shares)

    assert float(found) == pytest.approx(0.5 * alpha * math.log(least * (1 + share * 0.3)) ** beta, rel=1e-4)


def test_a_price_is_what_se_everywhere_must_save() -> None:
    costs, off, on = costs_of(30.0, 70.0), [torch.tensor([1.0, 0.0])] * 2, [torch.tensor([0.0, 1.0])] * 2
    loss = torch.tensor(0.5)
    added, times = priced_loss(GateLoss.SUM, costs, 0.2), priced_loss(GateLoss.PRODUCT, costs, 0.2)

    assert float(added(loss, on) - added(loss, off)) == pytest.approx(0.2)
    assert float(times(loss, on) / times(loss, off)) == pytest.approx(math.exp(0.2))
    assert float(times(loss, off)) == pytest.approx(0.5)


@pytest.mark.parametrize("least", [1.0, 0.5, 0.0, -3.0, math.nan, math.inf])
def test_a_cost_whose_log_is_not_positive_has_no_product(least: float) -> None:
    with pytest.raises(ValueError, match=r"the log of a cost of .* is not positive"):
        chosen(0.1, costs_of(0.1, 0.1, least=least), loss=GateLoss.PRODUCT)


@pytest.mark.parametrize("loss", GateLoss)
def test_se_that_costs_nothing_has_no_price(loss: GateLoss) -> None:
    found = priced_loss(loss, costs_of(0.0, 0.0), 0.3)(torch.tensor(0.5), [torch.tensor([0.5, 0.5])] * 2)

    assert float(found) == pytest.approx(0.5)
