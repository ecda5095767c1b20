"""Where images come from: `digits`, torchvision's sets, `imagefolder:PATH`, `npz:PATH`.

Sets without a validation part give a share of their training part to it, always the same images, so that every
search and every retraining see the same split.
"""

import contextlib
import io
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

from se_nas.errors import InputError
from se_nas.limits import memory_bytes
from se_nas.training.data import ImageData, ImageFiles, ImageSet
from se_nas.training.image_file import read_image
from se_nas.wording import printable, suggest

P = TypeVar("P", ImageSet, ImageFiles)

SPLIT_SEED = 0
MEMORY_SHARE = 0.25
"""The part of this process's memory that a folder's decoded images may take; larger ones are read while training."""
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})


def load_data(source: str, *, image_size: int) -> ImageData:
    """Load a data set by its command-line name; images of a folder are cut to `image_size`.

    InputError says in one line what is wrong with the name, the files or the download.
    """
    kind, colon, path = source.partition(":")
    if kind in PATH_SOURCES and colon:
        if not path:
            raise InputError(f"--data {kind}: needs a path, e.g. {kind}:PATH")
        return PATH_SOURCES[kind](Path(path), image_size)
    if source in NAMED_SOURCES:
        return NAMED_SOURCES[source]()
    known = [*NAMED_SOURCES, *(f"{name}:PATH" for name in PATH_SOURCES)]
    raise InputError(f"--data {source}: no such data; {suggest(source, known)}")


def _digits() -> ImageData:
    """1,797 handwritten digits of 8×8 pixels that scikit-learn ships (UCI Optical Recognition of Digits).

    Read without importing scikit-learn, for which a search would wait before its first trial.
    """
    file = distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")
    table = np.loadtxt(str(file), delimiter=",")
    images = _rgb(np.round(table[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8))
    whole = ImageSet(images=images, labels=table[:, -1].astype(np.int64))
    rest, test = _split(whole, 0.2)
    train, validation = _split(rest, 0.25)
    names = tuple(map(str, range(10)))
    return ImageData(name="digits", class_names=names, train=train, validation=validation, test=test, mirrored=False)


def _torchvision(name: str) -> Callable[[], ImageData]:
    def load() -> ImageData:
        from torchvision import datasets

        kind = {
            "cifar10": datasets.CIFAR10,
            "cifar100": datasets.CIFAR100,
            "fashion_mnist": datasets.FashionMNIST,
        }[name]
        root = user_cache_path("se-nas") / "datasets"
        try:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                parts = [kind(root, train=train, download=True) for train in (True, False)]
        except Exception as error:  # noqa: BLE001 - network, disk or half-unpacked files: all end here
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"--data {name}: could not be downloaded ({reason[:120]}); put torchvision's files into {root}, "
                "or use npz:PATH, imagefolder:PATH or digits"
            ) from None
        sets = [
            ImageSet(images=_rgb(np.asarray(part.data)), labels=np.asarray(part.targets, np.int64)) for part in parts
        ]
        train, validation = _split(sets[0], 0.1)
        names = tuple(parts[0].classes)
        return ImageData(name=name, class_names=names, train=train, validation=validation, test=sets[1], mirrored=True)

    return load


def _npz(path: Path, _image_size: int) -> ImageData:
    """MedMNIST's layout: {train,val,test}_{images,labels}; without `val`, part of `train` is held out.

    `class_names`, an array of texts, may name the classes; else they are their numbers.
    """
    try:
        if path.exists() and not path.is_file():
            raise ValueError("not a file")
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {key: np.asarray(file[key]) for key in file.files}
    except FileNotFoundError:
        raise InputError(f"--data npz:{path}: no such file") from None
    except Exception as error:  # noqa: BLE001 - a damaged archive fails in numpy, zipfile or zlib in many ways
        reason = " ".join(str(error).split())
        raise InputError(f"--data npz:{path}: not a readable .npz of plain arrays ({reason})") from None
    if any(array.dtype.kind not in "biuf" for key, array in arrays.items() if key != "class_names"):
        raise InputError(f"--data npz:{path}: not a readable .npz of plain arrays (a member holds no numbers)")
    needed = {f"{part}_{what}" for part in ("train", "test") for what in ("images", "labels")}
    if missing := needed - arrays.keys():
        raise InputError(
            f"--data npz:{path}: missing {', '.join(sorted(missing))}; expected the keys "
            "{train,val,test}_{images,labels}"
        )
    parts = {name: _npz_part(arrays, name, path) for name in ("train", "val", "test") if f"{name}_images" in arrays}
    classes = 1 + int(parts["train"].labels.max()) if len(parts["train"]) else 0
    if classes > len(parts["train"]):
        raise InputError(
            f"--data npz:{path}: train_labels must be 0..K-1 for K classes, but reach {classes - 1} "
            f"in {len(parts['train'])} images"
        )
    if "val" not in parts:
        parts["train"], parts["val"] = _split(parts["train"], 0.1)
    return ImageData(
        name=printable(path.stem),
        class_names=_npz_names(arrays, classes, path),
        train=parts["train"],
        validation=parts["val"],
        test=parts["test"],
        mirrored=True,
    )


