"""Arithmetic on many tensors by a few launches.

torch's optimizers use these functions too, but torch does not promise to keep them: their names begin with `_foreach`.
A version of torch without one of them computes tensor by tensor, with the same results and more launches.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def copy_all(targets: Sequence[Tensor], sources: Sequence[Tensor]) -> None:
    """Copy each source into its target, which may have another type."""
    if (copy := getattr(torch, "_foreach_copy_", None)) is not None:
        copy(list(targets), list(sources))
        return
    for target, source in zip(targets, sources, strict=True):
        target.copy_(source)


def move_towards(averages: Sequence[Tensor], values: Sequence[Tensor], share: Tensor) -> None:
    """Add `share` (a tensor of shape ()) of the difference between each value and its average to the average."""
    needed = ("_foreach_sub", "_foreach_mul_", "_foreach_add_")
    subtract, multiply, add = (getattr(torch, name, None) for name in needed)
    if subtract is not None and multiply is not None and add is not None:
        difference = subtract(list(values), list(averages))
        multiply(difference, share)
        add(list(averages), difference)
        return
    for average, value in zip(averages, values, strict=True):
        average.add_((value - average) * share)
