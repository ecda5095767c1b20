"""How fast does one network train? se-nas beside timm, torchvision and Lightning, and se-nas without each of its parts.

    uv run --with-requirements benchmarks/peers.txt benchmarks/trial_speed.py
    uv run --with-requirements benchmarks/peers.txt benchmarks/trial_speed.py --device cuda --batch 1024 --images 51200

RegNetY-200MF (arXiv 2003.13678) with its stem at stride 1 for small images. All have the same parameters, made-up
images, random crop and mirroring, SGD with Nesterov's momentum, label smoothing and equal batches. Each computes in one
thread on a CPU; the peers' DataLoaders have `--loaders` processes beside it. Epochs are taken in turn, so that a
machine that slows down slows all. Ratios are taken turn by turn. Needs torch and torchvision; timm and Lightning are
left out if they are missing. Writes OUT.csv with a row for each epoch.
"""

import argparse
import csv
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import step_speed
import torch
from rich.console import Console
from rich.table import Table
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.models.regnet import BlockParams, RegNet

from se_nas.data.batches.augmentation import draw_epoch, shift_and_mirror
from se_nas.data.batches.device_data import DeviceData
from se_nas.data.image_data import ImageSet
from se_nas.models.attention.squeeze_excite import SqueezeExcite
from se_nas.space.architecture import Architecture
from se_nas.space.attention.tokens import parse_token
from se_nas.space.families.regnet import RegNetBlock
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from se_nas.training.devices.device import prepare, synchronise
from se_nas.training.recipe import Recipe
from se_nas.training.step.precision import Precision, usual_precision
from se_nas.training.trainer import Trainer, build_initial_model

DEPTHS, WIDTHS, GROUP_WIDTH, CLASSES, SIZE = (1, 1, 4, 7), (24, 56, 152, 368), 8, 10, 32
OURS = "ours"
PIPELINE_IMAGES = 12_800

SMOOTHED = partial(F.cross_entropy, label_smoothing=0.1)

Epoch = Callable[[], float]
"""Trains one epoch and returns its seconds."""


@dataclass(frozen=True)
class Settings:
    """The settings that all have in common."""

    images: int
    batch: int
    loaders: int
    device: torch.device

    @property
    def part(self) -> ImageSet:
        """Images of noise, the same each time."""
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 256, (self.images, SIZE, SIZE, 3), dtype=np.uint8)
        return ImageSet(images=pixels, labels=rng.integers(0, CLASSES, self.images))

    @property
    def steps(self) -> int:
        """The number of batches in an epoch."""
        return self.images // self.batch


def regnety_200mf() -> Architecture:
    """The published network with its stem at stride 1."""
    stages = tuple(
        Stage.of(
            RegNetBlock(group_width=GROUP_WIDTH, bottleneck=1),
            depth=depth,
            width=width,
            stride=2,
            se=(parse_token("inner/4"),) * depth,
        )
        for depth, width in zip(DEPTHS, WIDTHS, strict=True)
    )
    return Architecture(stem=Stem.plain(width=32, stride=1), stages=stages)


