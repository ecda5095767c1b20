"""What chance decides in an epoch, drawn beforehand, and what it does to a batch of images.

Shift and mirror: He et al., arXiv 1512.03385, section 4.2, the shift growing with the image. An image is mirrored in
every second epoch, which half of them in the first being random (Jordan, arXiv 2404.00498, section 3.6). Cutout:
DeVries and Taylor, arXiv 1708.04552. Mix-up: Zhang et al., arXiv 1710.09412, equation 2, with the batch in reverse as
partners.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from se_nas.seeds import derive_seed
from se_nas.training.recipe import Recipe


class Draws(NamedTuple):
    """An epoch of T steps of B images each.

    `chosen` (T, B): the images. `shift` (T, 2, B): rows and columns, from 0 to twice the padding. `mirrored` (T, B).
    `hole` (T, 2, B): the middle of what is cut out. `share` (T,): of each image against its partner's.
    """

    chosen: Tensor
    shift: Tensor
    mirrored: Tensor
    hole: Tensor
    share: Tensor


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
    share = rng.beta(recipe.mixup, recipe.mixup, steps) if recipe.mixup else np.ones(steps)
    return Draws(
        chosen=torch.from_numpy(chosen),
        shift=torch.from_numpy(rng.integers(0, 2 * padding(image_size) + 1, pairs)),
        mirrored=torch.from_numpy((first_mirrored[chosen] ^ bool(epoch % 2)) & mirror),
        hole=torch.from_numpy(rng.integers(0, image_size, pairs)),
        share=torch.from_numpy(share.astype(np.float32)),
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
    pixels = F.pad(images, (0, 1, pad, pad, pad, pad)).view(torch.int32).view(count, side, side)
    steps = torch.arange(size, device=images.device)
    rows, columns = shift[0][:, None] + steps, shift[1][:, None] + steps
    columns = torch.where(mirrored[:, None], columns.flip(1), columns)
    first = torch.arange(count, device=images.device)[:, None] * side
    place = ((first + rows) * side)[:, :, None] + columns[:, None, :]
    return torch.take(pixels, place).view(torch.uint8).view(count, size, size, 4)[..., :3]


def cut_out(images: Tensor, middle: Tensor, share: float) -> Tensor:
    """`images` (B, 3, S, S) with a square of `share` of their side around `middle` (2, B) set to the mean, zero."""
    size = images.shape[2]
    steps = torch.arange(size, device=images.device)
    side = round(share * size)
    first = middle[:, :, None] - side // 2
    near = (steps >= first) & (steps < first + side)
    return images.masked_fill((near[0][:, :, None] & near[1][:, None, :])[:, None], 0.0)


def mix(images: Tensor, share: Tensor) -> Tensor:
    """`images` (B, ...), each with what `share`, a number, leaves over of the one as far from the batch's other end."""
    return share * images + (1 - share) * images.flip(0)
