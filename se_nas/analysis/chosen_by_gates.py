"""ChosenByGates: the placements that relaxed gates chose at several prices, and what their trials reached."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GateChoice:
    """The placement that was chosen at a price, by the tokens of its stages.

    `certainty` is the smallest probability of a chosen option. `trial` and `accuracy` are those of the complete trial
    that trained this placement alone; None if there is none.
    """

    price: float
    se: tuple[str, ...]
    certainty: float
    trial: int | None
    accuracy: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenByGates:
    """The choices in the order of their prices. `file` is the name of their file; `cost` names what has a price.

    `is_product`: the loss is FBNet's product, not a sum.
    """

    file: str
    cost: str
    is_product: bool = False
    choices: tuple[GateChoice, ...]
