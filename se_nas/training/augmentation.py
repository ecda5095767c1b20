"""What chance decides in an epoch, drawn beforehand, and what it does to a batch of images.

Shift and mirror: He et al., arXiv 1512.03385, section 4.2, the shift growing with the image. An image is mirrored in
every second epoch, which half of them in the first being random (Jordan, arXiv 2404.00498, section 3.6). Cutout:
DeVries and Taylor, arXiv 1708.04552. Mix-up: Zhang et al., arXiv 1710.09412, equation 2. CutMix: Yun et al., arXiv
1905.04899, algorithm A1. Both take the batch in reverse as partners, and one share for the batch; a recipe with both
draws one of them for each batch.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from se_nas.seeds import derive_seed
from se_nas.training.recipe import Recipe


class Draws(NamedTuple):
    """An epoch of T steps of B images each.

    `chosen` (T, B): the images. `shift` (T, 2, B): rows and columns, from 0 to twice the padding. `mirrored` (T, B).
    `hole` (T, 2, B): the middle of what is cut out. `share` (T,): of each image against its partner's. `patch` (T, 3):
    the middle, in rows and columns, and the side of the square that comes from the partner; side 0 where all pixels are
    mixed instead.
    """

    chosen: Tensor
    shift: Tensor
    mirrored: Tensor
    hole: Tensor
    share: Tensor
    patch: Tensor

    def of_process(self, rank: int, processes: int) -> "Draws":
        """What one of several processes does of each batch: every so many-th image of it."""
        whole = self.chosen.shape[-1] // processes * processes
        images = slice(rank, whole, processes)
        return self._replace(
            chosen=self.chosen[..., images],
            shift=self.shift[..., images],
            mirrored=self.mirrored[..., images],
            hole=self.hole[..., images],
        )


def draw_epoch(
    images: int, batch_size: int, *, image_size: int, mirror: bool, recipe: Recipe, seed: int, epoch: int
) -> Draws:
    """All draws of an epoch; they depend on (seed, epoch) alone, not on the device.

    The last, smaller batch is left out, so that batch norm sees full batches; each epoch leaves out others.
    """
    rng = np.random.default_rng(derive_seed(seed, "epoch", epoch))
    steps = images // batch_size
    chosen = rng.permutation(images)[: steps * batch_size].reshape(steps, batch_size)
    pairs = (steps, 2, batch_size)
    first_mirrored = np.random.default_rng(derive_seed(seed, "mirror")).random(images) < 0.5
    shift, hole = rng.integers(0, 2 * padding(image_size) + 1, pairs), rng.integers(0, image_size, pairs)
    share, patch = _draw_mixing(rng, steps, image_size, recipe)
    return Draws(
        chosen=torch.from_numpy(chosen),
        shift=torch.from_numpy(shift),
        mirrored=torch.from_numpy((first_mirrored[chosen] ^ bool(epoch % 2)) & mirror),
        hole=torch.from_numpy(hole),
        share=torch.from_numpy(share.astype(np.float32)),
        patch=torch.from_numpy(patch),
    )


def padding(image_size: int) -> int:
    """Pixels that an image may be shifted by, each way."""
    return image_size // 8


def shift_and_mirror(images: Tensor, shift: Tensor, mirrored: Tensor) -> Tensor:
    """`images` (B, S, S, 3) as uint8, `shift` (2, B), `mirrored` (B,); what comes in from outside is black.

    A pixel travels as one number of four bytes, the fourth unused.
    """
    count, size = len(images), images.shape[1]
    pad = padding(size)
    side = size + 2 * pad
    padded = images.new_zeros(count, side, side, 4)  # `F.pad` takes twenty times as long on bytes
    padded[:, pad : pad + size, pad : pad + size, :3] = images
    pixels = padded.view(torch.int32).view(count, side, side)
    steps = torch.arange(size, device=images.device)
    rows, columns = shift[0][:, None] + steps, shift[1][:, None] + steps
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    first = torch.arange(count, device=images.device)[:, None] * side
    place = ((first + rows) * side)[:, :, None] + columns[:, None, :]
    return torch.take(pixels, place).view(torch.uint8).view(count, size, size, 4)[..., :3]


def cut_out(images: Tensor, middle: Tensor, share: float) -> Tensor:
    """`images` (B, 3, S, S) with a square of `share` of their side around `middle` (2, B) set to the mean, zero."""
    size = images.shape[2]
    return images.masked_fill(_square(size, middle, round(share * size))[:, None], 0.0)


def mix(images: Tensor, share: Tensor, patch: Tensor) -> Tensor:
    """`images` (B, 3, S, S), each with the one as far from the batch's other end; `share` () and `patch` (3,)."""
    side = patch[2]
    everywhere = torch.where(side > 0, torch.ones_like(share), share)
    kept = torch.where(_square(images.shape[2], patch[:2, None], side)[0], torch.zeros_like(share), everywhere)
    return torch.lerp(images.flip(0), images, kept)


def _square(size: int, middle: Tensor, side: int | Tensor) -> Tensor:
    """(B, S, S): whether a pixel lies in the square of `side` around `middle` (2, B)."""
    steps = torch.arange(size, device=middle.device)
    first = middle[:, :, None] - side // 2
    near = (steps >= first) & (steps < first + side)
    return near[0][:, :, None] & near[1][:, None, :]


def _draw_mixing(
    rng: np.random.Generator, steps: int, size: int, recipe: Recipe
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """`share` (T,) and `patch` (T, 3). A patch that reaches over the border is cut there, and its share is what it
    leaves."""
    share, patch = np.ones(steps), np.zeros((steps, 3), np.int64)
    if not recipe.mixes:
        return share, patch
    chance = 0.5 if recipe.mixup and recipe.cutmix else float(recipe.cutmix > 0)
    cut = rng.random(steps) < chance
    blended = rng.beta(recipe.mixup, recipe.mixup, steps) if recipe.mixup else share
    area = 1 - rng.beta(recipe.cutmix, recipe.cutmix, steps) if recipe.cutmix else np.zeros(steps)
    side = np.where(cut, np.rint(size * np.sqrt(area)), 0).astype(np.int64)
    middle = rng.integers(0, size, (steps, 2))
    first = middle - side[:, None] // 2
    inside = np.clip(first + side[:, None], 0, size) - np.clip(first, 0, size)
    share = np.where(side > 0, 1 - inside.prod(axis=1) / size**2, np.where(cut, 1.0, blended))
    return share, np.concatenate([middle, side[:, None]], axis=1)
