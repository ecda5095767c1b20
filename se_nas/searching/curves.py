"""The accuracies, lengths and costs of a search's trials as arrays, so that the pruner need not read the study."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]


class Curves:
    """Arrays with one row for each trial number. They double in size when they are full.

    >>> curves = Curves(["flops"])
    >>> curves.begin(0, {"flops": 100.0})
    >>> curves.report(0, epoch=2, accuracy=0.5, costs={})
    >>> curves.accuracy_at(1), curves.accuracy_at(2), curves.lengths
    (array([nan]), array([0.5]), array([2]))
    """

    def __init__(self, costs: Sequence[str]) -> None:
        self._names = tuple(costs)
        self._count = 0
        self._accuracy = np.full((16, 16), math.nan)
        self._costs = np.full((16, len(self._names)), math.nan)
        self._lengths = np.zeros(16, dtype=np.int64)
        self._failed = np.zeros(16, dtype=bool)

    def __len__(self) -> int:
        return self._count

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The last epoch that each trial has reported, or 0 (n,)."""
        return self._lengths[: self._count]

    @property
    def failed(self) -> NDArray[np.bool_]:
        """Whether the trial has failed (n,)."""
        return self._failed[: self._count]

    def accuracy_at(self, epoch: int) -> Values:
        """The accuracy after an epoch (n,), NaN if unknown."""
        if not 1 <= epoch <= self._accuracy.shape[1]:
            return np.full(self._count, math.nan)
        return self._accuracy[: self._count, epoch - 1]

    def costs(self, names: Sequence[str]) -> Values:
        """The costs (n, k), NaN if unknown."""
        return self._costs[: self._count, [self._names.index(name) for name in names]]

    def begin(self, number: int, costs: Mapping[str, float]) -> None:
        """Note that a trial has started; all smaller numbers have started before."""
        while number >= len(self._lengths):
            self._accuracy = np.concatenate([self._accuracy, np.full_like(self._accuracy, math.nan)])
            self._costs = np.concatenate([self._costs, np.full_like(self._costs, math.nan)])
            self._lengths = np.concatenate([self._lengths, np.zeros_like(self._lengths)])
            self._failed = np.concatenate([self._failed, np.zeros_like(self._failed)])
        self._count = max(self._count, number + 1)
        self._set_costs(number, costs)

    def report(self, number: int, *, epoch: int, accuracy: float, costs: Mapping[str, float]) -> None:
        """Note the accuracy after an epoch, and costs that were measured meanwhile. They replace earlier values."""
        while epoch > self._accuracy.shape[1]:
            self._accuracy = np.concatenate([self._accuracy, np.full_like(self._accuracy, math.nan)], axis=1)
        self._accuracy[number, epoch - 1] = accuracy
        self._lengths[number] = max(self._lengths[number], epoch)
        self._set_costs(number, costs)

    def end(self, number: int, curve: Sequence[float], costs: Mapping[str, float], *, failed: bool) -> None:
        """Note the end of a trial. Values of later epochs, from an earlier run that went further, are deleted."""
        for epoch, accuracy in enumerate(curve, start=1):
            self.report(number, epoch=epoch, accuracy=accuracy, costs={})
        self._accuracy[number, len(curve) :] = math.nan
        self._set_costs(number, costs)
        if failed:
            self.fail(number)

    def fail(self, number: int) -> None:
        """Note that a trial has failed."""
        self._failed[number] = True

    def _set_costs(self, number: int, costs: Mapping[str, float]) -> None:
        for column, name in enumerate(self._names):
            if name in costs:
                self._costs[number, column] = costs[name]
