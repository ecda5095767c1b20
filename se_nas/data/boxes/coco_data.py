"""Loads a data set in COCO's format: finds its parts, reads their boxes, and opens every image once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from se_nas.data.boxes.boxed_images import BoxedData, BoxedImage, count_boxes
from se_nas.data.boxes.coco_annotations import Annotations, read_annotations
from se_nas.data.boxes.coco_folder import WHOLE, find_parts
from se_nas.data.decoding import Decoding
from se_nas.data.folders.opened_files import BadFile, Count, OnOpened, look_at_files
from se_nas.data.inventory import UNREADABLE, LeftOut
from se_nas.errors import InputError
from se_nas.machine.limits import cpu_count
from se_nas.seeds import derive_seed
from se_nas.wording import counted, printable

KIND = "coco"
OTHER_SIZE = "images of another size than is listed"
TURNED = "images that are turned upright, though their size does not show for which side up their boxes were drawn"
NO_BOXES = "training images without a box, which are not trained on"
HELD_OUT = 0.2
"""The fraction of the images that is held out as validation images if the data set has none."""

Faults = dict[str, list[str]]


def load_boxes(source: str, *, on_opened: OnOpened | None = None) -> BoxedData:
    """Load `coco:PATH`. `on_opened` is called while images are opened.

    InputError says in one line what is wrong with the path or the files, or that no box can be used.
    """
    kind, colon, path = source.partition(":")
    if kind != KIND or not colon or not path:
        raise InputError(f"--data {source}: expected coco:PATH, a folder with images and annotations in COCO's format")
    root = Path(path)
    found = find_parts(root, source)
    parts = found.files
    faults: Faults = defaultdict(list)
    chosen = {part: read_annotations(parts[part], source) for part in _used(parts)}
    categories = _same_categories(chosen, source)
    for annotations in chosen.values():
        for reason, names in annotations.faults.items():
            faults[reason] += names
    total, before = sum(len(each.images) for each in chosen.values()), 0
    opened = {}
    for part, annotations in chosen.items():

        def count(done: int, before: int = before) -> None:
            if on_opened:
                on_opened(before + done, total)

        opened[part] = _opened(annotations.images, faults, count)
        before += len(annotations.images)
    notes = [f"{part} images from {chosen[part].file.name}" for part in chosen]
    if set(parts) - set(chosen):
        notes.append("the test images are not used")
    if found.unnamed:
        unnamed = ", ".join(map(printable, found.unnamed))
        notes.append(f"not read, because the name has none of the words train, val and test: {unnamed}")
    train, validation, split_notes = _split(opened)
    if empty := [image for image in train if not image.singles.any()]:
        faults[NO_BOXES] += [Path(image.file).name for image in empty]
        train = [image for image in train if image.singles.any()]
    left_out = tuple(LeftOut.of(reason, names) for reason, names in faults.items())
    for what, images in (("training", train), ("validation", validation)):
        if not count_boxes(images):
            reasons = "; ".join(map(str, left_out)) or "there are no annotations"
            raise InputError(f"--data {source}: no {what} image with a box can be used ({reasons})")
    return BoxedData(
        source=source,
        name=printable(_folder(root).resolve().name),
        class_names=tuple(map(printable, categories.values())),
        category_ids=tuple(categories),
        train=tuple(train),
        validation=tuple(validation),
        measured_on="test" if "test" in opened else "validation",
        notes=(*notes, *split_notes, *_seen_in_both(train, validation)),
        left_out=left_out,
    )


def _folder(root: Path) -> Path:
    return root.parent if root.is_file() else root


def _used(parts: Mapping[str, object]) -> list[str]:
    """The parts that are read: the training images, and the validation images, in whose place the test images stand
    if there are none."""
    if WHOLE in parts:
        return [WHOLE]
    held = next((part for part in ("validation", "test") if part in parts), None)
    return ["train"] if held is None else ["train", held]


def _same_categories(parts: Mapping[str, Annotations], source: str) -> Mapping[int, str]:
    """The categories of all parts. InputError if two parts differ."""
    first, *others = parts.values()
    for other in others:
        if other.categories != first.categories:
            mine, theirs = (set(each.categories.items()) for each in (first, other))
            number, name = min(mine ^ theirs)
            raise InputError(
                f"--data {source}: {first.file.name} and {other.file.name} have other categories: only one of them has "
                f"{number} as {printable(name)!r}"
            )
    return first.categories


def _opened(images: Sequence[BoxedImage], faults: Faults, count: Count) -> list[BoxedImage]:
    """The images that can be read and have the listed size, with the digests of their pixels."""
    files = [image.file for image in images]
    found = look_at_files(files, processors=cpu_count(), decoding=Decoding.WHOLE, on_opened=count)
    good = []
    for image, facts in zip(images, found, strict=True):
        if isinstance(facts, BadFile):
            faults[UNREADABLE].append(Path(image.file).name)
        elif (image.width, image.height) not in (facts.stored_size, facts.size):
            faults[OTHER_SIZE].append(Path(image.file).name)
        else:
            if facts.is_turned_in_its_size:
                faults[TURNED].append(Path(image.file).name)
            good.append(replace(image, digest=facts.digest))
    return good


def _seen_in_both(train: Sequence[BoxedImage], validation: Sequence[BoxedImage]) -> list[str]:
    """A line that warns of validation images with the pixels of a training image."""
    trained = {image.digest for image in train}
    seen = [Path(image.file).name for image in validation if image.digest in trained]
    if not seen:
        return []
    have = "has" if len(seen) == 1 else "have"
    return [
        f"Warning: {counted(len(seen), 'validation image')} {have} the pixels of a training image, e.g. "
        f"{printable(seen[0])}; the AP is too high"
    ]


def _split(opened: Mapping[str, list[BoxedImage]]) -> tuple[list[BoxedImage], list[BoxedImage], list[str]]:
    """The training and the validation images, and lines that say where the validation images come from.

    Images are held out by a hash of their file names and ids. So every training on the same images has the same split.
    """
    if "validation" in opened:
        return opened["train"], opened["validation"], []
    if "test" in opened:
        return opened["train"], opened["test"], ["AP is measured on the test images, because there are no others"]
    images = opened.get("train") or opened.get(WHOLE) or []
    order = sorted(images, key=lambda image: derive_seed("held out", Path(image.file).name, image.number))
    held = {image.number for image in order[: round(HELD_OUT * len(order)) or 1]}
    note = f"{100 * HELD_OUT:.0f} % of the images are held out as validation images, always the same"
    return [i for i in images if i.number not in held], [i for i in images if i.number in held], [note]