def ours(
    settings: Settings, *, precision: Precision | None = None, plain: bool = False, recorded: bool = True
) -> Epoch:
    """Our trainer; `plain` is torch's own optimizer loop."""
    part = settings.part
    data = DeviceData.of(part, part, mirrored=True, device=settings.device)
    recipe = Recipe(epochs=1000, batch_size=settings.batch)
    model = build_initial_model(regnety_200mf(), num_classes=CLASSES, seed=0)
    chosen = precision or usual_precision(settings.device)
    with (
        mock.patch("se_nas.training.trainer.choose_precision", return_value=chosen),
        mock.patch.object(Recipe, "batch_size_for", return_value=settings.batch),  # it is smaller for a small set
    ):
        trainer = Trainer(model, data, recipe, seed=0, device=settings.device)
    if plain:
        plain_sgd = torch.optim.SGD(
            [
                {"params": [each for each in model.parameters() if each.ndim > 1], "weight_decay": recipe.weight_decay},
                {"params": [each for each in model.parameters() if each.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=0.1,
            momentum=recipe.momentum,
            nesterov=True,
        )
        trainer._step.optimizer = mock.Mock(forget_gradients=plain_sgd.zero_grad, step=plain_sgd.step)
    if not recorded:
        trainer._do_step = trainer._step
    _check_size(trainer.model)

    def epoch() -> float:
        began = time.perf_counter()
        trainer._train_epoch()
        synchronise(settings.device)
        trainer.epoch += 1
        return time.perf_counter() - began

    return epoch


def ours_with_stock_se(settings: Settings) -> Epoch:
    """SE with stock operators."""
    inner = ours(settings)

    def epoch() -> float:
        with mock.patch.object(SqueezeExcite, "forward", SqueezeExcite.forward_in_stock_operators):
            return inner()

    return epoch


class Pictures(Dataset[tuple[Any, int]]):
    """Images as a DataLoader gets them, through torchvision's transforms."""

    def __init__(self, part: ImageSet, *, augmented: bool = True) -> None:
        self._part, size = part, part.image_size
        augmentation = [transforms.RandomCrop(size, padding=size // 8), transforms.RandomHorizontalFlip()]
        self._transform = transforms.Compose(
            [
                transforms.ToPILImage(),
                *(augmentation if augmented else []),
                transforms.ToTensor(),
                transforms.Normalize((0.5,) * 3, (0.29,) * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self._part)

    def __getitem__(self, place: int) -> tuple[Any, int]:
        return self._transform(self._part.images[place]), int(self._part.labels[place])


def loader(settings: Settings) -> DataLoader[Any]:
    """The loader as in torchvision's references."""
    return DataLoader(
        Pictures(settings.part),
        batch_size=settings.batch,
        shuffle=True,
        drop_last=True,
        num_workers=settings.loaders,
        persistent_workers=True,
        pin_memory=settings.device.type == "cuda",
    )


def torchvision_model() -> nn.Module:
    """The same network from torchvision's blocks."""
    params = BlockParams(list(DEPTHS), list(WIDTHS), [GROUP_WIDTH] * 4, [1.0] * 4, [2] * 4, se_ratio=0.25)
    model = RegNet(params, num_classes=CLASSES, stem_width=32)
    model.stem[0].stride = (1, 1)
    return model


def torchvision_loop(settings: Settings, *, channels_last: bool = False) -> Epoch:
    """torchvision's network and a plain loop over a DataLoader."""
    model = torchvision_model().to(settings.device)
    return plain_loop(settings, model, loader(settings), SMOOTHED, sgd(model), channels_last=channels_last)


class Resident:
    """Batches of images that lie on the device, augmented there."""

    def __init__(self, settings: Settings) -> None:
        self._settings, part = settings, settings.part
        self._data = DeviceData.of(part, part, mirrored=True, device=settings.device)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        settings = self._settings
        recipe = Recipe(epochs=1, batch_size=settings.batch)
        draws = draw_epoch(
            settings.images, settings.batch, image_size=SIZE, mirror=True, recipe=recipe, seed=0, epoch=0
        )
        drawn = (each.to(settings.device) for each in (draws.chosen, draws.shift, draws.mirrored))
        for chosen, shift, mirrored in zip(*drawn, strict=True):
            images, labels = self._data.train.take(chosen)
            yield self._data.normalised(shift_and_mirror(images, shift, mirrored)), labels


def resident_loop(settings: Settings) -> Epoch:
    """torchvision's network, eager, over images on the device."""
    model = torchvision_model().to(settings.device)
    return plain_loop(settings, model, Resident(settings), SMOOTHED, sgd(model), channels_last=True)


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    """A loop as usually written."""
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)


def plain_loop(
    settings: Settings,
    model: nn.Module,
    batches: Any,
    loss_of: Callable[..., Any],
    optimizer: torch.optim.Optimizer,
    *,
    channels_last: bool = False,
) -> Epoch:
    """The usual loop over batches."""
    _check_size(model)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    model = model.to(memory_format=layout)  # type: ignore[call-overload]

    def epoch() -> float:
        model.train()
        began = time.perf_counter()
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False):  # as timm's train.py
            for images, labels in batches:
                images = images.to(settings.device, non_blocking=True).to(memory_format=layout)
                labels = labels.to(settings.device, non_blocking=True)
                step_speed.usual_step(model, optimizer, images, labels, loss_of)
        synchronise(settings.device)
        return time.perf_counter() - began

    return epoch


def timm_loop(settings: Settings, *, channels_last: bool = False) -> Epoch:
    """timm's `regnety_002`, loader, loss and optimizer, in the loop of its train.py."""
    import timm
    from timm.data import create_loader
    from timm.loss import LabelSmoothingCrossEntropy
    from timm.optim import create_optimizer_v2

    model = timm.create_model("regnety_002", num_classes=CLASSES)
    model.stem.conv.stride = (1, 1)
    model = model.to(settings.device)
    pictures = Pictures(settings.part)
    batches = create_loader(
        pictures,
        input_size=(3, SIZE, SIZE),
        batch_size=settings.batch,
        is_training=True,
        no_aug=False,
        scale=(0.8, 1.0),
        hflip=0.5,
        color_jitter=None,
        interpolation="bilinear",
        num_workers=settings.loaders,
        persistent_workers=True,
        use_prefetcher=settings.device.type == "cuda",
        device=settings.device,
    )
    transform = pictures.transform  # type: ignore[attr-defined]
    pictures._transform = transforms.Compose([transforms.ToPILImage(), transform])
    optimizer = create_optimizer_v2(model, opt="sgd", lr=0.1, momentum=0.9, weight_decay=5e-4)
    return plain_loop(settings, model, batches, LabelSmoothingCrossEntropy(0.1), optimizer, channels_last=channels_last)


def lightning_loop(settings: Settings) -> Epoch:
    """torchvision's network under Lightning's Trainer; an epoch is timed by its own hooks."""
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = torchvision_model()
            self.seconds = 0.0

        def training_step(self, batch: Any, _: int) -> Any:
            images, labels = batch
            return F.cross_entropy(self.model(images), labels, label_smoothing=0.1)

        def configure_optimizers(self) -> Any:
            return sgd(self.model)

        def on_train_epoch_start(self) -> None:
            self.began = time.perf_counter()

        def on_train_epoch_end(self) -> None:
            self.seconds = time.perf_counter() - self.began

    module, batches = Module(), loader(settings)
    _check_size(module.model)

    def epoch() -> float:
        trainer = lightning.Trainer(
            max_epochs=1,
            accelerator="gpu" if settings.device.type == "cuda" else "cpu",
            precision="bf16-mixed" if settings.device.type == "cuda" else "32-true",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        # It would free the memory of cuBLAS that is part of our CUDA graphs
        with mock.patch.object(torch._C, "_cuda_clearCublasWorkspaces", create=True):
            trainer.fit(module, batches)
        return module.seconds

    return epoch


def contestants(device: torch.device) -> dict[str, Callable[[Settings], Epoch]]:
    """The contestants: ours first, then peers, then ours without each of its parts."""
    usual = usual_precision(device)
    off = {
        f"{OURS}, SE by stock operators": ours_with_stock_se,
        f"{OURS}, channels first": partial(ours, precision=Precision(channels_last=False, bf16=usual.bf16)),
        f"{OURS}, {'single precision' if usual.bf16 else 'bf16'}": partial(
            ours, precision=Precision(channels_last=usual.channels_last, bf16=not usual.bf16)
        ),
        f"{OURS}, optimizer not fused": partial(ours, plain=True, recorded=False),
    }
    if device.type == "cuda":
        off[f"{OURS}, step not recorded"] = partial(ours, recorded=False)
    return {
        OURS: ours,
        "timm": timm_loop,
        "timm, channels last": partial(timm_loop, channels_last=True),
        "torchvision": torchvision_loop,
        "torchvision, channels last": partial(torchvision_loop, channels_last=True),
        "torchvision, channels last, images on the device": resident_loop,
        "Lightning": lightning_loop,
        **off,
    }


def pipeline_rates(settings: Settings) -> tuple[float, float]:
    """Images per second of the data alone, ours and the DataLoader's: medians of three passes, in turn, over at least
    `PIPELINE_IMAGES`, because the start dominates in few batches."""
    settings = replace(settings, images=max(settings.images, PIPELINE_IMAGES))
    resident = Resident(settings)

    def our_pass() -> None:
        for _ in resident:
            pass
        synchronise(settings.device)

    batches = loader(settings)

    def their_pass() -> None:
        for pictures, _ in batches:
            pictures.to(settings.device)
        synchronise(settings.device)

    rates: tuple[list[float], list[float]] = [], []
    for turn in range(4):
        for run, found in zip((our_pass, their_pass), rates, strict=True):
            began = time.perf_counter()
            run()
            if turn:
                found.append(settings.steps * settings.batch / (time.perf_counter() - began))
    return statistics.median(rates[0]), statistics.median(rates[1])


def _check_size(model: nn.Module) -> None:
    count = sum(parameter.numel() for parameter in model.parameters())
    expected = sum(p.numel() for p in torchvision_model().parameters())
    assert count == expected, f"not the same network: {count:,} parameters against {expected:,}"


def main() -> None:
    """Parse the flags, measure in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--images", type=int, default=2560)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--loaders", type=int, default=os.cpu_count(), help="processes of a peer's DataLoader")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--only", nargs="+", help="these methods, beside ours")
    parser.add_argument("--network", help="a published name: compare the steps of this network (step_speed.py)")
    step_speed.add_flags(parser)
    parser.add_argument("--out", type=Path, default=Path("trial_speed.csv"))
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    if options.network:
        options.batch = None
        step_speed.compare([options.network], options)
        return
    device = torch.device(options.device)
    prepare(device)
    settings = Settings(images=options.images, batch=options.batch, loaders=options.loaders, device=device)
    console = Console(width=120)
    machine = torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or platform.machine()
    console.print(f"torch {torch.__version__}, {machine}, batch {options.batch}, {settings.steps} steps an epoch")
    epochs: dict[str, Epoch] = {}
    for name, build in contestants(device).items():
        if options.only and name != OURS and name not in options.only:
            continue
        try:
            epochs[name] = build(settings)
        except ImportError as error:
            console.print(f"left out: {name} ({error})")
    for epoch in epochs.values():
        epoch()
    seconds: dict[str, list[float]] = {name: [] for name in epochs}
    for _ in range(options.turns):
        for name, epoch in epochs.items():
            seconds[name].append(epoch())
    with options.out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["method", "turn", "seconds"])
        writer.writerows((name, turn, each) for name, taken in seconds.items() for turn, each in enumerate(taken))
    console.print(_table(seconds, settings))
    our_rate, their_rate = pipeline_rates(settings)
    console.print(
        f"data alone: ours {our_rate:,.0f} images/s, DataLoader with {settings.loaders} processes {their_rate:,.0f}, "
        f"{our_rate / their_rate:.1f} times"
    )


def _table(seconds: dict[str, list[float]], settings: Settings) -> Table:
    table = Table(title=f"medians of {len(seconds[OURS])} epochs, taken in turn", box=None)
    for column in ("", "seconds an epoch", "ms a step", "images/s", "of ours: median", "least", "most"):
        table.add_column(column, justify="left" if not column else "right")
    for name, taken in seconds.items():
        median = statistics.median(taken)
        ratios = [each / own for each, own in zip(taken, seconds[OURS], strict=True)]
        table.add_row(
            name,
            f"{median:.2f}",
            f"{1000 * median / settings.steps:.1f}",
            f"{settings.steps * settings.batch / median:,.0f}",
            f"{statistics.median(ratios):.2f}",
            f"{min(ratios):.2f}",
            f"{max(ratios):.2f}",
        )
    return table


if __name__ == "__main__":
    main()
