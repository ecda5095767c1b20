"""The images that a user names: image files as they are, and all image files below the folders."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from se_nas.data.folders.folder_walk import Leavings, images_below
from se_nas.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedImages:
    """The files to read, and a line for each kind of file in the folders that is left out, with its number."""

    files: tuple[str, ...]
    left_out: tuple[str, ...]


def named_images(paths: Sequence[Path]) -> NamedImages:
    """The images of these files and folders. InputError for a folder without images.

    Only files below folders are left out. A file that is named itself is read, whatever its suffix is.
    """
    files: list[str] = []
    left_out: list[str] = []
    for path in paths:
        if not path.is_dir():
            files.append(str(path))
            continue
        leavings = Leavings(path)
        images, others = images_below(path, leavings)
        if not images:
            raise InputError(f"{path}: a folder without images{_found_instead(others)}")
        files += images
        left_out += [f"{path}: {each}" for each in leavings.all()]
    return NamedImages(files=tuple(files), left_out=tuple(left_out))


def _found_instead(others: Sequence[str]) -> str:
    """Text that names the suffixes of the files in a folder without images."""
    suffixes = Counter(Path(other).suffix.lower() or "none" for other in others)
    return f"; its files have the suffixes {', '.join(sorted(suffixes))}" if suffixes else ""
