"""Candidates: networks that may be proposed, with their properties that are known before training."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from se_nas.space.decisions import Assignment

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Inspection:
    """The properties of a network before training: its fingerprint and its costs by name."""

    fingerprint: str
    cost: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A network that may be proposed. The model sees its `features` (d,)."""

    assignment: Assignment
    inspection: Inspection
    features: Values
