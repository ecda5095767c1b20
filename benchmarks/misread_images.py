"""Checks how image folders and arrays of many kinds are read: `uv run benchmarks/misread_images.py`.

Each case is a small data set of two classes whose images differ in the place of a bright square. A case is right
if its classes, the number of its images and the range of its pixels are correct, or if one line refuses an ambiguous
case. The exit code is 1 if any case is not right.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from se_nas.data.image_data import ImageData, ImageSet
from se_nas.data.sources import load_data
from se_nas.errors import InputError

SIZE = 40
COUNT = 30
Save = Callable[[NDArray[np.uint8], Path], object]


@dataclass(frozen=True)
class Case:
    """`expected` are the images in all parts together, or a word of the refusal; `least_range` is of their pixels."""

    name: str
    source: str
    expected: int | str
    classes: tuple[str, ...] = ("a", "b")
    least_range: int = 150


def drawing(label: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A bright square on a dark ground, on the left for class 0 and on the right for class 1."""
    pixels = rng.integers(0, 60, (SIZE, SIZE)).astype(np.uint8)
    top, left = rng.integers(4, SIZE - 16), rng.integers(2, 8) + (SIZE - 24) * label
    pixels[top : top + 12, left : left + 12] = rng.integers(180, 255)
    return pixels


def folder(
    where: Path, *, classes: tuple[str, ...] = ("a", "b"), suffix: str = ".png", seed: int = 0, save: Save | None = None
) -> None:
    """Write images of each class."""
    rng = np.random.default_rng(seed)
    for label, name in enumerate(classes):
        (where / name).mkdir(parents=True, exist_ok=True)
        for index in range(COUNT):
            pixels, path = drawing(label % 2, rng), where / name / f"{index:03d}{suffix}"
            if save:
                save(pixels, path)
            else:
                Image.fromarray(pixels).save(path)


def alpha_only(colour: int) -> Save:
    """Write shapes that only the alpha channel shows."""

    def save(pixels: NDArray[np.uint8], path: Path) -> None:
        image = np.full((*pixels.shape, 4), colour, np.uint8)
        image[..., 3] = np.where(pixels > 128, 255, 0)
        Image.fromarray(image).save(path)

    return save


def as_numbers(change: Callable[[NDArray[Any]], NDArray[Any]]) -> Save:
    """Write pixels of another type or range."""
    return lambda pixels, path: Image.fromarray(change(pixels.astype(np.float64))).save(path)


PIXELS: dict[str, tuple[str, Save, int | str, int]] = {
    "float from 0 to 1": (".tif", as_numbers(lambda p: (p / 255).astype(np.float32)), 60, 150),
    "float from 0 to 255": (".tif", as_numbers(lambda p: (p + 0.5).astype(np.float32)), 60, 150),
    "float from -1 to 1": (".tif", as_numbers(lambda p: (p / 127.5 - 1).astype(np.float32)), "negative", 150),
    "float from 0 to 2": (".tif", as_numbers(lambda p: (p / 127.5).astype(np.float32)), "ambiguous", 150),
    "float, not a number": (
        ".tif",
        as_numbers(lambda p: np.where(p > 99, np.nan, p).astype(np.float32)),
        "number",
        150,
    ),
    "int32 with 8 bits": (".tif", as_numbers(lambda p: p.astype(np.int32)), 60, 150),
    "int32 below 0": (".tif", as_numbers(lambda p: p.astype(np.int32) - 30), "negative", 150),
    "10 bits in 16": (".png", as_numbers(lambda p: p.astype(np.uint16) * 4), 60, 150),
    "12 bits in 16": (".png", as_numbers(lambda p: p.astype(np.uint16) * 16), 60, 150),
    "14 bits in 16": (".tif", as_numbers(lambda p: p.astype(np.uint16) * 64), 60, 150),
    "16 bits": (".png", as_numbers(lambda p: p.astype(np.uint16) * 257), 60, 150),
    "1 bit": (".png", as_numbers(lambda p: p > 128), 60, 255),
    "black shapes in alpha": (".png", alpha_only(0), 60, 120),
    "white shapes in alpha": (".png", alpha_only(255), 60, 120),
    "gif": (".gif", as_numbers(lambda p: p.astype(np.uint8)), 60, 150),
    "jfif": (".jfif", as_numbers(lambda p: p.astype(np.uint8)), 60, 150),
}

SPLITS = (
    ("train", "valid"),
    ("train", "validation"),
    ("Train", "Test"),
    ("Training", "Testing"),
    ("training_set", "test_set"),
    ("TRAIN", "VAL"),
)


