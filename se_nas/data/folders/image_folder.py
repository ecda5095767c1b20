"""The content of a folder of images: its splits, its classes, their files, and what is left out and why.

Two layouts are read: `PATH/CLASS/*`, and `PATH/SPLIT/CLASS/*` with the names of splits that people use. Images may lie
at any depth below their class, also behind links. Ambiguous folders are refused.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from se_nas.data.folders.folder_walk import (
    Leavings,
    entries_of,
    folders_in,
    has_image_suffix,
    has_images,
    images_below,
    visible_folders,
)
from se_nas.data.folders.listing import LabelledFile, Listing, require_folder
from se_nas.data.folders.split_names import PARTS, PARTS_OR_CLASSES, SPLITS, numbered_part, split_in, split_named
from se_nas.errors import InputError
from se_nas.wording import counted

FOLDER_PER_CLASS = "expected a folder for each of two or more classes"


def list_folder(path: Path) -> Listing:
    """List the images below a folder. The InputError says what is missing, or what is expected."""
    require_folder(path, f"imagefolder:{path}")
    leavings = Leavings(path)
    children = folders_in(path, leavings)
    splits = _splits_among(path, children)
    if not splits:
        _refuse_splits_inside(path, children)
        classes = _classes_in(path, children, leavings)
        names = _class_names(path, classes)
        whole = [LabelledFile(file, label) for label, name in enumerate(names) for file in classes[name]]
        layout = f"one folder for each class in {path.name or path}"
        return Listing(
            source=f"imagefolder:{path}",
            root=path,
            class_names=names,
            parts={"whole": whole},
            notes=(layout,),
            left_out=leavings.all(),
        )
    _leave_others(path, children, splits, leavings)
    train = splits["train"]
    classes = _classes_in(train, folders_in(train, leavings), leavings)
    names = _class_names(train, classes)
    parts = {"train": [LabelledFile(file, label) for label, name in enumerate(names) for file in classes[name]]}
    notes = [", ".join(f"{part} images from {folder.relative_to(path)}" for part, folder in splits.items())]
    for part, folder in splits.items():
        if part != "train":
            held = _classes_in(folder, folders_in(folder, leavings), leavings)
            parts[part] = _with_labels(folder, held, train, names, notes)
    return Listing(
        source=f"imagefolder:{path}",
        root=path,
        class_names=names,
        parts=parts,
        notes=tuple(notes),
        left_out=leavings.all(),
    )


def _splits_among(path: Path, children: Sequence[Path]) -> dict[str, Path]:
    """The folders that are splits, in their usual order.

    InputError if two folders are the same split, if none is for training, or if the folders may be classes as well.
    """
    found = _meant(path, children, split_named)
    if not found and _look_like_splits(children):
        found = _meant(path, children, split_in)
    others = [child for child in children if child not in found.values() and has_images(child)] if found else []
    if found and "train" not in found and not others:
        raise InputError(
            f"--data imagefolder:{path}: {', '.join(repr(each.name) for each in found.values())} but no training "
            f"images; expected a folder 'train' beside {'it' if len(found) == 1 else 'them'}"
        )
    if others and ("train" not in found or len(found) == 1):
        names = ", ".join(repr(each.name) for each in found.values())
        raise InputError(
            f"--data imagefolder:{path}: {names} has the name of a split, but {others[0].name!r} beside it does not; "
            "expected either splits (train, val, test) or classes in one folder"
        )
    return {split: _inmost(found[split], split) for split in SPLITS if split in found}


def _meant(path: Path, children: Sequence[Path], meaning: Callable[[str], str | None]) -> dict[str, Path]:
    """The folder of each split, by the `meaning` of its name. InputError if two folders mean the same split."""
    found: dict[str, Path] = {}
    for child in children:
        split = meaning(child.name)
        if split in found:
            raise InputError(
                f"--data imagefolder:{path}: {found[split].name!r} and {child.name!r} both mean the {split} images; "
                "keep one of them"
            )
        if split:
            found[split] = child
    return found


def _look_like_splits(children: Sequence[Path]) -> bool:
    """Whether names such as `seg_train` and `seg_test` mean splits: these folders hold folders of images.

    Folders that hold images directly are classes, such as `train station` and `test tube`.
    """
    splits = {split_in(child.name): child for child in children}
    splits.pop(None, None)
    return "train" in splits and len(splits) > 1 and any(map(has_images, visible_folders(splits["train"])))


def _inmost(folder: Path, split: str) -> Path:
    """The innermost folder of a split. Archives often hold a folder of the same meaning (`train/train`)."""
    while len(inside := visible_folders(folder)) == 1 and split in (
        split_named(inside[0].name),
        split_in(inside[0].name),
    ):
        folder = inside[0]
    return folder


def _refuse_splits_inside(path: Path, children: Sequence[Path]) -> None:
    """InputError if each class holds the splits; each split must hold the classes."""
    for child in children:
        inside = [each.name for each in visible_folders(child) if split_named(each.name)]
        if "train" in map(split_named, inside) and len(inside) > 1:
            alone = len([each for each in children if has_images(each)]) == 1
            right = f"did you mean imagefolder:{child}?" if alone else "expected PATH/train/CLASS and PATH/test/CLASS"
            raise InputError(
                f"--data imagefolder:{path}: {child.name!r} holds {inside[0]!r} and {inside[1]!r}, whose images would "
                f"be mixed; {right}"
            )


def _leave_others(path: Path, children: Sequence[Path], splits: Mapping[str, Path], leavings: Leavings) -> None:
    for child in children:
        if not any(folder.is_relative_to(child) for folder in splits.values()):
            leavings.add("folders beside the splits", child)
    leavings.add_beside(path, "splits")


def _classes_in(folder: Path, children: Sequence[Path], leavings: Leavings) -> dict[str, list[str]]:
    """The image files of each class, by the name of its folder. Folders without images are left out.

    InputError if two names differ only in case or Unicode form, or if a class has files but none with the suffix of an
    image.
    """
    classes: dict[str, list[str]] = {}
    alike: dict[str, str] = {}
    for child in children:
        images, others = images_below(child, leavings)
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
                f"--data imagefolder:{folder}: {other!r} and {child.name!r} differ only in case or Unicode form; "
                "rename one of them"
            )
        classes[child.name] = images
    _refuse_numbered_parts(folder, [child for child in children if child.name in classes])
    leavings.add_beside(folder, "classes")
    return classes


def _refuse_numbered_parts(folder: Path, children: Sequence[Path]) -> None:
    """InputError where folders such as `fold0` and `fold1` would be classes: each holds images of all classes."""
    words = {child: word for child in children if (word := numbered_part(child.name))}
    parts = [child for child, word in words.items() if word in PARTS]
    if len(parts) < 2:
        is_split = [child for child, word in words.items() if split_named(word)]
        parts = is_split if len(is_split) == len(children) else []
    if len(parts) < 2:
        weaker = [child for child, word in words.items() if word in PARTS_OR_CLASSES]
        parts = [child for child in weaker if any(_have_same_folders(child, other) for other in weaker)]
    if len(parts) >= 2:
        raise InputError(
            f"--data imagefolder:{folder}: {parts[0].name!r} and {parts[1].name!r} are named as parts of a data set, "
            "but would be read as classes; put the parts together as PATH/CLASS, or as PATH/train/CLASS with val and "
            "test beside it; if they are classes, rename them"
        )


def _have_same_folders(one: Path, other: Path) -> bool:
    """Whether two different folders contain two or more folders of images with the same names."""
    names = [{each.name for each in visible_folders(folder) if has_images(each)} for folder in (one, other)]
    return one != other and len(names[0] & names[1]) > 1


def _class_names(folder: Path, classes: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    if len(classes) < 2:
        raise InputError(
            f"--data imagefolder:{folder}: {FOLDER_PER_CLASS}, found {len(classes)} with images{_hint(folder, classes)}"
        )
    return tuple(sorted(classes))


def _hint(folder: Path, classes: Mapping[str, Sequence[str]]) -> str:
    """A text that says which folder the user probably meant, if a folder has fewer than two classes."""
    inner = folder / next(iter(classes)) if classes else folder
    while len(inside := visible_folders(inner)) == 1 and not split_named(inside[0].name):
        inner = inside[0]
    if classes and inside:
        names = ", ".join(repr(each.name) for each in inside[:3])
        return f" ({inner.name!r}, which holds {names}: did you mean imagefolder:{inner}?)"
    loose = [each.path for each in entries_of(folder) if has_image_suffix(each.name)]
    if loose:
        return f"; {counted(len(loose), 'image')} beside them {'is' if len(loose) == 1 else 'are'} in no class folder"
    return ""


def _with_labels(
    folder: Path, held: Mapping[str, Sequence[str]], train: Path, names: Sequence[str], notes: list[str]
) -> list[LabelledFile]:
    """The files of a held-out split with the numbers of the training classes. A class's folder may have a name that
    differs in case or Unicode form."""
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
        raise InputError(
            f"--data imagefolder:{folder}: no images in class folders found{_hint(folder, held)}; expected the "
            "training images' classes, or move images without labels away"
        )
    return files


def _plain(name: str) -> str:
    """A class name without case, in one Unicode form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
