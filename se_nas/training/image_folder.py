"""What lies in a folder of images: its splits, its classes, their files, and what is left out and why.

Two layouts are read: `PATH/CLASS/*`, and `PATH/SPLIT/CLASS/*` with the names of splits that people use. Images may lie
at any depth below their class, also behind links. What could mean two things is refused.
"""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from se_nas.errors import InputError
from se_nas.training.image_file import image_suffixes
from se_nas.training.inventory import LeftOut
from se_nas.wording import counted

SPLITS = {
    "train": ("train", "training", "trn"),
    "validation": ("val", "valid", "validation", "validate", "dev", "eval", "evaluation"),
    "test": ("test", "testing", "tst"),
}
"""The names of each split, as `split_named` compares them: without case, without `set` and the like at the end."""
ENDINGS = ("set", "data", "images", "imgs", "split")
SYSTEM_NAMES = frozenset(
    {"__macosx", "__pycache__", "$recycle.bin", "#recycle", "#snapshot", "@eadir", "@recycle", "@tmp", "lost+found"}
    | {"system volume information", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "lost.dir", "found.000"}
)
"""Files and folders that operating systems and storage devices leave, in lower case."""
FOLDER_PER_CLASS = "expected a folder for each of two or more classes"


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """An image file and the number of its class."""

    path: str
    label: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderListing:
    """The files of each split (`train`, `validation`, `test`, as far as they are there), or of `whole`."""

    class_names: tuple[str, ...]
    parts: Mapping[str, Sequence[LabelledFile]]
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(slots=True)
class _Leavings:
    """Gathers what is left out, by reason."""

    root: Path
    files: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, reason: str, path: Path | str) -> None:
        self.files[reason].append(os.path.relpath(path, self.root))

    def add_hidden(self, entry: os.DirEntry[str]) -> None:
        """A hidden file, or each file in a hidden folder."""
        inside = [Path(where) / name for where, _, names in os.walk(entry.path) for name in names]
        for path in inside or [Path(entry.path)]:
            self.add("hidden or system files", path)

    def all(self) -> tuple[LeftOut, ...]:
        return tuple(LeftOut.of(reason, names) for reason, names in sorted(self.files.items()))


def list_folder(path: Path) -> FolderListing:
    """List the images below a folder; InputError says what is missing, or what would be right."""
    try:
        is_folder = path.is_dir()
    except OSError as error:
        raise InputError(f"--data imagefolder:{path}: cannot be read ({error.strerror})") from None
    if not is_folder:
        raise InputError(f"--data imagefolder:{path}: no such folder")
    leavings = _Leavings(path)
    children = _folders_in(path, leavings)
    splits = _splits_among(path, children)
    if not splits:
        _refuse_splits_inside(path, children)
        classes = _classes_in(path, children, leavings)
        names = _class_names(path, classes)
        whole = [LabelledFile(file, label) for label, name in enumerate(names) for file in classes[name]]
        layout = f"one folder for each class in {path.name or path}"
        return FolderListing(class_names=names, parts={"whole": whole}, notes=(layout,), left_out=leavings.all())
    _leave_others(path, children, splits, leavings)
    train = splits["train"]
    classes = _classes_in(train, _folders_in(train, leavings), leavings)
    names = _class_names(train, classes)
    parts = {"train": [LabelledFile(file, label) for label, name in enumerate(names) for file in classes[name]]}
    notes = [", ".join(f"{part} images from {folder.name}" for part, folder in splits.items())]
    for part, folder in splits.items():
        if part != "train":
            held = _classes_in(folder, _folders_in(folder, leavings), leavings)
            parts[part] = _with_labels(folder, held, train, names, notes)
    return FolderListing(class_names=names, parts=parts, notes=tuple(notes), left_out=leavings.all())


def _splits_among(path: Path, children: Sequence[Path]) -> dict[str, Path]:
    """The folders that are splits, in their usual order.

    InputError where two are the same split, where none is for training, or where they may as well be classes.
    """
    found: dict[str, Path] = {}
    for child in children:
        split = split_named(child.name)
        if split in found:
            raise InputError(
                f"--data imagefolder:{path}: {found[split].name!r} and {child.name!r} both mean the {split} images; "
                "keep one of them"
            )
        if split:
            found[split] = child
    others = [child for child in children if child not in found.values() and _has_images(child)]
    if found and "train" not in found and not others:
        raise InputError(
            f"--data imagefolder:{path}: {', '.join(repr(each.name) for each in found.values())} but no training "
            f"images; expected a folder 'train' beside {'it' if len(found) == 1 else 'them'}"
        )
    if others and found and ("train" not in found or len(found) == 1):
        names = ", ".join(repr(each.name) for each in found.values())
        raise InputError(
            f"--data imagefolder:{path}: {names} has the name of a split, but {others[0].name!r} beside it has not; "
            "expected either splits (train, val, test) or classes in one folder"
        )
    return {split: found[split] for split in SPLITS if split in found}


def split_named(name: str) -> str | None:
    """The split that a folder's name means.

    >>> split_named("Training Set"), split_named("valid"), split_named("test_images"), split_named("trainer")
    ('train', 'validation', 'test', None)
    """
    plain = "".join(letter for letter in name.casefold() if letter.isalnum())
    for ending in ENDINGS:
        plain = plain.removesuffix(ending)
    return next((split for split, names in SPLITS.items() if plain in names), None)


def _refuse_splits_inside(path: Path, children: Sequence[Path]) -> None:
    """InputError where the classes hold the splits, and not the splits the classes."""
    for child in children:
        inside = [each.name for each in _visible_folders(child) if split_named(each.name)]
        if "train" in map(split_named, inside) and len(inside) > 1:
            alone = len([each for each in children if _has_images(each)]) == 1
            right = f"did you mean imagefolder:{child}?" if alone else "expected PATH/train/CLASS and PATH/test/CLASS"
            raise InputError(
                f"--data imagefolder:{path}: {child.name!r} holds {inside[0]!r} and {inside[1]!r}, whose images would "
                f"be mixed; {right}"
            )