def cases(root: Path) -> Iterator[Case]:
    """Write every data set below `root`."""
    for name, (suffix, save, expected, least_range) in PIXELS.items():
        folder(root / name, suffix=suffix, save=save)
        yield Case(name, f"imagefolder:{root / name}", expected, least_range=least_range)
    for train, held_out in SPLITS:
        path = root / f"{train} and {held_out}"
        folder(path / train)
        folder(path / held_out, seed=1)
        yield Case(path.name, f"imagefolder:{path}", 120)
    yield from layouts(root)
    yield from arrays(root)


def layouts(root: Path) -> Iterator[Case]:
    """Write folders that have more in them than classes of images."""

    def case(name: str, expected: int | str, *parts: str, **how: Any) -> Case:
        for seed, part in enumerate(parts):
            folder(root / name / part, seed=seed, **how)
        return Case(name, f"imagefolder:{root / name}", expected)

    yield case("train and Train", "both mean the train images", "train", "Train")
    yield case("test alone", "no training images", "test")
    yield case("splits inside classes", "train/CLASS", "cat", "dog", classes=("train", "test"))
    yield case("a wrapper", "did you mean", "data")
    yield case("a hidden folder inside a class", 60, ".", "a/.ipynb_checkpoints")
    yield case("system folders beside classes", 60, ".", "__MACOSX", "$RECYCLE.BIN", "@eaDir")
    yield case("an empty folder beside classes", 60, ".")
    (root / "an empty folder beside classes/empty").mkdir()
    yield case("a class of .heic", "none whose suffix", ".")
    (root / "a class of .heic/c").mkdir()
    (root / "a class of .heic/c/1.heic").touch()
    folder(root / "real")
    for name in ("a", "b"):
        (root / "links inside classes" / name).mkdir(parents=True)
        (root / "links inside classes" / name / "batch").symlink_to(root / "real" / name)
    yield Case("links inside classes", f"imagefolder:{root / 'links inside classes'}", 60)
    yield case("a link that leads back", 60, ".")
    (root / "a link that leads back/a/loop").symlink_to(root / "a link that leads back")
    yield case("a cut image", "cannot be read as an image", ".")
    cut = root / "a cut image/a/003.png"
    cut.write_bytes(cut.read_bytes()[:300])


def arrays(root: Path) -> Iterator[Case]:
    """Write the data sets in `.npz` files."""
    rng = np.random.default_rng(0)
    labels = np.arange(2 * COUNT) % 2
    images = np.stack([drawing(label, rng) for label in labels])

    def case(
        name: str, pixels: NDArray[Any], numbers: NDArray[Any], expected: int | str, names: tuple[str, ...]
    ) -> Case:
        np.savez(
            root / f"{name}.npz", train_images=pixels, train_labels=numbers, test_images=pixels, test_labels=numbers
        )
        return Case(name, f"npz:{root / name}.npz", expected, classes=names)

    yield case("npz of float from 0 to 1", images / 255, labels, 120, ("0", "1"))
    yield case("npz of 12 bits", images.astype(np.uint16) * 16, labels, 120, ("0", "1"))
    yield case("npz with channels first", images[:, None], labels, 120, ("0", "1"))
    yield case("npz with labels 1 to 2", images, labels + 1, 120, ("1", "2"))
    yield case("npz with labels 0 and 5", images, labels * 5, 120, ("0", "5"))
    yield case("npz below 0", images.astype(np.int16) - 30, labels, "negative", ())


def judged(case: Case) -> tuple[str, bool]:
    """The result of reading a case, and whether it is right."""
    try:
        data = load_data(case.source, image_size=32)
    except InputError as error:
        return f"refused: {error}", isinstance(case.expected, str) and case.expected in str(error)
    parts = [part for part in (data.train, data.validation, data.test) if isinstance(part, ImageSet)]
    pixels = np.concatenate([part.images for part in parts])
    counts = " + ".join(str(len(part)) for part in parts)
    said = f"{', '.join(data.class_names)}; {counts} images; {pixels.min()} to {pixels.max()}"
    right = (len(pixels), data.class_names) == (case.expected, case.classes)
    return said, right and _is_seen(data, case.least_range)


def _is_seen(data: ImageData, least_range: int) -> bool:
    """Whether each training image has about the range of pixels that was written."""
    assert isinstance(data.train, ImageSet)
    ranges = np.ptp(data.train.images.reshape(len(data.train), -1), axis=1)
    return bool((ranges >= 0.6 * least_range).all())


def main() -> None:
    """Print a row for each case."""
    table = Table("case", "understood as", "right", box=None, padding=(0, 2, 0, 0))
    wrong = 0
    with tempfile.TemporaryDirectory() as root:
        for case in list(cases(Path(root))):
            said, right = judged(case)
            wrong += not right
            table.add_row(case.name, said.replace(root, "..."), "yes" if right else "NO")
    Console().print(table)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
