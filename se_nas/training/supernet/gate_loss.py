"""The loss of relaxed gates: cross-entropy and expected cost, joined as a sum or as a product.

Both losses have a price, so that a front of prices can be swept. The product is that of Wu et al., "FBNet", arXiv
1812.03443, section 3.2: cross-entropy times alpha times log(cost) to the power beta. This module imports no torch.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

PRICES_OF_SUM = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)
PRICES_OF_PRODUCT = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)


class GateLoss(StrEnum):
    """The form of the loss. Its value is its name in `--gate-loss` and in files."""

    SUM = "sum"
    """The cross-entropy plus the price times the expected additional cost, of which SE everywhere has 1. The price is
    the cross-entropy that SE everywhere must save to be worth its cost."""
    PRODUCT = "product"
    """The cross-entropy times a power of the log of the expected cost. The price is the log of the factor by which SE
    everywhere must divide the cross-entropy to be worth its cost."""

    @property
    def prices(self) -> tuple[float, ...]:
        """The prices of a front."""
        return PRICES_OF_PRODUCT if self is GateLoss.PRODUCT else PRICES_OF_SUM


@dataclass(frozen=True, slots=True, kw_only=True)
class GateCosts:
    """The cost of the network with the first option of each switch, and the additional cost of each option.

    The last option of a switch is its widest SE.
    """

    least: float
    added: tuple[tuple[float, ...], ...]

    @property
    def widest(self) -> float:
        """The additional cost of the widest SE everywhere."""
        return sum(own[-1] for own in self.added)

    def in_shares(self) -> list[list[float]]:
        """The additional costs divided by that of the widest SE everywhere; 0 if that costs nothing."""
        return [[value / self.widest if self.widest else 0.0 for value in own] for own in self.added]

    def exponent(self, price: float) -> float:
        """FBNet's beta, with which SE everywhere multiplies the loss by exp(price); 0 if SE everywhere costs nothing.

        ValueError if the log of the cost is not positive, so that it has no real power.

        >>> round(GateCosts(least=100.0, added=((0.0, 10.0), (0.0, 20.0))).exponent(0.1), 3)
        1.805
        """
        if not 1 < self.least < math.inf:
            raise ValueError(f"the log of a cost of {self.least:.3g} is not positive")
        growth = math.log1p(math.log1p(self.widest / self.least) / math.log(self.least))
        return price / growth if growth else 0.0
