"""The sources of images by their command-line names: data sets with a name, folders, lists of files, and arrays.

If a data set has no validation part, a fixed part of its training images becomes the validation part. So every search
and every retraining see the same split.
"""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from se_nas.data.decoding import Decoding
from se_nas.data.folders.csv_list import list_csv
from se_nas.data.folders.image_folder import list_folder
from se_nas.data.folders.imagenet import list_imagenet
from se_nas.data.folders.listed_data import load_listed
from se_nas.data.folders.listing import Listing
from se_nas.data.folders.opened_files import OnOpened
from se_nas.data.folders.places365 import list_places365
from se_nas.data.image_data import ImageData, ImageSet
from se_nas.data.npz_file import as_rgb, load_npz
from se_nas.data.odd_images import with_warnings
from se_nas.data.portion import ALL, Portion, with_portion
from se_nas.data.splitting import split
from se_nas.errors import InputError
from se_nas.machine.limits import memory_bytes
from se_nas.wording import suggest

MEMORY_SHARE = 0.25
"""The fraction of this process's memory that a folder's decoded images may take. A larger folder stays on disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The settings for reading images.

    `image_size` is their side in pixels. `portion` is the part of the training and validation images that is used.
    `cache` is the folder that keeps decoded images, if the user named one. `decoding` is the way in which image files
    are decoded and named. `skip_bad` leaves out image files that cannot be read. `on_opened` is called while files are
    opened.
    """

    image_size: int
    portion: Portion
    cache: Path | None
    decoding: Decoding
    skip_bad: bool
    on_opened: OnOpened | None


def load_data(
    source: str,
    *,
    image_size: int,
    portion: Portion = ALL,
    cache: Path | None = None,
    decoding: Decoding = Decoding.SCALED,
    skip_bad: bool = False,
    on_opened: OnOpened | None = None,
) -> ImageData:
    """Load a data set by its command-line name. Image files are cropped and resized to `image_size`.

    `portion` takes a part of the training and validation images. The folder `cache` keeps decoded image files. Without
    it, they are kept in the user's cache folder if they do not fit in memory. `decoding` is the way in which image
    files are decoded; a resumed search gives its own. Files that cannot be read are refused, or left out with
    `skip_bad`. `on_opened` is called while files are opened. InputError says in one line what is wrong with the name,
    the files or the download.
    """
    kind, colon, path = source.partition(":")
    if kind in PATH_SOURCES and colon:
        if not path:
            raise InputError(f"--data {kind}: needs a path, e.g. {kind}:PATH")
        reading = Reading(
            image_size=image_size,
            portion=portion,
            cache=cache,
            decoding=decoding,
            skip_bad=skip_bad,
            on_opened=on_opened,
        )
        return PATH_SOURCES[kind](Path(path), reading)
    if source in NAMED_SOURCES:
        return _of_arrays(NAMED_SOURCES[source](), portion, cache)
    if kind == "coco":
        raise InputError(f"--data {source}: images with boxes train a detector; use `detect` on a retrained network")
    known = [*NAMED_SOURCES, *(f"{name}:PATH" for name in PATH_SOURCES)]
    raise InputError(f"--data {source}: no such data; {suggest(source, known)}")


def reads_files(source: str) -> bool:
    """Whether a data set consists of image files, which have no common size until one is chosen."""
    return source.partition(":")[0] in LISTED_SOURCES


def _npz(path: Path, reading: Reading) -> ImageData:
    """Load an NPZ file. Its arrays already have their size."""
    return _of_arrays(load_npz(path), reading.portion, reading.cache)


def _of_arrays(whole: ImageData, portion: Portion, cache: Path | None) -> ImageData:
    """The portion of images that are arrays, with a note if the user named a folder for decoded images."""
    data = with_warnings(with_portion(whole, portion))
    if cache is None:
        return data
    return replace(data, notes=(*data.notes, "--cache is not used: these images are arrays and need no decoding"))


def _listed(list_files: Callable[[Path], Listing]) -> Callable[[Path, Reading], ImageData]:
    """The function that opens the image files which `list_files` finds."""

    def load(path: Path, reading: Reading) -> ImageData:
        return load_listed(
            list_files(path),
            reading.image_size,
            portion=reading.portion,
            most_bytes=MEMORY_SHARE * memory_bytes(),
            cache=reading.cache,
            decoding=reading.decoding,
            skip_bad=reading.skip_bad,
            on_opened=reading.on_opened,
        )

    return load


def _digits() -> ImageData:
    """Load the 1,797 handwritten digits of 8×8 pixels in scikit-learn (UCI Optical Recognition of Digits).

    scikit-learn is only imported if its file lies elsewhere, because its import would delay the first trial.
    """
    file = Path(str(distribution("scikit-learn").locate_file("sklearn/datasets/data/digits.csv.gz")))
    if file.exists():
        table = np.loadtxt(file, delimiter=",")
        pixels, labels = table[:, :-1], table[:, -1]
    else:
        from sklearn.datasets import load_digits

        pixels, labels = load_digits(return_X_y=True)
    images = as_rgb(np.round(pixels.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8))
    whole = ImageSet(images=images, labels=labels.astype(np.int64))
    rest, test = split(whole, 0.2)
    train, validation = split(rest, 0.25)
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
        except Exception as error:  # noqa: BLE001 - faults of network, disk and archive raise many kinds
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"--data {name}: could not be downloaded ({reason[:120]}); put torchvision's files into {root}, "
                "or use npz:PATH, imagefolder:PATH or digits"
            ) from None
        sets = [
            ImageSet(images=as_rgb(np.asarray(part.data)), labels=np.asarray(part.targets, np.int64)) for part in parts
        ]
        train, validation = split(sets[0], 0.1)
        names = tuple(parts[0].classes)
        return ImageData(name=name, class_names=names, train=train, validation=validation, test=sets[1], mirrored=True)

    return load


NAMED_SOURCES: dict[str, Callable[[], ImageData]] = {
    "digits": _digits,
    "cifar10": _torchvision("cifar10"),
    "cifar100": _torchvision("cifar100"),
    "fashion_mnist": _torchvision("fashion_mnist"),
}
"""The functions that load a data set by its name."""

LISTED_SOURCES: dict[str, Callable[[Path], Listing]] = {
    "imagefolder": list_folder,
    "csv": list_csv,
    "imagenet": list_imagenet,
    "places365": list_places365,
}
"""The functions that list image files, by the kind in `KIND:PATH`."""

PATH_SOURCES: dict[str, Callable[[Path, Reading], ImageData]] = {
    "npz": _npz,
    **{kind: _listed(list_files) for kind, list_files in LISTED_SOURCES.items()},
}
"""The functions that load images from a path, by the kind in `KIND:PATH`."""
