"""The costs of a network that a search can minimise. `COSTS` has one entry for each cost.

A counted cost is known before training: `se_nas.models.cost` counts it. A measured cost is known when a device has
measured it: `se_nas.training.measurements` has the function. A table of measured parts predicts some measured costs
before training (`se_nas.training.known_latency`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from se_nas.wording import format_count, parse_amount, parse_count


@dataclass(frozen=True, slots=True, kw_only=True)
class CostKind:
    """A cost of one image: how people read it, and when it is known.

    `axis` is the title of an axis, `column` the head of a narrow column. A value with a `unit` is printed with two
    decimals, or with two significant digits if it is small. A value without a unit is a count. `step` is the amount for
    which an ablation states the gain of SE in accuracy. Short tables leave out a cost without `step`. A measured cost
    that is `tabled` can be predicted from a table.
    """

    axis: str
    column: str
    unit: str = ""
    measured: bool = False
    tabled: bool = False
    step: float | None = None

    def text(self, value: float) -> str:
        """A value as a short text, with its unit.

        >>> COSTS["latency"].text(2.345), COSTS["latency"].text(0.00345)
        ('2.35 ms', '0.0034 ms')
        """
        if not self.unit:
            return format_count(value)
        return f"{value:.2g} {self.unit}" if 0 < abs(value) < 0.1 else f"{value:.2f} {self.unit}"

    def exact_text(self, value: float) -> str:
        """A count with all its digits, or another value with its unit."""
        return self.text(value) if self.unit else f"{value:,.0f}"

    @property
    def step_text(self) -> str:
        """The `step`, with the name of the cost in a second line if the cost is a count."""
        assert self.step is not None
        return f"{self.step:g} {self.unit}" if self.unit else f"{format_count(self.step)} {self.column}"

    def parse(self, text: str) -> float:
        """Parse a limit on the cost. The message of a ValueError shows what a limit looks like."""
        return parse_amount(text) if self.unit else parse_count(text)


COSTS: dict[str, CostKind] = {
    "flops": CostKind(axis="FLOPs (multiply-adds of one image)", column="FLOPs", step=1_000),
    "params": CostKind(axis="parameters", column="params", step=1_000),
    "activations": CostKind(axis="activations of one image", column="activations"),
    "latency": CostKind(axis="latency of one image (ms)", column="ms", unit="ms", measured=True, tabled=True, step=0.1),
}
"""Every cost by its name in `--objectives`, in files and in tables."""


def short_table_names() -> tuple[str, ...]:
    """The names of the costs that short tables show."""
    return tuple(name for name, kind in COSTS.items() if kind.step is not None)


def counted_names() -> tuple[str, ...]:
    """The names of the costs that are known before training."""
    return tuple(name for name, kind in COSTS.items() if not kind.measured)


def measured_among(names: Iterable[str]) -> tuple[str, ...]:
    """The names of measured costs among `names`, in their order.

    >>> measured_among(["latency", "flops"])
    ('latency',)
    """
    return tuple(name for name in names if name in COSTS and COSTS[name].measured)


def known_before_training(costs: Mapping[str, float], *, tabled: Iterable[str] = ()) -> dict[str, float]:
    """The costs without the measured ones. Costs named in `tabled` are known from a table.

    >>> known_before_training({"flops": 100, "latency": 2.5})
    {'flops': 100}
    """
    unknown = {*measured_among(costs)} - {*tabled}
    return {name: value for name, value in costs.items() if name not in unknown}


def format_cost(name: str, value: float) -> str:
    """A cost as a short text, with its unit. A cost that only another version knows is printed as a plain number.

    >>> format_cost("flops", 401842848), format_cost("latency", 2.345), format_cost("other", 2.345)
    ('402M', '2.35 ms', '2.345')
    """
    return COSTS[name].text(value) if name in COSTS else f"{value:.4g}"


def format_cost_exactly(name: str, value: float) -> str:
    """A cost for a table: a count with all digits, or a number with its unit.

    >>> format_cost_exactly("flops", 401842848), format_cost_exactly("latency", 2.345)
    ('401,842,848', '2.35 ms')
    """
    return COSTS[name].exact_text(value) if name in COSTS else f"{value:.4g}"