def _leave_others(path: Path, children: Sequence[Path], splits: Mapping[str, Path], leavings: _Leavings) -> None:
    for child in children:
        if child not in splits.values():
            leavings.add("folders beside the splits", child)
    for each in _entries(path):
        if not _is_folder(each) and not _is_hidden(each.name):
            leavings.add("files beside the splits", each.path)


def _classes_in(folder: Path, children: Sequence[Path], leavings: _Leavings) -> dict[str, list[str]]:
    """The image files of each class that has any, by its folder's name; what has none is left out.

    InputError where two names are one but for case or Unicode, or where a class has only files that cannot be read.
    """
    classes: dict[str, list[str]] = {}
    alike: dict[str, str] = {}
    for child in children:
        images, others = _images_below(child, leavings)
        if not images:
            if others:
                raise InputError(
                    f"--data imagefolder:{folder}: class {child.name!r} has {counted(len(others), 'file')}, but none "
                    f"whose suffix is that of an image (e.g. {Path(others[0]).name}); convert them to .png, or remove "
                    "the folder"
                )
            leavings.add("folders without images", child)
            continue
        other = alike.setdefault(_plain(child.name), child.name)
        if other != child.name:
            raise InputError(
                f"--data imagefolder:{folder}: {other!r} and {child.name!r} are one class name but for case or "
                "Unicode form; rename one of them"
            )
        classes[child.name] = images
    for each in _entries(folder):
        if not _is_folder(each) and not _is_hidden(each.name):
            leavings.add("files that lie beside the classes", each.path)
    return classes


def _class_names(folder: Path, classes: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    if len(classes) < 2:
        raise InputError(
            f"--data imagefolder:{folder}: {FOLDER_PER_CLASS}, found {len(classes)} with images{_hint(folder, classes)}"
        )
    return tuple(sorted(classes))


def _hint(folder: Path, classes: Mapping[str, Sequence[str]]) -> str:
    """What was probably meant by a folder without two classes."""
    inner = folder / next(iter(classes)) if classes else folder
    while len(inside := _visible_folders(inner)) == 1 and not split_named(inside[0].name):
        inner = inside[0]
    if classes and inside:
        names = ", ".join(repr(each.name) for each in inside[:3])
        return f" ({inner.name!r}, which holds {names}: did you mean imagefolder:{inner}?)"
    loose = [each.path for each in _entries(folder) if Path(each.name).suffix.lower() in image_suffixes()]
    if loose:
        return f"; {counted(len(loose), 'image')} beside them {'is' if len(loose) == 1 else 'are'} in no class folder"
    return ""


def _with_labels(
    folder: Path, held: Mapping[str, Sequence[str]], train: Path, names: Sequence[str], notes: list[str]
) -> list[LabelledFile]:
    """The files of a held-out split with the training classes' numbers; a name may differ in case or Unicode form."""
    of_plain = {_plain(name): label for label, name in enumerate(names)}
    files = []
    for name in sorted(held, key=lambda name: of_plain.get(_plain(name), -1)):
        label = of_plain.get(_plain(name))
        if label is None:
            raise InputError(f"--data imagefolder:{folder}: class {name!r} has no training images in {train}")
        if name != names[label]:
            notes.append(f"{folder.name}/{name} is the class {names[label]}")
        files += [LabelledFile(file, label) for file in held[name]]
    if not files:
        raise InputError(f"--data imagefolder:{folder}: no images in class folders found{_hint(folder, held)}")
    return files


def _images_below(folder: Path, leavings: _Leavings) -> tuple[list[str], list[str]]:
    """The images and the other files of a class, sorted. A folder that can be reached in two ways counts once."""
    images, others = [], []
    own = folder.resolve()
    seen: set[tuple[int, int]] = set()
    todo = [folder]
    while todo:
        here = todo.pop()
        status = here.stat()
        if (status.st_dev, status.st_ino) in seen or (here != folder and own.is_relative_to(here.resolve())):
            leavings.add("links to folders that are read already, or that hold the link", here)
            continue
        seen.add((status.st_dev, status.st_ino))
        for each in _entries(here):
            if _is_hidden(each.name):
                leavings.add_hidden(each)
            elif _is_folder(each):
                todo.append(Path(each.path))
            elif Path(each.name).suffix.lower() in image_suffixes():
                images.append(each.path)
            else:
                others.append(each.path)
    if images:
        for other in others:
            leavings.add(f"files whose suffix is not that of an image ({Path(other).suffix.lower() or 'none'})", other)
    return sorted(images, key=lambda path: path.split("/")), sorted(others)


def _folders_in(folder: Path, leavings: _Leavings) -> list[Path]:
    """The visible folders, sorted by name; hidden ones are left out."""
    for each in _entries(folder):
        if _is_hidden(each.name):
            leavings.add_hidden(each)
    return _visible_folders(folder)


def _visible_folders(folder: Path) -> list[Path]:
    return sorted(Path(each.path) for each in _entries(folder) if _is_folder(each) and not _is_hidden(each.name))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What lies in a folder; InputError where it cannot be read."""
    try:
        with os.scandir(folder) as found:
            yield from list(found)
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or leads to one; a link that leads to itself does not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _has_images(folder: Path) -> bool:
    return bool(_images_below(folder, _Leavings(folder))[0])


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.casefold() in SYSTEM_NAMES


def _plain(name: str) -> str:
    """A class name without what two spellings of it may differ in."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
