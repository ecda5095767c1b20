"""The images that a user names: image files as they are, and all image files below the folders."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from se_nas.data.folders.folder_walk import Leavings, images_below
from se_nas.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedImages:
    """The files to read, and a line for each kind of file in the folders that is left out, with its number."""

    files: tuple[str, ...]
    left_out: tuple[str, ...]


def named_images(paths: Sequence[Path]) -> NamedImages:
    """The images of these files and folders, each file once. InputError for a folder without images.

    Only files below folders are left out. A file that is named itself is read, whatever its suffix is.
    """
    files: list[str] = []
    left_out: list[str] = []
    for path in paths:
        if not _is_folder(path):
            files.append(str(path))
            continue
        leavings = Leavings(path)
        images, others = images_below(path, leavings)
        if not images:
            raise InputError(f"{path}: a folder without images{_found_instead(others)}")
        files += images
        left_out += [f"{path}: {each}" for each in leavings.all()]
    once = _once(files)
    if len(once) < len(files):
        left_out.append(f"names of files that were named before: {len(files) - len(once):,}")
    return NamedImages(files=once, left_out=tuple(left_out))


def _once(files: Sequence[str]) -> tuple[str, ...]:
    """These files without other names of the same file, such as `a.png` and `./a.png`. Links are files of their own."""
    folder_of = cache(os.path.realpath)
    once: dict[tuple[str, str], str] = {}
    for file in files:
        folder, name = os.path.split(file)
        once.setdefault((folder_of(folder), name), file)
    return tuple(once.values())


def _is_folder(path: Path) -> bool:
    """Whether a path is a folder. A path that cannot be looked at counts as a file, which is then reported as bad."""
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that is too long or holds a null, a folder that may not be entered
        return False


def _found_instead(others: Sequence[str]) -> str:
    """Text that names the suffixes of the files in a folder without images."""
    suffixes = Counter(Path(other).suffix.lower() or "none" for other in others)
    return f"; its files have the suffixes {', '.join(sorted(suffixes))}" if suffixes else ""
