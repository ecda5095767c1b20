"""Reads batches from disk ahead of the training. Other processes decode them while the training computes."""

import os
import signal
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from se_nas.data.image_data import ImageFiles, Part
from se_nas.data.rand_augment import Augment

AHEAD = 2
"""The number of batches that each process keeps ready."""


def shared_bytes(part: Part, *, batch: int, loaders: int) -> int:
    """The most shared memory, in bytes, that `stream` uses for batches of `batch` images; 0 for images in memory."""
    if not isinstance(part, ImageFiles):
        return 0
    return (AHEAD * loaders + 1) * min(batch, len(part)) * 3 * part.image_size**2


def stream(
    part: ImageFiles,
    batches: Sequence[Sequence[int]],
    *,
    loaders: int,
    device: torch.device,
    augment: Augment | None = None,
) -> Iterable[tuple[Tensor, Tensor]]:
    """Yield the batches of images at these places, in this order: images (B, S, S, 3), uint8, and labels (B,)."""
    loader: DataLoader[Any] = DataLoader(
        _Files(part, augment),
        batch_sampler=[list(places) for places in batches],
        num_workers=loaders,
        prefetch_factor=AHEAD,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # does not change the global random state
        worker_init_fn=_end_quietly,
    )
    return loader


def _end_quietly(_worker: int) -> None:
    """Set the signals of a loader. Only the driver answers a signal to the whole process group.

    The driver must not get a report that a loader was killed. A loader still ends at SIGTERM, which Python sends to the
    loaders that are left when it exits.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))


class _Files(Dataset[tuple[Tensor, int]]):
    def __init__(self, part: ImageFiles, augment: Augment | None) -> None:
        self._part, self._augment = part, augment

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        one = self._part.loaded([place])
        images = torch.from_numpy(one.images)
        return (images if self._augment is None else self._augment(images, place))[0], int(one.labels[0])
