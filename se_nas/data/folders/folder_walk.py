"""Walks through a folder of images. Hidden files and system files do not count; links are followed."""

import os
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from se_nas.data.folders.image_file import image_suffixes
from se_nas.data.inventory import LeftOut
from se_nas.errors import InputError

SYSTEM_NAMES = frozenset(
    {"__macosx", "__pycache__", "$recycle.bin", "#recycle", "#snapshot", "@eadir", "@recycle", "@tmp", "lost+found"}
    | {"system volume information", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "lost.dir", "found.000"}
)
"""Files and folders that operating systems and storage devices leave, in lower case."""


@dataclass(slots=True)
class Leavings:
    """Collects the files and folders that are left out, by reason."""

    root: Path
    files: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, reason: str, path: Path | str) -> None:
        """Leave out a file or a folder."""
        self.files[reason].append(os.path.relpath(path, self.root))

    def add_hidden(self, entry: os.DirEntry[str]) -> None:
        """Leave out a hidden file, or each file in a hidden folder."""
        inside = [Path(where) / name for where, _, names in os.walk(entry.path) for name in names]
        for path in inside or [Path(entry.path)]:
            self.add("hidden or system files", path)

    def add_beside(self, folder: Path, what: str) -> None:
        """Leave out the files of `folder` that lie beside its folders. `what` says what these folders are."""
        for each in entries_of(folder):
            if not is_folder(each) and not is_hidden(each.name):
                leads_nowhere = each.is_symlink() and not Path(each.path).exists()
                self.add("links that lead nowhere" if leads_nowhere else f"files beside the {what}", each.path)

    def all(self) -> tuple[LeftOut, ...]:
        """Everything that is left out, sorted by reason."""
        return tuple(LeftOut.of(reason, names) for reason, names in sorted(self.files.items()))


def images_below(folder: Path, leavings: Leavings) -> tuple[list[str], list[str]]:
    """The images and the other files at any depth below a folder, sorted. A folder that can be reached by two paths is
    read once."""
    images: list[str] = []
    others: list[str] = []
    for path in _files_below(folder, leavings):
        (images if has_image_suffix(path) else others).append(path)
    if images:
        for other in others:
            leavings.add(f"files whose suffix is not that of an image ({Path(other).suffix.lower() or 'none'})", other)
    return sorted(images, key=lambda path: path.split("/")), sorted(others)


def has_images(folder: Path) -> bool:
    """Whether an image lies at any depth below a folder. The search stops at the first image."""
    return any(map(has_image_suffix, _files_below(folder, Leavings(folder))))


def has_image_suffix(path: str) -> bool:
    """Whether a file's name has the suffix of an image."""
    return Path(path).suffix.lower() in image_suffixes()


def folders_in(folder: Path, leavings: Leavings) -> list[Path]:
    """The visible folders, sorted by name. Hidden entries are added to `leavings`."""
    for each in entries_of(folder):
        if is_hidden(each.name):
            leavings.add_hidden(each)
    return visible_folders(folder)


def visible_folders(folder: Path) -> list[Path]:
    """The folders that are not hidden, sorted by name."""
    return sorted(Path(each.path) for each in entries_of(folder) if is_folder(each) and not is_hidden(each.name))


def entries_of(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder. InputError if it cannot be read."""
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from None


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or a link to a folder. A link that leads to itself is not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden or belongs to the system, by its name."""
    return name.startswith(".") or name.casefold() in SYSTEM_NAMES


def _files_below(folder: Path, leavings: Leavings) -> Iterator[str]:
    own = folder.resolve()
    seen: set[tuple[int, int]] = set()
    todo = [folder]
    while todo:
        here = todo.pop()
        try:
            status = here.stat()
        except OSError as error:
            raise InputError(f"{here}: cannot be read ({error.strerror})") from None
        if (status.st_dev, status.st_ino) in seen or (here != folder and own.is_relative_to(here.resolve())):
            leavings.add("links to folders that are read already, or that hold the link", here)
            continue
        seen.add((status.st_dev, status.st_ino))
        for each in entries_of(here):
            if is_hidden(each.name):
                leavings.add_hidden(each)
            elif is_folder(each):
                todo.append(Path(each.path))
            else:
                yield each.path
