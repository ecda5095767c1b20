"""The random numbers of an epoch, drawn before it begins, and the augmentations that use them on a batch of images.

Shift and mirror: He et al., arXiv 1512.03385, section 4.2; here the largest shift grows with the image size. An image
is mirrored in every second epoch. Chance decides whether it is mirrored in the even or in the odd epochs (Jordan, arXiv
2404.00498, section 3.6). Cutout: DeVries and Taylor, arXiv 1708.04552. Mix-up: Zhang et al., arXiv 1710.09412,
equation 2. CutMix: Yun et al., arXiv 1905.04899, algorithm A1. Mix-up and CutMix pair each image with an image of the
same batch in reverse order, and all pairs of a batch have the same share. If a recipe has both, each batch draws one of
them.
"""

from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from se_nas.seeds import derive_seed


class Mixing(Protocol):
    """The parameters of the beta distributions from which mix-up and CutMix draw. The parameter 0 turns it off."""

    @property
    def mixup(self) -> float:
        """The parameter of mix-up."""

    @property
    def cutmix(self) -> float:
        """The parameter of CutMix."""


class Draws(NamedTuple):
    """The draws of an epoch of T steps with B images each.

    `chosen` (T, B): the indices of the images. `shift` (T, 2, B): rows and columns, from 0 to twice the padding.
    `mirrored` (T, B): whether the image is mirrored. `hole` (T, 2, B): the middle of the square that is cut out.
    `share` (T,): the weight of each image; its partner's weight is 1 - `share`. `patch` (T, 3): the square that comes
    from the partner, as row and column of its middle, and its side; the side is 0 if all pixels are mixed instead.
    """

    chosen: Tensor
    shift: Tensor
    mirrored: Tensor
    hole: Tensor
    share: Tensor
    patch: Tensor

    def of_process(self, rank: int, processes: int) -> "Draws":
        """The draws for the images of one process: of each batch, every `processes`-th image from `rank` on."""
        whole = self.chosen.shape[-1] // processes * processes
        images = slice(rank, whole, processes)
        return self._replace(
            chosen=self.chosen[..., images],
            shift=self.shift[..., images],
            mirrored=self.mirrored[..., images],
            hole=self.hole[..., images],
        )


def draw_epoch(
    images: int, batch_size: int, *, image_size: int, mirror: bool, recipe: Mixing, seed: int, epoch: int
) -> Draws:
    """Draw all random numbers of an epoch. They depend on (seed, epoch) alone, not on the device.

    The last, smaller batch is left out, so that batch norm sees full batches. Each epoch leaves out other images.
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
    """The largest shift of an image in each direction, in pixels."""
    return image_size // 8


def shift_and_mirror(images: Tensor, shift: Tensor, mirrored: Tensor) -> Tensor:
    """Shift and mirror `images` (B, S, S, 3), uint8, by `shift` (2, B) and `mirrored` (B,). New pixels are black.

    A pixel is copied as one number of four bytes; the fourth byte is unused.
    """
    count, size = len(images), images.shape[1]
    pad = padding(size)
    side = size + 2 * pad
    padded = images.new_zeros(count, side, side, 4)  # `F.pad` takes twenty times as long for bytes
    padded[:, pad : pad + size, pad : pad + size, :3] = images
    pixels = padded.view(torch.int32).view(count, side, side)
    steps = torch.arange(size, device=images.device)
    rows, columns = shift[0][:, None] + steps, shift[1][:, None] + steps
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    first = torch.arange(count, device=images.device)[:, None] * side
    place = ((first + rows) * side)[:, :, None] + columns[:, None, :]
    return torch.take(pixels, place).view(torch.uint8).view(count, size, size, 4)[..., :3]


def cut_out(images: Tensor, middle: Tensor, share: float) -> Tensor:
    """Set a square in `images` (B, 3, S, S) to 0, their mean. Its side is `share` of theirs; `middle` is (2, B)."""
    size = images.shape[2]
    return images.masked_fill(_square(size, middle, round(share * size))[:, None], 0.0)


def mix(images: Tensor, share: Tensor, patch: Tensor) -> Tensor:
    """Mix `images` (B, 3, S, S) with the same batch in reverse order, by `share` () and `patch` (3,)."""
    side = patch[2]
    everywhere = torch.where(side > 0, torch.ones_like(share), share)
    kept = torch.where(_square(images.shape[2], patch[:2, None], side)[0], torch.zeros_like(share), everywhere)
    return torch.lerp(images.flip(0), images, kept)


def _square(size: int, middle: Tensor, side: int | Tensor) -> Tensor:
    """Whether each pixel lies in the square of `side` around `middle` (2, B). Shape (B, S, S)."""
    steps = torch.arange(size, device=middle.device)
    first = middle[:, :, None] - side // 2
    near = (steps >= first) & (steps < first + side)
    return near[0][:, :, None] & near[1][:, None, :]


def _draw_mixing(
    rng: np.random.Generator, steps: int, size: int, recipe: Mixing
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Draw `share` (T,) and `patch` (T, 3). A patch ends at the border of the image; `share` is the area beside it."""
    share, patch = np.ones(steps), np.zeros((steps, 3), np.int64)
    if not (recipe.mixup or recipe.cutmix):
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
