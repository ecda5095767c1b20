"""The front of placements that relaxed gates choose at several prices of SE, kept in `differentiable.json`."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from se_nas import __version__
from se_nas.commands.shared_weights.supernet_task import SupernetTask
from se_nas.costs import COSTS
from se_nas.data.batches.device_data import place
from se_nas.data.image_data import Part
from se_nas.errors import InputError
from se_nas.files import read_checked, write_checked
from se_nas.machine.limits import cpu_count
from se_nas.seeds import derive_seed
from se_nas.space.switches import Placement, Switchboard
from se_nas.training.measurements import measure_costs
from se_nas.training.supernet.gate_loss import GateCosts, GateLoss
from se_nas.training.supernet.relaxed_gates import RelaxedChoice, choose_by_gradients
from se_nas.training.trainer import build_initial_model

FOR_WEIGHTS = 0.8
"""The fraction of the training images that trains the weights. The rest trains the gates, as in FBNet."""
MICROSECONDS = 1_000.0
"""The microseconds of a millisecond. Latency counts in microseconds, so that its log is positive."""


@dataclass(kw_only=True, slots=True)
class RelaxedTask:
    """Trains a supernet on a part of the training images, and the gates at each price on the rest.

    `supernet` is the task for all images. `cost` names the cost that has a price, and `loss` joins it with the
    cross-entropy.
    """

    supernet: SupernetTask
    cost: str
    loss: GateLoss = GateLoss.SUM

    @property
    def file(self) -> Path:
        """The file of the chosen placements."""
        return self.supernet.scores_file

    def choices(self) -> list[RelaxedChoice]:
        """The choice at each price, from the file as far as it has them. InputError for a cost without a product."""
        for_weights, for_gates = _split(self.supernet.data.train, self.supernet.seed)
        task = replace(self.supernet, data=replace(self.supernet.data, train=for_weights))
        identity = f"{task.identity} {self.cost}{'' if self.loss is GateLoss.SUM else f' {self.loss}'}"
        kept = read_checked(self.file) or {}
        known = {each["price"]: _choice(each) for each in kept.get("choices", ()) if kept.get("identity") == identity}
        prices = self.loss.prices
        if missing := [price for price in prices if price not in known]:
            costs = self._costs()  # refuses a cost without a product before it trains
            trainer = task.trained()
            images = place(for_gates, task.device, loaders=cpu_count(), image_size=task.board.found.image_size)
            for price in missing:
                known[price] = choose_by_gradients(
                    trainer, task.board, images, costs, price=price, seed=task.seed, loss=self.loss
                )
                self._write(identity, [known[each] for each in prices if each in known])
                task.print_line(f"gates     at a price of {price:g}: {self._described(known[price].placement)}")
        return [known[price] for price in prices]

    def _described(self, placement: Placement) -> str:
        chosen = zip(self.supernet.board.switches, placement, strict=True)
        widths = [f"{switch.name} {max(switch.options[option].widths)}" for switch, option in chosen if option]
        return f"hidden widths {', '.join(widths)}" if widths else "no SE"

    def _write(self, identity: str, choices: Sequence[RelaxedChoice]) -> None:
        board = self.supernet.board
        write_checked(
            self.file,
            {
                "version": __version__,
                "identity": identity,
                "cost": self.cost,
                "loss": str(self.loss),
                "switches": [switch.name for switch in board.switches],
                "choices": [{**asdict(each), "se": list(board.network(each.placement).se_tokens)} for each in choices],
            },
        )

    def _costs(self) -> GateCosts:
        """The costs of the options. InputError for a cost without a product, if the loss is one."""
        board, of = self.supernet.board, self._cost_of()
        nowhere = of(board.narrowest)
        scale = MICROSECONDS if COSTS[self.cost].unit == "ms" else 1.0
        added = [
            [of(_alone(board, index, option)) - nowhere for option in range(len(switch.options))]
            for index, switch in enumerate(board.switches)
        ]
        costs = GateCosts(
            least=scale * nowhere, added=tuple(tuple(scale * max(0.0, each) for each in own) for own in added)
        )
        if self.loss is GateLoss.PRODUCT:
            try:
                costs.exponent(1.0)
            except ValueError as error:
                raise InputError(
                    f"--gate-loss {self.loss}: the cost {self.cost} of the network with the least SE must be above 1, "
                    f"but {error}; begin a search with --gate-loss {GateLoss.SUM}"
                ) from None
        return costs

    def _cost_of(self) -> Callable[[Placement], float]:
        """A function that counts the cost of a placement, or measures it on the device."""
        task = self.supernet
        if self.cost in task.cost_of(task.board.network(task.board.narrowest)):
            return lambda placement: float(task.cost_of(task.board.network(placement))[self.cost])
        size = task.board.found.image_size or task.data.image_size

        def measured(placement: Placement) -> float:
            model = build_initial_model(task.board.network(placement), num_classes=task.data.classes, seed=0)
            return measure_costs([self.cost], model.to(task.device), image_size=size, device=task.device)[self.cost]

        return measured


def _alone(board: Switchboard, index: int, option: int) -> Placement:
    """The placement with this option of one switch, and the first option of all others."""
    return tuple(option if other == index else 0 for other in range(len(board.switches)))


def _split(train: Part, seed: int) -> tuple[Part, Part]:
    """The images for the weights and those for the gates, drawn at random; each part has two images or more."""
    rng = np.random.default_rng(derive_seed(seed, "images for gates"))
    count = len(train)
    places = np.zeros(count, dtype=bool)
    places[rng.permutation(count)[: min(max(2, round(FOR_WEIGHTS * count)), count - 1)]] = True
    return train.subset(places), train.subset(~places)


def _choice(content: Any) -> RelaxedChoice:
    return RelaxedChoice(
        price=float(content["price"]),
        placement=tuple(map(int, content["placement"])),
        probabilities=tuple(tuple(map(float, each)) for each in content["probabilities"]),
        exponent=content.get("exponent"),
    )
