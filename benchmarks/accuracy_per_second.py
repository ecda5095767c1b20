"""How accurate is a network after a number of seconds of training? On CIFAR-10, beside airbench's published figures.

    uv run benchmarks/accuracy_per_second.py cifar10 --device cuda --network resnet10 --recipe recipes/fast.yaml
    uv run benchmarks/accuracy_per_second.py npz:cifar10.npz --epochs 2 --loop ours plain

`--loop plain` trains torchvision's network of the same layers, by the same recipe, in a loop as usually written: it
shows what the images allow. The test images are used once, at the end. Seconds are of training alone: images in place,
networks built, kernels warm; of our trainer, they contain the validation after each epoch. Published for an A100
(Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv 2404.00498, and its repository
KellerJordan/cifar10-airbench): 94 % in 2.59 s, counted in the same way. Re-compressed copies of CIFAR-10 are not
comparable with it.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from rich.console import Console
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.resnet import BasicBlock as TorchvisionBlock
from torchvision.models.resnet import ResNet
from trial_speed import regnety_200mf, torchvision_model

from se_nas.data.batches.augmentation import cut_out
from se_nas.data.batches.device_data import DeviceData, DeviceImages, place
from se_nas.data.sources import load_data
from se_nas.space.architecture import Architecture
from se_nas.space.families.basic import BasicBlock
from se_nas.space.parts.stage import Stage
from se_nas.space.parts.stem import Stem
from se_nas.training.devices.device import prepare, synchronise
from se_nas.training.learning_rate import learning_rate_at
from se_nas.training.recipe import Recipe
from se_nas.training.recipe_file import load_recipe
from se_nas.training.trainer import Trainer, build_initial_model, train

SIZE = 32
LARGEST_SHIFT = SIZE // 8

Training = Callable[[], Callable[[DeviceImages], float]]
"""Trains, and returns the function that measures the accuracy on other images."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """The settings that both loops have."""

    network: str
    data: DeviceData
    classes: int
    recipe: Recipe
    seed: int
    device: torch.device


def resnet(depth: int) -> Architecture:
    """A ResNet with `depth` basic blocks in each stage, and a stem for small images."""
    stages = tuple(
        Stage.of(BasicBlock(), depth=depth, width=width, stride=1 if width == 64 else 2, se=(None,) * depth)
        for width in (64, 128, 256, 512)
    )
    return Architecture(stem=Stem.plain(width=64, stride=1), stages=stages)


def torchvision_resnet(depth: int) -> nn.Module:
    """The same network by torchvision."""
    model = ResNet(TorchvisionBlock, [depth] * 4, num_classes=10, zero_init_residual=True)
    model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


NETWORKS: dict[str, tuple[Callable[[], Architecture], Callable[[], nn.Module]]] = {
    "regnety_200mf": (regnety_200mf, torchvision_model),
    "resnet10": (partial(resnet, 1), partial(torchvision_resnet, 1)),
    "resnet18": (partial(resnet, 2), partial(torchvision_resnet, 2)),
}


def ours(task: Task) -> Training:
    """Our trainer."""
    architecture = NETWORKS[task.network][0]()
    model = build_initial_model(architecture, num_classes=task.classes, seed=task.seed)
    trainer = Trainer(model, task.data, task.recipe, seed=task.seed, device=task.device)

    def training() -> Callable[[DeviceImages], float]:
        for _ in train(trainer):
            pass
        return trainer.evaluate

    return training


def plain(task: Task) -> Training:
    """torchvision's network and torch's SGD, in a loop over images on the device."""
    torch.manual_seed(task.seed)
    model = NETWORKS[task.network][1]().to(task.device, memory_format=torch.channels_last)
    recipe, images, device = task.recipe, len(task.data.train), task.device
    batch = recipe.batch_size_for(images)
    steps = images // batch
    decayed, kept = ([each for each in model.parameters() if (each.ndim > 1) is many] for many in (True, False))
    groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": kept, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=recipe.momentum, nesterov=True)
    autocast = partial(torch.autocast, device.type, torch.bfloat16, enabled=device.type == "cuda")

    def training() -> Callable[[DeviceImages], float]:
        model.train()
        for step in range(recipe.epochs * steps):
            if step % steps == 0:
                order = torch.randperm(images, device=device)
            chosen = order[step % steps * batch :][:batch]
            pixels, labels = task.data.train.take(chosen)
            augmented = shifted_and_mirrored(task.data.normalised(pixels))
            if recipe.cutout:
                augmented = cut_out(augmented, torch.randint(0, SIZE, (2, batch), device=device), recipe.cutout)
            rate = learning_rate_at(recipe, step, steps=recipe.epochs * steps, steps_per_epoch=steps, batch_size=batch)
            for group in optimizer.param_groups:
                group["lr"] = rate
            with autocast():
                loss = F.cross_entropy(model(augmented), labels, label_smoothing=recipe.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return accuracy

    @torch.inference_mode()
    def accuracy(part: DeviceImages) -> float:
        model.eval()
        with autocast():
            right = [(model(task.data.normalised(some)).argmax(1) == labels).sum() for some, labels in part.batches()]
        return int(sum(right)) / len(part)

    return training


def shifted_and_mirrored(images: Tensor) -> Tensor:
    """Each image is shifted by up to `LARGEST_SHIFT` pixels, with zeros at the border, and mirrored or not."""
    count, _, side, _ = images.shape
    place_in_row = torch.arange(side, device=images.device)
    top, left = torch.randint(0, 2 * LARGEST_SHIFT + 1, (2, count, 1), device=images.device)
    mirrored = torch.rand(count, 1, device=images.device) < 0.5
    rows, columns = top + place_in_row, left + torch.where(mirrored, place_in_row.flip(0), place_in_row)
    padded = F.pad(images, (LARGEST_SHIFT,) * 4).permute(0, 2, 3, 1)
    number = torch.arange(count, device=images.device)
    return padded[number[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


LOOPS: dict[str, Callable[[Task], Training]] = {"ours": ours, "plain": plain}


def main() -> None:
    """Train once for each loop and number of epochs, and print the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="images, as for launch/search.py")
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--network", choices=NETWORKS, default="regnety_200mf")
    parser.add_argument("--loop", nargs="+", choices=LOOPS, default=["ours"])
    parser.add_argument("--recipe", type=Path, help="a file of recipes/; default: the recipe of a search")
    parser.add_argument("--epochs", type=int, nargs="+", default=[10, 20])
    parser.add_argument("--batch", type=int, help="default: the recipe's, else 512")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    device = options.device
    prepare(device)
    recipe = Recipe(epochs=1, batch_size=512)
    if options.recipe is not None:
        recipe = load_recipe(options.recipe, epochs=1, usual_epochs=1)
    if options.batch is not None:
        recipe = replace(recipe, batch_size=options.batch)
    if "plain" in options.loop and (recipe.mixes or recipe.rand_augment_operations or recipe.ema_decay):
        parser.error("--loop plain: it has no mixing, RandAugment or average of the weights, but the recipe has")
    data = load_data(options.data, image_size=SIZE)
    images = DeviceData.of(data.train, data.validation, mirrored=data.mirrored, device=device, loaders=1)
    tests = place(data.test, device, loaders=1)
    console = Console(width=120, highlight=False, soft_wrap=True)
    console.print(f"{options.network} on {len(data.train):,} images, batches of {recipe.batch_size}, {recipe.changes}")
    for name in options.loop:
        for epochs in [1, *options.epochs]:  # the first training warms up
            task = Task(
                network=options.network,
                data=images,
                classes=data.classes,
                recipe=replace(recipe, epochs=epochs),
                seed=options.seed,
                device=device,
            )
            training = LOOPS[name](task)
            synchronise(device)
            began = time.perf_counter()
            evaluate = training()
            synchronise(device)
            seconds = time.perf_counter() - began
            console.print(
                f"{name:5}  {epochs:3} epochs  {seconds:7.2f} s  {evaluate(tests):7.2%} of the test images right"
            )


if __name__ == "__main__":
    main()
