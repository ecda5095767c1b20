"""Trains one detector, epoch by epoch, and finds the boxes of the validation images.

On a CPU, the same seed gives the same result. On a GPU it need not, because torchvision adds the gradients of pooled
regions in any order.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from se_nas.data.boxes.boxed_batches import (
    ReadImage,
    Reading,
    evaluation_batches,
    in_image_pixels,
    steps_per_epoch,
    training_batches,
)
from se_nas.data.boxes.boxed_images import BoxedData
from se_nas.seeds import derive_seed
from se_nas.training.detection.average_precision import AveragePrecision, FoundBoxes, TrueBoxes, average_precision
from se_nas.training.detection.detection_recipe import LARGEST_GRADIENT, DetectionRecipe
from se_nas.training.step.sgd import Sgd
from se_nas.training.trainer import TrainingDivergedError

OnStep = Callable[[str, int, int], None]
"""A function that is called with what is done (`training` or `evaluating`), the images done, and their total."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionEpoch:
    """The result of one epoch, counted from 1: the mean training loss, the AP on the validation images, and seconds."""

    epoch: int
    loss: float
    ap: float
    ap50: float
    seconds: float


class DetectorTrainer:
    """A training in progress: the detector, its momentum, and the number of finished epochs.

    Order, mirroring and drawn boxes of epoch e depend on (seed, e) alone. So a checkpoint needs only weights, momentum
    and epoch. `found` has the boxes of the last evaluation.
    """

    def __init__(
        self,
        detector: nn.Module,
        data: BoxedData,
        recipe: DetectionRecipe,
        reading: Reading,
        *,
        seed: int,
        device: torch.device,
    ) -> None:
        self.detector = detector.to(device)
        self.recipe = recipe
        self.epoch = 0
        self.found: list[FoundBoxes] = []
        self._data, self._reading, self._seed, self._device = data, reading, seed, device
        self._rate = torch.zeros((), device=device)
        self._optimizer = Sgd(
            [weight for weight in detector.parameters() if weight.requires_grad],
            rate=self._rate,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )

    def run_epoch(self, on_step: OnStep = lambda *_: None) -> tuple[DetectionEpoch, AveragePrecision]:
        """Train one more epoch and evaluate. TrainingDivergedError if the loss is not finite."""
        began = time.perf_counter()
        loss = self._train_epoch(on_step)
        self.epoch += 1
        precision = self.evaluate(on_step)
        seconds = time.perf_counter() - began
        epoch = DetectionEpoch(epoch=self.epoch, loss=loss, ap=precision.ap, ap50=precision.ap50, seconds=seconds)
        return epoch, precision

    def evaluate(self, on_step: OnStep = lambda *_: None) -> AveragePrecision:
        """Find the boxes of the validation images, keep them in `found`, and return their AP."""
        images = self._data.validation
        self.detector.eval()
        self.found = []
        with torch.inference_mode():
            for batch in evaluation_batches(images, self._reading, batch_size=self.recipe.batch_size):
                results = self.detector([each.pixels.to(self._device) for each in batch])
                self.found += [self._found(each, result) for each, result in zip(batch, results, strict=True)]
                on_step("evaluating", len(self.found), len(images))
        true = [TrueBoxes(boxes=each.boxes, labels=each.labels, areas=each.areas, crowd=each.crowd) for each in images]
        return average_precision(true, self.found, classes=len(self._data.class_names))

    def tensors(self) -> dict[str, Tensor]:
        """The weights, statistics and momentum by name, from which `restore` continues."""
        state = {f"model.{name}": value for name, value in self.detector.state_dict().items()}
        for name, parameter in self.detector.named_parameters():
            if parameter in self._optimizer.momenta:
                state[f"momentum.{name}"] = self._optimizer.momenta[parameter]
        return state

    def restore(self, tensors: dict[str, Tensor], *, epoch: int) -> None:
        """Continue from a checkpoint exactly where it was made."""
        weights = {name.removeprefix("model."): each for name, each in tensors.items() if name.startswith("model.")}
        self.detector.load_state_dict(weights)
        for name, parameter in self.detector.named_parameters():
            if f"momentum.{name}" in tensors:
                self._optimizer.momenta[parameter] = torch.empty_like(parameter).copy_(tensors[f"momentum.{name}"])
        self.epoch = epoch

    def _train_epoch(self, on_step: OnStep) -> float:
        images, size = self._data.train, self.recipe.batch_size
        self.detector.train()
        per_epoch = steps_per_epoch(len(images), size)
        total = min(len(images), per_epoch * size)  # a last batch of one image is left out
        losses, done = [], 0
        batches = training_batches(images, self._reading, batch_size=size, seed=self._seed, epoch=self.epoch)
        with torch.random.fork_rng(devices=[self._device] if self._device.type == "cuda" else []):
            torch.manual_seed(derive_seed(self._seed, "drawn boxes", self.epoch))
            for step, batch in enumerate(batches, start=self.epoch * per_epoch):
                self._rate.fill_(self.recipe.rate_at(step, steps=self.recipe.epochs * per_epoch))
                losses.append(self._step(batch))
                if not math.isfinite(losses[-1]):
                    raise TrainingDivergedError(
                        f"the training loss became {losses[-1]} in epoch {self.epoch + 1}; lower --learning-rate"
                    )
                done += len(batch)
                on_step("training", done, total)
        return sum(losses) / len(losses)

    def _step(self, batch: Sequence[ReadImage]) -> float:
        """Train on one batch; return its loss, for which the host waits."""
        targets = [{"boxes": each.boxes.to(self._device), "labels": each.labels.to(self._device)} for each in batch]
        losses: dict[str, Tensor] = self.detector([each.pixels.to(self._device) for each in batch], targets)
        loss = torch.stack(list(losses.values())).sum()
        self._optimizer.forget_gradients()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.detector.parameters(), LARGEST_GRADIENT)
        self._optimizer.step()
        return float(loss.detach())

    def _found(self, read: ReadImage, result: dict[str, Tensor]) -> FoundBoxes:
        """The boxes found in an image, in pixels of its file, with labels that count from 0."""
        boxes = in_image_pixels(result["boxes"].cpu(), read.image, self._reading)
        return FoundBoxes(
            boxes=boxes.numpy(), labels=result["labels"].cpu().numpy() - 1, scores=result["scores"].cpu().numpy()
        )


def build_initial(build: Callable[[], nn.Module], *, purpose: str, seed: int) -> nn.Module:
    """Call `build` with initial weights by `purpose` and `seed`. They are drawn on the CPU, and the random state of
    every device stays unchanged."""
    with torch.random.fork_rng(devices=()):
        torch.default_generator.manual_seed(derive_seed(seed, "initial weights", purpose))
        return build()
