"""How fast are images read from a large folder? The first pass and later epochs, beside torchvision and a DataLoader.

    uv run benchmarks/large_folder.py --pack cifar10_10k.npz --images 20000 --size 64

Writes a folder of JPEGs: images of the array file, enlarged to several sizes, and a few photographs of 4,000 px. Then
it measures, in turn: an epoch of torchvision's ImageFolder without random crops (resize, centre crop) in a DataLoader
with as many processes, our first pass into an empty cache (each file is opened, checked, decoded and stored), our start
with a filled cache, our later epochs, and Pillow's decoder alone in as many threads. Other programs disturb wall time
more than CPU time, so the table has both; the ratio is a median over the turns.
"""

import argparse
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from se_nas.data import sources
from se_nas.data.batches.streaming import stream
from se_nas.data.image_data import ImageData, ImageFiles
from se_nas.machine.limits import cpu_count

SIDES = ((240, 320), (375, 500), (500, 375), (480, 640))
"""Heights and widths in pixels; those of ImageNet are similar."""
PHOTOGRAPH = (3000, 4000)
BATCH = 64


def write_folder(pack: Path, folder: Path, images: int, photographs: int) -> None:
    """Write JPEGs of several sizes, a folder for each class, and `photographs` of 12 megapixels."""
    with np.load(pack) as arrays:
        pixels, labels = arrays["train_images"], arrays["train_labels"].reshape(-1)
    for number in range(images):
        place = number % len(pixels)
        again = number // len(pixels)  # an image that is written again gets another size
        side = PHOTOGRAPH if number < photographs else SIDES[(number + again) % len(SIDES)]
        target = folder / "all" / f"class{labels[place]}x" / f"{number:06d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        enlarged = Image.fromarray(pixels[place]).resize(side[::-1], Image.Resampling.BICUBIC)
        enlarged.save(target, quality=85)


def load(folder: Path, cache: Path, size: int) -> ImageData:
    """Load the folder as a search does whose memory cannot hold it."""
    return sources.load_data(f"imagefolder:{folder / 'all'}", image_size=size, cache=cache)


def epoch(part: ImageFiles, processes: int) -> int:
    """Read all images once in a random order. Returns their number."""
    order = torch.randperm(len(part)).tolist()
    batches = [order[start : start + BATCH] for start in range(0, len(part), BATCH)]
    return sum(len(labels) for _, labels in stream(part, batches, loaders=processes, device=torch.device("cpu")))


def torchvision_epoch(folder: Path, size: int, processes: int) -> int:
    """Read all images once with torchvision, as its examples do."""
    steps = transforms.Compose([transforms.Resize(size), transforms.CenterCrop(size), transforms.PILToTensor()])
    data = datasets.ImageFolder(folder / "all", steps)
    loader = DataLoader(data, BATCH, shuffle=True, num_workers=processes)
    return int(sum(len(labels) for _, labels in loader))


def decoded(file: Path) -> None:
    """Decode the whole file with Pillow."""
    with Image.open(file) as opened:
        opened.load()


def decoder_alone(folder: Path, processes: int) -> int:
    """Decode all files, and do nothing with them."""
    with ThreadPoolExecutor(processes) as pool:
        return len(list(pool.map(decoded, folder.rglob("*.jpg"))))


@dataclass(frozen=True, slots=True)
class Rate:
    """Images per second of wall time, and milliseconds of CPU time of an image in all processes."""

    per_second: float
    cpu_milliseconds: float


def timed(work: Callable[[], int]) -> Rate:
    """The rate of some work, which returns its number of images."""
    began, cpu = time.perf_counter(), sum(os.times()[:4])
    images = work()
    return Rate(images / (time.perf_counter() - began), (sum(os.times()[:4]) - cpu) / images * 1000)


def main() -> None:
    """Parse the flags, write the folder, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True, help="an .npz file with train_images and train_labels")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--photographs", type=int, default=20)
    parser.add_argument("--size", type=int, default=64, help="the image size of the space in pixels")
    parser.add_argument("--turns", type=int, default=3, help="the number of times that everything is measured")
    parser.add_argument(
        "--folder", type=Path, help="where the images are, or will be, kept; default: deleted at the end"
    )
    options = parser.parse_args()
    sources.MEMORY_SHARE = 0.0  # as on a machine whose memory cannot hold the images
    processes = cpu_count()
    with tempfile.TemporaryDirectory() as temporary:
        user, cache = Path(temporary) / "user", Path(temporary) / "cache"
        os.environ["XDG_CACHE_HOME"] = str(user)
        folder = options.folder or Path(temporary) / "images"
        if not folder.exists():
            write_folder(options.pack, folder, options.images, options.photographs)
        loaded: list[ImageData] = []
        peaks = [_peak()]

        def start() -> int:
            loaded[:] = [load(folder, cache, options.size)]
            peaks.append(_peak())
            return options.images

        def later_epoch() -> int:
            train = loaded[0].train
            assert isinstance(train, ImageFiles)
            return epoch(train, processes)

        peer = "an epoch of torchvision's ImageFolder in a DataLoader"
        works: dict[str, Callable[[], int]] = {
            peer: lambda: torchvision_epoch(folder, options.size, processes),
            "our first pass (open, check, decode, store)": start,
            "our start with a filled cache": start,
            "our later epochs": later_epoch,
            "Pillow's decoder alone": lambda: decoder_alone(folder, processes),
        }
        turns = []
        for _ in range(options.turns):
            for filled in (user, cache):
                shutil.rmtree(filled, ignore_errors=True)
            turns.append({name: timed(work) for name, work in works.items()})
        table = Table(box=None, title=f"{options.images:,} images, {options.size} px, {processes} processes")
        for column in ("", "images/s", "of torchvision's", "lowest to highest", "CPU ms an image", "of torchvision's"):
            table.add_column(column, justify="right" if column else "left")
        for name in works:
            rates = [turn[name] for turn in turns]
            ratios = [turn[name].per_second / turn[peer].per_second for turn in turns]
            cpu = [turn[name].cpu_milliseconds / turn[peer].cpu_milliseconds for turn in turns]
            table.add_row(
                name,
                f"{np.median([rate.per_second for rate in rates]):,.0f}",
                f"{np.median(ratios):.2f}",
                f"{min(ratios):.2f} to {max(ratios):.2f}",
                f"{np.median([rate.cpu_milliseconds for rate in rates]):.2f}",
                f"{np.median(cpu):.2f}",
            )
        console = Console(width=130)
        console.print(table)
        started = options.images / np.median([turn["our start with a filled cache"].per_second for turn in turns])
        console.print(f"a start with a filled cache: {started:.1f} s")
        console.print(f"peak memory: {peaks[0]:,.2f} GB before and {peaks[1]:,.2f} GB after the first pass")
        console.print(f"the cache has {_size(cache) / 1e6:,.0f} MB")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


if __name__ == "__main__":
    main()
