"""How fast are images read from a large folder? The first pass and later epochs, beside torchvision and a DataLoader.

    uv run benchmarks/large_folder.py --pack cifar10_10k.npz --images 4000 --size 64

Writes a folder of JPEGs: images of the array file, enlarged to several sizes, and a few photographs of 4,000 px. Then
it measures, in turn: our first pass (each file is opened, checked, decoded and stored), an epoch of torchvision's
ImageFolder with `RandomResizedCrop`-free transforms (resize, centre crop) in a DataLoader with as many processes, our
later epochs, and our start with a filled cache. Each figure is in images per second.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
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
        side = PHOTOGRAPH if number < photographs else SIDES[number % len(SIDES)]
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


def timed(work: Callable[[], int]) -> float:
    """Images per second."""
    began = time.perf_counter()
    images = work()
    return images / (time.perf_counter() - began)


def main() -> None:
    """Parse the flags, write the folder, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pack", type=Path, required=True, help="an .npz file with train_images and train_labels")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--photographs", type=int, default=20)
    parser.add_argument("--size", type=int, default=64, help="the image size of the space in pixels")
    parser.add_argument("--turns", type=int, default=3, help="later epochs")
    options = parser.parse_args()
    sources.MEMORY_SHARE = 0.0  # as on a machine whose memory cannot hold the images
    processes = cpu_count()
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["XDG_CACHE_HOME"] = f"{temporary}/user"
        folder, cache = Path(temporary) / "images", Path(temporary) / "cache"
        write_folder(options.pack, folder, options.images, options.photographs)
        loaded: list[ImageData] = []

        def first_pass() -> int:
            loaded.append(load(folder, cache, options.size))
            return options.images

        rates = {"our first pass (open, check, decode, store)": [timed(first_pass)]}
        peer = rates.setdefault("an epoch of torchvision's ImageFolder in a DataLoader", [])
        again = rates.setdefault("our start with a filled cache", [])
        later = rates.setdefault("our later epochs", [])
        train = loaded[0].train
        assert isinstance(train, ImageFiles)
        for _ in range(options.turns):
            peer.append(timed(lambda: torchvision_epoch(folder, options.size, processes)))
            again.append(timed(first_pass))
            later.append(timed(lambda: epoch(train, processes)))
        table = Table(box=None, title=f"{options.images:,} images, {options.size} px, {processes} processes")
        for column in ("", "images/s, median", "of torchvision's"):
            table.add_column(column, justify="right" if column else "left")
        for name, values in rates.items():
            table.add_row(name, f"{np.median(values):,.0f}", f"{np.median(values) / np.median(peer):.2f}")
        console = Console(width=100)
        console.print(table)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        console.print(f"peak memory of this process: {peak:,.2f} GB; the cache has {_size(cache) / 1e6:,.0f} MB")


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


if __name__ == "__main__":
    main()
