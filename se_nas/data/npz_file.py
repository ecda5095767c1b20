"""Reads a data set from one `.npz` file with arrays of images and labels for each split.

The keys are those of MedMNIST, `train_images` and `train_labels`, or those of Keras, `x_train` and `y_train`. Other
names of the splits and other orders are understood too. Pixels of any type are read by the rule in `pixels.py`.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from se_nas.data.class_names import name_of_two
from se_nas.data.folders.split_names import split_named
from se_nas.data.image_data import ImageData, ImageSet
from se_nas.data.inventory import LeftOut
from se_nas.data.pixels import PixelKind, PixelScale, describe_scale, range_of, scale_of
from se_nas.data.splitting import split
from se_nas.errors import InputError
from se_nas.wording import printable

WORDS = {
    "images": ("images", "image", "imgs", "x", "data"),
    "labels": ("labels", "label", "y", "targets", "target"),
}
"""The words in a key that mean images, and those that mean labels."""
SHORT = {"train": "train", "validation": "val", "test": "test"}
"""MedMNIST's names of the splits."""

Arrays = Mapping[tuple[str, str], NDArray[Any]]
"""Arrays by split and content, `images` or `labels`."""


def load_npz(path: Path) -> ImageData:
    """Load {train,val,test}_{images,labels}. Without `val`, a part of `train` is held out. InputError for any fault.

    `class_names`, an array of texts, may name the classes. Without it, their names are their numbers.
    """
    content = _read(path)
    arrays, others = _understood(content, path)
    notes: list[str] = []
    images = {
        name: _channels_last(arrays[name, "images"], SHORT[name], path, notes)
        for name in SHORT
        if (name, "images") in arrays
    }
    labels = {name: _labels(arrays, name, len(images[name]), path) for name in images}
    scale = _scale(images, path)
    numbers, names = _classes(labels["train"], content.get("class_names"), path, notes)
    parts = {
        name: ImageSet(images=_as_pixels(images[name], scale), labels=_numbered(labels[name], numbers, name, path))
        for name in images
    }
    notes += describe_scale(scale).values()
    if "validation" not in parts:
        parts["train"], parts["validation"] = split(parts["train"], 0.1)
        notes.append("10 % of each training class are held out as validation images")
    return ImageData(
        name=printable(path.stem),
        class_names=names,
        train=parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        mirrored=True,
        scale=scale,
        notes=tuple(notes),
        left_out=(LeftOut.of("arrays of other names", others),) if others else (),
    )


def _read(path: Path) -> dict[str, NDArray[Any]]:
    try:
        if path.exists() and not path.is_file():
            raise ValueError("not a file")
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return {key: np.asarray(file[key]) for key in file.files}
    except FileNotFoundError:
        raise InputError(f"--data npz:{path}: no such file") from None
    except Exception as error:  # noqa: BLE001 - for a damaged archive, numpy, zipfile and zlib raise many kinds
        reason = " ".join(str(error).split())
        raise InputError(f"--data npz:{path}: not a readable .npz of plain arrays ({reason})") from None


def _understood(content: Mapping[str, NDArray[Any]], path: Path) -> tuple[Arrays, list[str]]:
    """The arrays by split and kind, and the keys of all other arrays. InputError if one is missing or duplicate."""
    keys: dict[tuple[str, str], str] = {}
    others = []
    for key in content:
        meaning = _meaning(key)
        if meaning is None:
            others += [key] if key != "class_names" else []
        elif meaning in keys:
            raise InputError(f"--data npz:{path}: {keys[meaning]} and {key} are both the {' '.join(meaning)}; keep one")
        else:
            keys[meaning] = key
    needed = [(part, what) for part in SHORT for what in WORDS if part != "validation" or (part, "images") in keys]
    if missing := sorted(f"{SHORT[part]}_{what}" for part, what in needed if (part, what) not in keys):
        found = f", found {', '.join(map(printable, others[:6]))} beside them" if others else ""
        raise InputError(
            f"--data npz:{path}: missing {', '.join(missing)}; expected the keys "
            f"{{train,val,test}}_{{images,labels}}{found}"
        )
    for (_, what), key in keys.items():
        if content[key].dtype.kind not in "biuf":
            expected = "numbers of classes, with their texts in class_names" if what == "labels" else "numbers"
            raise InputError(
                f"--data npz:{path}: not a readable .npz of plain arrays ({key} holds {content[key].dtype}; expected "
                f"{expected})"
            )
    return {meaning: content[key] for meaning, key in keys.items() if meaning[1] in WORDS}, others


def _meaning(key: str) -> tuple[str, str] | None:
    """The split and the kind of an array. The key may name them in either order.

    >>> _meaning("train_images"), _meaning("X_valid"), _meaning("y_test"), _meaning("ids")
    (('train', 'images'), ('validation', 'images'), ('test', 'labels'), None)
    """
    words = [word for word in re.split(r"[^a-z0-9]+", key.lower()) if word]
    for one, other in (words, words[::-1]) if len(words) == 2 else ():
        kind = next((kind for kind, names in WORDS.items() if other in names), None)
        part = split_named(one)
        if part and kind:
            return part, kind
    return None


