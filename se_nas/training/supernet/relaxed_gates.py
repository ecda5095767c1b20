"""Relaxed gates: which option each switch of a supernet should have, learned by gradients, at a price for its cost.

Wu et al., "FBNet", arXiv 1812.03443, section 3.3: an option is drawn by the Gumbel softmax (Jang et al., arXiv
1611.01144), whose temperature falls, and the loss is that of the images and the expected cost. One thing differs: the
weights are trained first, for all placements, and stay as they are. So one training serves all prices.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from se_nas.data.batches.device_data import DeviceImages
from se_nas.models.supernet import mix
from se_nas.seeds import derive_seed
from se_nas.space.attention.switched import Place
from se_nas.space.switches import Placement, Switchboard
from se_nas.training.supernet.gate_loss import GateCosts, GateLoss
from se_nas.training.trainer import Trainer

FIRST_TEMPERATURE, LAST_TEMPERATURE = 5.0, 0.1
"""FBNet's first temperature, and about its last one: 5.0 times exp(-0.045) for each of 90 epochs."""
STEPS = 150
"""The steps for one price."""
BATCH = 128
RATE, DECAYS = 0.05, (0.9, 0.999)
"""Adam's step and decays (Kingma and Ba, arXiv 1412.6980). FBNet takes a step of 0.01, and many more steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaxedChoice:
    """The options that are most probable at a price, and the probabilities of all options of each switch.

    `exponent` is FBNet's beta; None if the loss is a sum.
    """

    price: float
    placement: Placement
    probabilities: tuple[tuple[float, ...], ...]
    exponent: float | None = None


def choose_by_gradients(
    trainer: Trainer,
    board: Switchboard,
    images: DeviceImages,
    costs: GateCosts,
    *,
    price: float,
    seed: int,
    loss: GateLoss = GateLoss.SUM,
) -> RelaxedChoice:
    """Learn the options on `images`, which the weights have not seen.

    `price` is what SE everywhere must save to be worth its cost; `GateLoss` says in which unit. ValueError for a cost
    that has no product.
    """
    device = trainer.device
    generator = torch.Generator(device="cpu").manual_seed(derive_seed(seed, "relaxed gates", str(price)))
    logits = [torch.zeros(len(switch.options), requires_grad=True) for switch in board.switches]
    priced = priced_loss(loss, costs, price)
    network = trainer.result
    learned = {parameter: parameter.requires_grad for parameter in network.parameters()}
    adam = _Adam(logits)
    network.requires_grad_(False)
    network.train()  # norms use the statistics of the batch
    try:
        for step, (batch, labels) in zip(range(STEPS), _batches(images, generator), strict=False):
            temperature = FIRST_TEMPERATURE * (LAST_TEMPERATURE / FIRST_TEMPERATURE) ** (step / (STEPS - 1))
            shares = [torch.softmax((each + _gumbel(each, generator)) / temperature, 0) for each in logits]
            mix(network, _by_place(board, [each.to(device) for each in shares]))
            with trainer.precision.autocast(device):
                cross_entropy = F.cross_entropy(network(trainer.prepared(batch)), labels)
            adam.step(torch.autograd.grad(priced(cross_entropy.cpu(), shares), logits))
    finally:
        for parameter, was_learned in learned.items():
            parameter.requires_grad_(was_learned)
    probabilities = [torch.softmax(each.detach(), 0).tolist() for each in logits]
    return RelaxedChoice(
        price=price,
        placement=tuple(max(range(len(each)), key=each.__getitem__) for each in probabilities),
        probabilities=tuple(tuple(round(value, 4) for value in each) for each in probabilities),
        exponent=costs.exponent(price) if loss is GateLoss.PRODUCT else None,
    )


def priced_loss(loss: GateLoss, costs: GateCosts, price: float) -> Callable[[Tensor, Sequence[Tensor]], Tensor]:
    """A function of the cross-entropy (a scalar) and of the shares of each switch's options: the loss at this price.

    FBNet's alpha is such that the product is the cross-entropy where no switch adds a cost: log(least) to the power
    -beta. Adam's steps do not depend on it. ValueError for a cost that has no product.
    """
    if loss is GateLoss.SUM:
        prices = [torch.tensor(own) * price for own in costs.in_shares()]
        return lambda cross_entropy, shares: cross_entropy + _expected(prices, shares)
    exponent, relative = costs.exponent(price), [torch.tensor(own) / costs.least for own in costs.added]

    def product(cross_entropy: Tensor, shares: Sequence[Tensor]) -> Tensor:
        log_of_cost = torch.log1p(_expected(relative, shares)) / math.log(costs.least)  # log(cost) / log(least) - 1
        return cross_entropy * torch.exp(exponent * torch.log1p(log_of_cost))

    return product


def _expected(costs: Sequence[Tensor], shares: Sequence[Tensor]) -> Tensor:
    """The expected cost of the options with these shares."""
    return torch.stack([(own * each).sum() for own, each in zip(costs, shares, strict=True)]).sum()


def _by_place(board: Switchboard, shares: Sequence[Tensor]) -> Mapping[Place, Sequence[tuple[int, Tensor]]]:
    """The options of each block, as pairs of a hidden width and its share."""
    return {
        (switch.stage, block): [
            (option.widths[index], share) for option, share in zip(switch.options, own, strict=True)
        ]
        for switch, own in zip(board.switches, shares, strict=True)
        for index, block in enumerate(switch.blocks)
    }


def _gumbel(like: Tensor, generator: torch.Generator) -> Tensor:
    uniform = torch.rand(like.shape, generator=generator).clamp(1e-9, 1 - 1e-7)
    return -torch.log(-torch.log(uniform))


def _batches(images: DeviceImages, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Random batches of the images, without end: each image once before any comes again."""
    parts = list(images.batches())
    pixels, labels = (torch.cat(each) for each in zip(*parts, strict=True))
    size = min(BATCH, len(labels))
    while True:
        order = torch.randperm(len(labels), generator=generator).to(labels.device)
        for chosen in torch.split(order[: len(order) // size * size], size):
            yield pixels[chosen], labels[chosen]


class _Adam:
    """Adam for a few numbers. `torch.optim` would load torch's compiler (`sgd.py`)."""

    def __init__(self, values: Sequence[Tensor]) -> None:
        self._values, self._steps = values, 0
        self._means = [torch.zeros_like(value) for value in values]
        self._squares = [torch.zeros_like(value) for value in values]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        self._steps += 1
        short, long = (1 - decay**self._steps for decay in DECAYS)
        for value, mean, square, gradient in zip(self._values, self._means, self._squares, gradients, strict=True):
            mean.lerp_(gradient, 1 - DECAYS[0])
            square.lerp_(gradient * gradient, 1 - DECAYS[1])
            value -= RATE / short * mean / (square / long).sqrt().add(1e-8)
