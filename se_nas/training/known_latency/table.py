"""LatencyTable: the time of each part of a space's networks on one runtime. The sum of the parts predicts a network.

The idea is FBNet's (Wu et al., arXiv 1812.03443, section 3.2). Parts that run alone find other contents in the caches
than in a network, and code that was not run just before. So a few whole networks are measured too, with their attention
and without it, and a linear model converts the times of the parts to the time of a network. Attention has a factor of
its own, because it and the layers around it slow each other down in a network, probably by displacing each other's code
from the processor's caches (benchmarks/LOG.md).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from se_nas.errors import MissingPartError
from se_nas.models.parts import is_attention, parts_of
from se_nas.space.architecture import Architecture

Values = NDArray[np.float64]

LIMITS = {
    "scale": (0.5, 4.0),
    "attention": (0.1, 10.0),
    "each": (-math.inf, math.inf),
    "constant": (0.0, math.inf),
}
"""The limits of a correction's terms."""
WORTHWHILE = 0.1
"""The fraction of the error that another term of a correction must save."""
SHARE = 0.1
"""The least fraction of its own time that a part adds to a network."""
FEWEST_NETWORKS = 5
"""The fewest whole networks from which a conversion is fitted. With fewer, the prediction is the plain sum."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTimes:
    """The milliseconds of a network's parts: those of its trunk, and those of its attention."""

    trunk: tuple[float, ...]
    attention: tuple[float, ...] = ()

    @property
    def total(self) -> float:
        """The plain sum."""
        return sum(self.trunk) + sum(self.attention)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The conditions of a table: the runtime and its device, images of a pass, threads of a CPU, classes, and the side
    of the largest images in pixels."""

    runtime: str
    device: str
    batch: int
    threads: int
    classes: int
    image_size: int

    @property
    def title(self) -> str:
        """The setting in a few words."""
        images = "1 image" if self.batch == 1 else f"{self.batch} images"
        threads = "" if self.runtime == "cuda" else f", {self.threads} thread{'s' if self.threads > 1 else ''}"
        return f"{self.runtime} on {self.device}{threads}, {images} a pass"


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """The conversion from parts that were measured alone to a network: each part of the trunk takes `scale` times as
    long and `each` longer, attention takes `attention` times as long, and the network takes `constant` longer.

    `attention` is None in tables of the first format, which convert attention as they convert the trunk. `error` is the
    mean of the relative errors on measured networks that were left out of the fit; None without a fit.
    """

    constant: float = 0.0
    each: float = 0.0
    scale: float = 1.0
    attention: float | None = 1.0
    error: float | None = None

    def predict(self, times: PartTimes) -> float:
        """The time of a network with these parts. Every part adds to it.

        >>> correction = Correction(constant=0.5, each=-0.1, scale=2.0, attention=3.0)
        >>> round(correction.predict(PartTimes(trunk=(1.0, 0.05), attention=(0.1,))), 6)
        2.71
        """
        if self.attention is None:
            return self.constant + self._of_trunk((*times.trunk, *times.attention))
        return self.constant + self._of_trunk(times.trunk) + self.attention * sum(times.attention)

    def _of_trunk(self, times: Iterable[float]) -> float:
        return sum(max(self.scale * own + self.each, SHARE * self.scale * own) for own in times)


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyTable:
    """The milliseconds of each part by name, for one image. `networks` is the number of whole networks measured."""

    setting: Setting
    milliseconds: Mapping[str, float]
    correction: Correction
    networks: int

    def predict(self, architecture: Architecture, *, image_size: int, num_classes: int) -> float:
        """The milliseconds of a network for one image. MissingPartError names a part that was not measured."""
        parts = parts_of(architecture, image_size=image_size, num_classes=num_classes)
        return self.correction.predict(times_of((part.name for part in parts), self.milliseconds))

    def difference(self, *, image_size: int, num_classes: int) -> str | None:
        """A text on the difference between these images and the table's; None if the table fits them."""
        if num_classes != self.setting.classes:
            return f"for {self.setting.classes} classes, but the images have {num_classes}"
        if image_size != self.setting.image_size:
            return f"at {self.setting.image_size} px, but the images have {image_size} px"
        return None


def times_of(names: Iterable[str], milliseconds: Mapping[str, float]) -> PartTimes:
    """The times of these parts. MissingPartError names a part that was not measured."""
    trunk: list[float] = []
    attention: list[float] = []
    for name in names:
        if name not in milliseconds:
            raise MissingPartError(f"the latency table has no {name}")
        (attention if is_attention(name) else trunk).append(milliseconds[name])
    return PartTimes(trunk=tuple(trunk), attention=tuple(attention))


def fitted_correction(parts: Sequence[PartTimes], measured: Sequence[float]) -> Correction:
    """The correction that best predicts networks that were left out of its fit. `parts` has the times of their parts.

    There is a factor, and another one for attention if a network has any. Then there is also a time for each part of
    the trunk, then also a constant. Each of these two must reduce the error by a tenth, because several terms can
    hardly be told apart in networks of similar sizes.

    >>> trunks = [(0.5,) * 2, (0.5,) * 4, (1.0,) * 3, (1.0,) * 5, (0.5,) * 8, (2.0,) * 2]
    >>> plain = [PartTimes(trunk=trunk) for trunk in trunks]
    >>> attended = [PartTimes(trunk=trunk, attention=(0.5,)) for trunk in trunks]
    >>> true = [1.2, 2.4, 3.3, 5.5, 4.8, 4.2]
    >>> fitted = fitted_correction([*plain, *attended], [*true, *(time + 0.75 for time in true)])
    >>> [round(term, 6) for term in (fitted.constant, fitted.each, fitted.scale, fitted.attention or 0.0)]
    [0.0, 0.1, 1.0, 1.5]
    """
    if len(parts) < FEWEST_NETWORKS:
        return Correction()
    columns: dict[str, list[float]] = {
        "scale": [sum(own.trunk) for own in parts],
        "attention": [sum(own.attention) for own in parts],
        "each": [len(own.trunk) for own in parts],
        "constant": [1.0] * len(parts),
    }
    true = np.array(measured, dtype=float)
    rows = {name: np.array(column) / true for name, column in columns.items()}  # the errors are relative to the truth
    first = ("scale", "attention") if any(columns["attention"]) else ("scale",)
    best = _fitted({name: rows[name] for name in first})
    for names in ((*first, "each"), (*first, "each", "constant")):
        other = _fitted({name: rows[name] for name in names})
        if (other.error or 0.0) < (1 - WORTHWHILE) * (best.error or 0.0):
            best = other
    return best


def _fitted(columns: Mapping[str, Values]) -> Correction:
    """The correction of these terms, each with its value for each network, and its error on networks left out."""
    names, rows = tuple(columns), np.stack(tuple(columns.values()), axis=1)
    left_out = [abs(rows[one] @ _coefficients(np.delete(rows, one, axis=0), names) - 1) for one in range(len(rows))]
    terms = dict(zip(names, _coefficients(rows, names).tolist(), strict=True))
    return Correction(**terms, error=float(np.mean(left_out)))


def _coefficients(rows: Values, names: Sequence[str]) -> Values:
    """The coefficients, between their `LIMITS`, with which the terms (n, k) come nearest to 1."""
    lowest, highest = zip(*(LIMITS[name] for name in names), strict=True)
    found: Values = lsq_linear(rows, np.ones(len(rows)), bounds=(lowest, highest)).x
    return found
