"""LatencyTable: the time of each part of a space's networks on one runtime. The sum of the parts predicts a network.

The idea is FBNet's (Wu et al., arXiv 1812.03443, section 3.3). Parts that run alone find other contents in the caches
than in a network, and each call takes a little time. So a few whole networks are measured too, and a line through them
converts the sum of the parts to the time of a network.
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

FEWEST_NETWORKS = 4
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
class Line:
    """The conversion from the sum of the parts to the time of a network: `constant + scale * sum`.

    `error` is the median of its relative errors on measured networks that were left out of the fit; None without a fit.
    """

    constant: float = 0.0
    scale: float = 1.0
    error: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyTable:
    """The milliseconds of each part by name, for one image. `networks` is the number of whole networks measured."""

    setting: Setting
    milliseconds: Mapping[str, float]
    line: Line
    networks: int

    def predict(self, architecture: Architecture, *, image_size: int, num_classes: int) -> float:
        """The milliseconds of a network for one image. MissingPartError names a part that was not measured."""
        names = [part.name for part in parts_of(architecture, image_size=image_size, num_classes=num_classes)]
        total = summed(names, self.milliseconds)
        return self.line.constant + self.line.scale * total

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


def fitted_line(sums: Sequence[float], measured: Sequence[float]) -> Line:
    """The conversion that predicts networks best which were left out of its fit: a factor alone, or a line.

    Networks of nearly equal size determine no line.

    >>> line = fitted_line([1.0, 2.0, 3.0, 4.0], [1.5, 2.5, 3.5, 4.5])
    >>> round(line.constant, 6), round(line.scale, 6), round(line.error or 0.0, 6)
    (0.5, 1.0, 0.0)
    """
    if len(sums) < FEWEST_NETWORKS:
        return Line()
    own, true = np.array(sums, dtype=float), np.array(measured, dtype=float)
    lines = []
    for fit in (_factor, _line):
        errors = []
        for left_out in range(len(own)):
            others = np.arange(len(own)) != left_out
            constant, scale = fit(own[others], true[others])
            errors.append(abs(constant + scale * own[left_out] - true[left_out]) / true[left_out])
        constant, scale = fit(own, true)
        lines.append(Line(constant=constant, scale=scale, error=float(np.median(errors))))
    return min(lines, key=lambda line: line.error or 0.0)


def _factor(sums: Values, measured: Values) -> tuple[float, float]:
    """No constant, and the median factor."""
    return 0.0, float(np.median(measured / sums))


def _line(sums: Values, measured: Values) -> tuple[float, float]:
    """The constant and the factor, neither below zero, with the smallest sum of squared relative errors."""
    constant, scale = nnls(np.column_stack([1 / measured, sums / measured]), np.ones(len(sums)))[0].tolist()
    return (constant, scale) if scale > 0 else _factor(sums, measured)
