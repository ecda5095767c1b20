"""LatencyTable: the time of each part of a space's networks on one runtime. The sum of the parts predicts a network.

The idea is FBNet's (Wu et al., arXiv 1812.03443, section 3.3). Parts that run alone find other contents in the caches
than in a network, and code that was not run just before. So a few whole networks are measured too, and a linear model
converts the sum and the number of the parts to the time of a network.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from se_nas.errors import MissingPartError
from se_nas.models.parts import parts_of
from se_nas.space.architecture import Architecture

Values = NDArray[np.float64]

LOWEST, HIGHEST = (0.5, -math.inf, 0.0), (4.0, math.inf, math.inf)
"""The limits of a correction's factor, time for each part, and constant."""
WORTHWHILE = 0.1
"""The fraction of the error that another term of a correction must save."""
SHARE = 0.1
"""The least fraction of its own time that a part adds to a network."""
FEWEST_NETWORKS = 5
"""The fewest whole networks from which a conversion is fitted. With fewer, the prediction is the plain sum."""


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
    """The conversion from parts that were measured alone to a network: each part takes `scale` times as long and `each`
    longer, and the network takes `constant` longer.

    `error` is the mean of its relative errors on measured networks that were left out of the fit; None without a fit.
    """

    constant: float = 0.0
    each: float = 0.0
    scale: float = 1.0
    error: float | None = None

    def predict(self, milliseconds: Iterable[float]) -> float:
        """The time of a network with these parts. Every part adds to it.

        >>> round(Correction(constant=0.5, each=-0.1, scale=2.0).predict([1.0, 0.05]), 6)
        2.41
        """
        own = (max(self.scale * each + self.each, SHARE * self.scale * each) for each in milliseconds)
        return self.constant + sum(own)


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


def times_of(names: Iterable[str], milliseconds: Mapping[str, float]) -> list[float]:
    """The milliseconds of these parts. MissingPartError names a part that was not measured."""
    try:
        return [milliseconds[name] for name in names]
    except KeyError as error:
        raise MissingPartError(f"the latency table has no {error.args[0]}") from None


def fitted_correction(parts: Sequence[Sequence[float]], measured: Sequence[float]) -> Correction:
    """The correction that best predicts networks that were left out of its fit. `parts` has the times of their parts.

    There is a factor, then also a time for each part, then also a constant. Another term must reduce the error by a
    tenth, because several terms can hardly be told apart in networks of similar sizes.

    >>> parts = [[0.5] * 2, [0.5] * 4, [1.0] * 3, [1.0] * 5, [0.5] * 8, [2.0] * 2]
    >>> fitted = fitted_correction(parts, [1.2, 2.4, 3.3, 5.5, 4.8, 4.2])
    >>> round(fitted.constant, 6), round(fitted.each, 6), round(fitted.scale, 6), round(fitted.error or 0.0, 6)
    (0.0, 0.1, 1.0, 0.0)
    """
    if len(parts) < FEWEST_NETWORKS:
        return Correction()
    true = np.array(measured, dtype=float)
    terms = [[sum(own), len(own), 1.0] for own in parts]
    rows = np.array(terms) / true[:, None]  # the errors are relative to the truth
    best = _fitted(rows[:, :1])
    for count in range(2, rows.shape[1] + 1):
        other = _fitted(rows[:, :count])
        if (other.error or 0.0) < (1 - WORTHWHILE) * (best.error or 0.0):
            best = other
    return best


def _fitted(rows: Values) -> Correction:
    """The correction of these terms (n, k), with its error on networks that are left out."""
    left_out = [abs(rows[one] @ _coefficients(np.delete(rows, one, axis=0)) - 1) for one in range(len(rows))]
    scale, each, constant = np.append(_coefficients(rows), np.zeros(len(LOWEST) - rows.shape[1])).tolist()
    return Correction(constant=constant, each=each, scale=scale, error=float(np.mean(left_out)))


def _coefficients(rows: Values) -> Values:
    """The coefficients, between `LOWEST` and `HIGHEST`, with which the terms (n, k) come nearest to 1."""
    count = rows.shape[1]
    found: Values = lsq_linear(rows, np.ones(len(rows)), bounds=(LOWEST[:count], HIGHEST[:count])).x
    return found