def _npz_names(arrays: dict[str, NDArray[Any]], classes: int, path: Path) -> tuple[str, ...]:
    if "class_names" not in arrays:
        return tuple(map(str, range(classes)))
    names = arrays["class_names"]
    if names.dtype.kind != "U" or names.shape != (classes,):
        raise InputError(
            f"--data npz:{path}: class_names must be {classes} texts, one a class, but are {names.dtype} {names.shape}"
        )
    return tuple(map(str, names))


def _npz_part(arrays: dict[str, NDArray[Any]], name: str, path: Path) -> ImageSet:
    images, labels = arrays[f"{name}_images"], arrays.get(f"{name}_labels", np.empty(0))
    if images.dtype != np.uint8:
        raise InputError(f"--data npz:{path}: {name}_images must be uint8, but are {images.dtype}")
    if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] not in (1, 3)):
        raise InputError(f"--data npz:{path}: {name}_images must be (N, H, W[, 1 or 3]), but are {images.shape}")
    if labels.dtype.kind not in "iu" or labels.ndim not in (1, 2) or labels.size != len(labels):
        raise InputError(
            f"--data npz:{path}: {name}_labels must be whole numbers, (N,) or (N, 1), "
            f"but are {labels.dtype} {labels.shape}"
        )
    if len(images) != len(labels):
        raise InputError(f"--data npz:{path}: {name} has {len(images)} images and {len(labels)} labels")
    return ImageSet(images=_rgb(images), labels=labels.reshape(-1).astype(np.int64))


def _imagefolder(path: Path, image_size: int) -> ImageData:
    """PATH/CLASS/*.jpg, or PATH/train/CLASS and optionally PATH/val/CLASS, PATH/test/CLASS."""
    try:
        is_folder = path.is_dir()
    except OSError as error:
        raise InputError(f"--data imagefolder:{path}: cannot be read ({error.strerror})") from None
    if not is_folder:
        raise InputError(f"--data imagefolder:{path}: no such folder")
    if not (path / "train").is_dir():
        names = _class_names(path)
        rest, test = _split(_list_folder(path, names, image_size), 0.15)
        train, validation = _split(rest, 0.15)
    else:
        names = _class_names(path / "train")
        train = _list_folder(path / "train", names, image_size)
        parts_there = [path / part for part in ("val", "test") if (path / part).is_dir()]
        for part in parts_there:
            if unknown := sorted(set(_class_folders(part)) - set(names)):
                raise InputError(
                    f"--data imagefolder:{part}: class {unknown[0]!r} has no training images in {path / 'train'}"
                )
        held = [_list_folder(part, names, image_size) for part in parts_there]
        if len(held) == 2:
            validation, test = held
        else:  # the one held-out part there is tests; validation comes out of the training images
            train, validation = _split(train, 0.1)
            train, test = (train, held[0]) if held else _split(train, 0.1)
    parts = (train, validation, test)
    fits = sum(map(len, parts)) * 3 * image_size**2 <= MEMORY_SHARE * memory_bytes()
    placed = [part.loaded(range(len(part))) if fits else part for part in parts]
    return ImageData(
        name=printable(path.resolve().name),
        class_names=tuple(names),
        train=placed[0],
        validation=placed[1],
        test=placed[2],
        mirrored=True,
    )


def _class_names(path: Path) -> list[str]:
    names = _class_folders(path)
    if len(names) < 2:
        raise InputError(
            f"--data imagefolder:{path}: expected a folder for each of two or more classes, found {len(names)}"
        )
    return names


def _class_folders(path: Path) -> list[str]:
    return sorted(child.name for child in path.iterdir() if child.is_dir() and not child.name.startswith("."))


def _list_folder(path: Path, names: list[str], image_size: int) -> ImageFiles:
    files, labels = [], []
    for label, name in enumerate(names):
        for file in sorted((path / name).glob("**/*")):
            if file.suffix.lower() in IMAGE_SUFFIXES and not file.name.startswith("."):
                if not file.is_file():  # a pipe would be waited for, a dangling link be found only later
                    raise InputError(f"{file}: cannot be read as an image (not a file)")
                files.append(str(file))
                labels.append(label)
    if not files:
        raise InputError(f"--data imagefolder:{path}: no images ({', '.join(sorted(IMAGE_SUFFIXES))}) found")
    return ImageFiles(files=tuple(files), labels=np.array(labels, np.int64), image_size=image_size, read=read_image)


def _rgb(images: NDArray[Any]) -> NDArray[np.uint8]:
    """(N, H, W) or (N, H, W, 1 or 3) to (N, H, W, 3); grey becomes three equal channels."""
    if images.ndim == 3:
        images = images[..., None]
    return np.ascontiguousarray(np.broadcast_to(images, (*images.shape[:3], 3)))


def _split(whole: P, share: float) -> tuple[P, P]:
    """(rest, share of each class), drawn by a fixed seed."""
    rng = np.random.default_rng(SPLIT_SEED)
    held = np.zeros(len(whole), bool)
    for label in np.unique(whole.labels):
        members = rng.permutation(np.flatnonzero(whole.labels == label))
        held[members[: round(share * len(members))]] = True
    return whole.subset(~held), whole.subset(held)


NAMED_SOURCES: dict[str, Callable[[], ImageData]] = {
    "digits": _digits,
    "cifar10": _torchvision("cifar10"),
    "cifar100": _torchvision("cifar100"),
    "fashion_mnist": _torchvision("fashion_mnist"),
}
PATH_SOURCES: dict[str, Callable[[Path, int], ImageData]] = {"npz": _npz, "imagefolder": _imagefolder}
