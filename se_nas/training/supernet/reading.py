"""Reads the accuracy of placements from a trained supernet.

The norms of a supernet have seen many placements, so their running statistics fit none. They are computed anew for each
placement, from nothing, on training images without augmentation (Guo et al., "Single Path One-Shot", arXiv 1904.00420,
section 3.4). If they were only updated, one placement would leave traces in the next.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from se_nas.data.batches.device_data import place
from se_nas.data.image_data import ImageSet, Part
from se_nas.models.supernet import choose
from se_nas.seeds import derive_seed
from se_nas.space.switches import Placement, Switchboard
from se_nas.training.trainer import Trainer

IMAGES = 2_000
"""The number of training images from which the statistics are computed."""
BATCH = 256
"""The most images of one batch of these training images."""
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class Reading:
    """Reads placements, in any order and with the same results."""

    def __init__(self, trainer: Trainer, board: Switchboard, train: Part, *, seed: int) -> None:
        """Take a fixed sample of the images of `train`."""
        self._trainer, self._board = trainer, board
        images = _sample(train, seed)
        resident = place(images, trainer.device, image_size=trainer.image_size)
        whole = torch.cat([trainer.prepared(batch) for batch, _ in resident.batches()])
        self._batches = torch.tensor_split(whole, -(-len(whole) // BATCH))

    def accuracy(self, placement: Placement) -> float:
        """The validation accuracy of a placement, or the objective metric, with statistics of its own."""
        network = self._trainer.result
        choose(network, self._board.widths(placement))
        with self._trainer.precision.autocast(self._trainer.device):
            recompute_statistics(network, self._batches)
        return self._trainer.scores().score


@torch.no_grad()
def recompute_statistics(network: nn.Module, batches: Sequence[Tensor]) -> None:
    """Set the running statistics of all batch norms to their means over these batches (N, 3, H, W), of equal size.

    Dropout and the like are off, as in the evaluation. The mode and the momentum of each layer stay as they were.
    """
    modes = {module: module.training for module in network.modules()}
    norms = [each for each in network.modules() if isinstance(each, NORMS) and each.track_running_stats]
    momenta = [norm.momentum for norm in norms]
    network.eval()
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.train()
        for number, batch in enumerate(batches, start=1):
            for norm in norms:
                norm.momentum = 1 / number  # so the statistics are the mean of all batches so far
            network(batch)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        for module, training in modes.items():
            module.training = training


def _sample(part: Part, seed: int) -> ImageSet:
    """A random sample of the images, in memory."""
    rng = np.random.default_rng(derive_seed(seed, "statistics of norms"))
    chosen = np.sort(rng.permutation(len(part))[:IMAGES])
    if isinstance(part, ImageSet):
        return ImageSet(images=part.images[chosen], labels=part.labels[chosen])
    return part.loaded(chosen.tolist())
