"""Reads batches from disk ahead of the training. Other processes decode them while the training computes."""

import os
import signal
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from se_nas.data.batches.rand_augment import Augment
from se_nas.data.image_data import ImageFiles, Part

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
        collate_fn=_as_it_is,
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


def _as_it_is(batch: Any) -> Any:
    return batch


class _Files(Dataset[Any]):
    """A whole batch is read at once (`__getitems__` is torch's name for that)."""

    def __init__(self, part: ImageFiles, augment: Augment | None) -> None:
        self._part, self._augment = part, augment

    def __getitems__(self, places: Sequence[int]) -> tuple[Tensor, Tensor]:
        read = self._part.loaded(places)
        images = torch.from_numpy(read.images)
        if self._augment is not None:
            images = torch.cat([self._augment(images[i : i + 1], place) for i, place in enumerate(places)])
        return images, torch.from_numpy(read.labels)