def _channels_last(images: NDArray[Any], name: str, path: Path, notes: list[str]) -> NDArray[Any]:
    """The images as (N, H, W) or (N, H, W, channels). If the channels come first, they are moved to the end."""
    if images.ndim == 4 and images.shape[3] not in (1, 3) and images.shape[1] in (1, 3):
        notes.append(f"{name}_images: read as (N, channels, H, W)")
        images = np.moveaxis(images, 1, 3)
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3)):
        layers = {2, 4} & {images.shape[1], images.shape[-1]} if images.ndim == 4 else set()
        alpha = "; compose images with an alpha channel on a background first" if layers else ""
        raise InputError(
            f"--data npz:{path}: {name}_images must be (N, H, W[, 1 or 3]) or (N, 1 or 3, H, W), but are "
            f"{images.shape}{alpha}"
        )
    return images


def _labels(arrays: Arrays, part: str, images: int, path: Path) -> NDArray[np.int64]:
    name = SHORT[part]
    labels = arrays.get((part, "labels"), np.empty(0))
    if labels.dtype == np.bool_:
        labels = labels.astype(np.int64)
    if labels.dtype.kind == "f" and np.isfinite(labels).all() and (labels % 1 == 0).all():
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iu" or labels.ndim not in (1, 2) or labels.size != len(labels):
        one_hot = labels.ndim == 2 and labels.shape[1] > 1
        raise InputError(
            f"--data npz:{path}: {name}_labels must be whole numbers, (N,) or (N, 1), but are {labels.dtype} "
            f"{labels.shape}{'; for one-hot labels, expected labels.argmax(axis=1)' if one_hot else ''}"
        )
    if images != len(labels):
        raise InputError(f"--data npz:{path}: {name} has {images} images and {len(labels)} labels")
    return labels.reshape(-1).astype(np.int64)


def _scale(images: Mapping[str, NDArray[Any]], path: Path) -> PixelScale:
    """The scale of all pixels that do not have 8 bits. InputError if it is ambiguous."""
    ranges = []
    for part, array in images.items():
        name = f"{SHORT[part]}_images"
        try:
            ranges.append((name, range_of(array)))
        except ValueError as error:
            raise InputError(f"--data npz:{path}: {name} {error}") from None
    try:
        return scale_of((name, each) for name, each in ranges if each.kind is not PixelKind.EIGHT_BIT)
    except ValueError as error:
        raise InputError(f"--data npz:{path}: {error}") from None


def _as_pixels(images: NDArray[Any], scale: PixelScale) -> NDArray[np.uint8]:
    return as_rgb(images if images.dtype == np.uint8 else scale.eight_bit(images))


def _classes(
    labels: NDArray[np.int64], given: NDArray[Any] | None, path: Path, notes: list[str]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The sorted numbers that occur as training labels, and the names of their classes.

    A number that no training image has is not a class. The `given` names belong to the numbers 0 to K-1, or to the K
    numbers that occur.
    """
    numbers = np.unique(labels)
    if len(numbers) and numbers[0] < 0:
        raise InputError(
            f"--data npz:{path}: train labels must be 0 or more, but reach from {numbers[0]} to {numbers[-1]}"
        )
    if len(numbers) == 1:
        raise InputError(
            f"--data npz:{path}: at least two classes are needed in the training images, but all have the label "
            f"{numbers[0]}"
        )
    if len(numbers) > 2 and len(numbers) == len(labels):
        raise InputError(
            f"--data npz:{path}: train_labels must be classes, but no two of {len(labels)} images have the same label"
        )
    if len(numbers) and numbers[-1] >= len(numbers):
        notes.append(
            f"the labels are {len(numbers)} of the numbers {numbers[0]} to {numbers[-1]}: each number that occurs is a "
            "class"
        )
    if given is None:
        return numbers, tuple(map(str, numbers.tolist()))
    if given.dtype.kind != "U" or given.ndim != 1 or not (len(given) == len(numbers) or len(given) > numbers[-1]):
        raise InputError(
            f"--data npz:{path}: class_names must be {len(numbers)} texts, one for each class, but are {given.dtype} "
            f"{given.shape}"
        )
    names = tuple(map(str, given if len(given) == len(numbers) else given[numbers]))
    if (name := name_of_two(names)) is not None:
        raise InputError(f"--data npz:{path}: class_names has {printable(name)} for two classes; rename one of them")
    return numbers, names


def _numbered(labels: NDArray[np.int64], numbers: NDArray[np.int64], part: str, path: Path) -> NDArray[np.int64]:
    """Replace each label by its index in the classes' numbers. InputError for a label without training images."""
    if unknown := sorted(set(np.unique(labels).tolist()) - set(numbers.tolist())):
        raise InputError(
            f"--data npz:{path}: {part} images have the label {unknown[0]}, which no training image has; the training "
            f"labels are {', '.join(map(str, numbers[:10].tolist()))}{', ...' if len(numbers) > 10 else ''}"
        )
    return np.searchsorted(numbers, labels)


def as_rgb(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert (N, H, W) or (N, H, W, 1 or 3) to (N, H, W, 3). Grey becomes three equal channels."""
    if images.ndim == 3:
        images = images[..., None]
    return np.ascontiguousarray(np.broadcast_to(images, (*images.shape[:3], 3)))
