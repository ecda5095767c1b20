"""LatencyTable: the time of each part of a space's networks on one runtime. The sum of the parts predicts a network.

The idea is FBNet's (Wu et al., arXiv 1812.03443, section 3.3). Parts that run alone find other contents in the caches
than in a network, and code that was not run just before. So a few whole networks are measured too, and a linear model
converts the sum and the number of the parts to the time of a network.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from se_nas.errors import MissingPartError
from se_nas.models.parts import parts_of
from se_nas.space.architecture import Architecture

Values = NDArray[np.float64]

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
    """The conversion from the parts to the time of a network: `constant + each * number of parts + scale * sum`.

    `error` is the mean of its relative errors on measured networks that were left out of the fit; None without a fit.
    """

    constant: float = 0.0
    each: float = 0.0
    scale: float = 1.0
    error: float | None = None

    def predict(self, total: float, count: int) -> float:
        """The time of a network of `count` parts whose sum is `total`."""
        return self.constant + self.each * count + self.scale * total


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyTable:
    """The milliseconds of each part by name, for one image. `networks` is the number of whole networks measured."""

    setting: Setting
    milliseconds: Mapping[str, float]
    correction: Correction
    networks: int

    def predict(self, architecture: Architecture, *, image_size: int, num_classes: int) -> float:
        """The milliseconds of a network for one image. MissingPartError names a part that was not measured."""
        names = [part.name for part in parts_of(architecture, image_size=image_size, num_classes=num_classes)]
        return self.correction.predict(summed(names, self.milliseconds), len(names))

    def difference(self, *, image_size: int, num_classes: int) -> str | None:
        """A text on the difference between these images and the table's; None if the table fits them."""
        if num_classes != self.setting.classes:
            return f"for {self.setting.classes} classes, but the images have {num_classes}"
        if image_size != self.setting.image_size:
            return f"at {self.setting.image_size} px, but the images have {image_size} px"
        return None


def summed(names: Iterable[str], milliseconds: Mapping[str, float]) -> float:
    """The sum of these parts. MissingPartError names a part that was not measured.

    >>> summed(["stem", "block", "block"], {"stem": 1.0, "block": 0.25})
    1.5
    """
    try:
        return sum(count * milliseconds[name] for name, count in Counter(names).items())
    except KeyError as error:
        raise MissingPartError(f"the latency table has no {error.args[0]}") from None


def fitted_correction(sums: Sequence[float], counts: Sequence[int], measured: Sequence[float]) -> Correction:
    """The correction that predicts networks best which were left out of its fit. Fewer terms win a tie.

    A factor alone comes first, then also a time for each part, then also a constant. None is below zero.

    >>> fitted = fitted_correction([1.0, 2.0, 3.0, 5.0, 6.0], [4, 4, 6, 6, 8], [1.4, 2.4, 3.6, 5.6, 6.8])
    >>> round(fitted.constant, 6), round(fitted.each, 6), round(fitted.scale, 6), round(fitted.error or 0.0, 6)
    (0.0, 0.1, 1.0, 0.0)
    """
    if len(sums) < FEWEST_NETWORKS:
        return Correction()
    true = np.array(measured, dtype=float)
    rows = np.column_stack([sums, counts, np.ones(len(true))]) / true[:, None]  # errors are relative to the truth
    fits = []
    for terms in range(1, rows.shape[1] + 1):
        own = rows[:, :terms]
        left_out = [abs(own[one] @ _fit(np.delete(own, one, axis=0)) - 1) for one in range(len(own))]
        scale, each, constant = np.append(_fit(own), np.zeros(rows.shape[1] - terms)).tolist()
        fits.append(Correction(constant=constant, each=each, scale=scale, error=float(np.mean(left_out))))
    return min(fits, key=lambda fit: round(fit.error or 0.0, 6))


def _fit(rows: Values) -> Values:
    """The coefficients, none below zero, with which the terms (n, k) come nearest to 1."""
    found: Values = nnls(rows, np.ones(len(rows)))[0]
    return found
