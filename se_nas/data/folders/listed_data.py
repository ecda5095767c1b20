"""Listed image files as a data set. Every file is opened once, then held in memory or read again while training."""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from se_nas.data.decoding import Decoding
from se_nas.data.folders.decoded_once import not_stored_notes, open_store, with_stored_pixels
from se_nas.data.folders.decoded_store import DecodedStore, usual_folder
from se_nas.data.folders.image_file import ImageFacts, open_image, read_image
from se_nas.data.folders.listing import LabelledFile, Listing
from se_nas.data.folders.opened_files import BadFile, Count, OnOpened, each_of, list_bad_files, look_at_files
from se_nas.data.image_data import ImageData, ImageFiles, ImageSet, Part
from se_nas.data.inventory import UNREADABLE, LeftOut
from se_nas.data.odd_images import Seen, images_that_look_wrong
from se_nas.data.pixels import PixelKind, PixelScale, describe_scale, scale_of
from se_nas.data.portion import Portion
from se_nas.data.splitting import split
from se_nas.data.stored_pixels import row_bytes
from se_nas.errors import InputError
from se_nas.machine.limits import cpu_count
from se_nas.wording import counted, printable

SHOWN = 3
"""The number of bad files that the error message names after the first."""


class UnreadableImagesError(InputError):
    """Some files cannot be read as images. The message names them, and the flag or command (`skipping`) that leaves
    them out."""

    def __init__(self, bad: Sequence[BadFile], total: int, skipping: str = "--skip-bad-images") -> None:
        """Make the message about the `bad` ones among `total` files."""
        super().__init__(_refusal(bad, total, skipping))
        self.bad, self.total = bad, total


@dataclass(slots=True)
class _OpenedPart:
    """One split: its files, the facts about each, and their pixels (N, S, S, 3) if they are held in memory."""

    files: ImageFiles
    found: list[ImageFacts | BadFile]
    images: NDArray[np.uint8] | None

    @property
    def facts(self) -> list[ImageFacts]:
        return [each for each in self.found if isinstance(each, ImageFacts)]

    @property
    def bad(self) -> list[BadFile]:
        return [each for each in self.found if isinstance(each, BadFile)]

    def without_bad(self) -> "_OpenedPart":
        """The part with the images that can be read."""
        good = np.array([isinstance(each, ImageFacts) for each in self.found], bool)
        if good.all():
            return self
        images = None if self.images is None else self.images[good]
        return _OpenedPart(self.files.subset(good), list(self.facts), images)


def load_listed(
    listing: Listing,
    image_size: int,
    *,
    portion: Portion,
    most_bytes: float,
    cache: Path | None,
    decoding: Decoding,
    skip_bad: bool,
    on_opened: OnOpened | None,
) -> ImageData:
    """Open the listed images, of which `portion` takes a part. If they take more than `most_bytes`, they stay on disk,
    and are kept decoded in the folder `cache`, or in the user's cache folder. Images that are held in memory are kept
    decoded only if there is a `cache`; then later commands decode nothing.

    InputError if there are too few images, or if files cannot be read and `skip_bad` is False.
    """
    parts = _parts(listing, image_size)
    if empty := [name for name, part in parts.items() if not len(part)]:
        raise InputError(
            f"--data {listing.source}: too few images to hold {' and '.join(empty)} images out; expected training, "
            "validation and test images, or more images: 12 of a class are always enough"
        )
    parts["train"], parts["validation"], portion_notes = portion.noted(parts["train"], parts["validation"])
    images = sum(map(len, parts.values()))
    in_memory = images * row_bytes(image_size) <= most_bytes
    folder, again = cache or usual_folder(), "by each command" if in_memory else "in each epoch"
    store, store_notes = None, list[str]()
    if cache is not None or not in_memory:
        store, store_notes = open_store(
            folder,
            image_size,
            images=images,
            decoding=decoding,
            again=again,
            is_optional=in_memory and decoding is Decoding.WHOLE,  # earlier versions did not use the folder then
        )
    opened = _opened(parts, decoding, in_memory=in_memory and store is None, store=store, on_opened=on_opened)
    bad = [each for part in opened.values() for each in part.bad]
    if bad and (not skip_bad or len(bad) == images):
        raise UnreadableImagesError(bad, images)
    good = {name: part.without_bad() for name, part in opened.items()}
    scale = _scale(listing, good)
    placed = {name: _placed(part, scale, store, decoding) for name, part in good.items()}
    store_notes += not_stored_notes(placed.values(), store, again=again)
    if in_memory:
        placed = {name: _held(part) for name, part in placed.items()}
        store_notes += [] if store is None or store.is_read_only else [_kept_note(store)]
    left_out = listing.left_out
    if bad:
        left_out = (*left_out, LeftOut.of(UNREADABLE, [os.path.relpath(each.path, listing.root) for each in bad]))
    seen = {name if name != "train" else "training": _seen(part, listing.root, scale) for name, part in good.items()}
    return ImageData(
        name=printable(listing.root.resolve().name),
        class_names=listing.class_names,
        train=placed["train"],
        validation=placed["validation"],
        test=placed["test"],
        mirrored=True,
        scale=scale,
        notes=(*listing.notes, *_split_notes(listing), *portion_notes, *_reading_notes(good, scale), *store_notes),
        left_out=left_out,
        warnings=images_that_look_wrong(listing.class_names, seen),
    )


def _kept_note(store: DecodedStore) -> str:
    """A line about decoded images that are kept although they are held in memory. It names no path, for the page."""
    size = f"{store.nbytes / 1e6:,.1f} MB"
    return f"decoded images are also kept in the folder of --cache: {size}; delete that folder to free the disk"


def _parts(listing: Listing, image_size: int) -> dict[str, ImageFiles]:
    """The training, validation and test images. A missing part is held out of the training images. If only one of the
    folders for validation and test exists, it holds the test images."""

    def files(listed: Sequence[LabelledFile]) -> ImageFiles:
        labels = np.array([each.label for each in listed], np.int64)
        paths = tuple(each.path for each in listed)
        return ImageFiles(files=paths, labels=labels, image_size=image_size, read=read_image)

    there = {name: files(listed) for name, listed in listing.parts.items()}
    if "whole" in there:
        rest, test = split(there["whole"], 0.15)
        train, validation = split(rest, 0.15)
    elif len(there) == 3:
        train, validation, test = there["train"], there["validation"], there["test"]
    else:
        train, validation = split(there["train"], 0.1)
        held = there.get("validation", there.get("test"))
        train, test = (train, held) if held is not None else split(train, 0.1)
    return {"train": train, "validation": validation, "test": test}


def _split_notes(listing: Listing) -> list[str]:
    """Lines that say which parts `_parts` holds out of others."""
    if "whole" in listing.parts:
        return ["15 % of each class are held out as test images, and 15 % of the others as validation images"]
    match sorted(set(listing.parts) - {"train"}):
        case []:
            return ["10 % of each class are held out as validation images, and 10 % of the others as test images"]
        case ["validation"]:
            return ["the given validation images are tested; 10 % of each training class are held out to validate"]
        case ["test"]:
            return ["10 % of each training class are held out as validation images"]
    return []


def _opened(
    parts: Mapping[str, ImageFiles],
    decoding: Decoding,
    *,
    in_memory: bool,
    store: DecodedStore | None,
    on_opened: OnOpened | None,
) -> dict[str, _OpenedPart]:
    total, before = sum(map(len, parts.values())), 0
    opened = {}
    for name, part in parts.items():

        def count(done: int, before: int = before) -> None:
            if on_opened:
                on_opened(before + done, total)

        if in_memory:
            opened[name] = _read_all(part, decoding, count)
        else:
            found = look_at_files(part.files, processors=cpu_count(), decoding=decoding, store=store, on_opened=count)
            opened[name] = _OpenedPart(part, found, None)
        before += len(part)
    return opened


def _read_all(part: ImageFiles, decoding: Decoding, count: Count) -> _OpenedPart:
    """Read every image into memory. Images that do not have 8 bits are read again when their scale is known."""
    size = part.image_size
    images = np.zeros((len(part), size, size, 3), np.uint8)
    found: list[ImageFacts | BadFile] = []
    read = partial(open_image, size=size, decoding=decoding)
    for image, each in zip(images, each_of(part.files, read, processors=cpu_count(), on_opened=count), strict=True):
        if isinstance(each, BadFile):
            found.append(each)
        else:
            facts, pixels = each
            found.append(facts)
            if pixels is not None:
                image[:] = pixels
    return _OpenedPart(part, found, images)


def _scale(listing: Listing, parts: Mapping[str, _OpenedPart]) -> PixelScale:
    named = [
        (file, facts.range)
        for part in parts.values()
        for file, facts in zip(part.files.files, part.facts, strict=True)
        if facts.range.kind is not PixelKind.EIGHT_BIT
    ]
    try:
        return scale_of(named)
    except ValueError as error:
        raise InputError(f"--data {listing.source}: {error}") from None


def _placed(part: _OpenedPart, scale: PixelScale, store: DecodedStore | None, decoding: Decoding) -> Part:
    is_whole = decoding is Decoding.WHOLE  # a fraction of the pixels may be equal where the others are not
    digests = "\0".join(facts.digest if is_whole else facts.content for facts in part.facts)
    content = hashlib.blake2b(digests.encode(), digest_size=16).hexdigest()
    files = replace(part.files, read=partial(read_image, scale=scale, decoding=decoding), content=content)
    if part.images is None:
        return files if store is None else with_stored_pixels(files, part.facts, scale, store)
    again = [place for place, facts in enumerate(part.facts) if facts.range.kind in (PixelKind.WHOLE, PixelKind.REAL)]
    paths = [files.files[place] for place in again]
    read = partial(read_image, size=files.image_size, scale=scale)
    for place, image in zip(again, each_of(paths, read, processors=cpu_count()), strict=True):
        if isinstance(image, BadFile):
            raise InputError(image.reason)
        part.images[place] = image
    return ImageSet(images=part.images, labels=files.labels, content=content)


def _held(part: Part) -> ImageSet:
    """The part with its images in memory. Images that are not stored are decoded."""
    return part if isinstance(part, ImageSet) else replace(part.loaded(range(len(part))), content=part.content)


def _seen(part: _OpenedPart, root: Path, scale: PixelScale) -> Seen:
    ranges = [scale.ends_of(facts.range) for facts in part.facts]
    return Seen(
        labels=part.files.labels,
        digests=[facts.digest for facts in part.facts],
        constant=np.array([facts.is_constant for facts in part.facts], bool),
        lowest=min((low for low, _ in ranges), default=0.0),
        highest=max((high for _, high in ranges), default=255.0),
        names=[os.path.relpath(file, root) for file in part.files.files],
    )


def _reading_notes(parts: Mapping[str, _OpenedPart], scale: PixelScale) -> list[str]:
    """Lines that say how pixels were read, where more than one way is possible."""
    facts = [each for part in parts.values() for each in part.facts]
    kinds = Counter(each.range.kind for each in facts)
    notes = [f"{line} ({counted(kinds[kind], 'image')})" for kind, line in describe_scale(scale).items()]
    if upper := kinds[PixelKind.UPPER_HALF]:
        notes.append(f"colour with 16 bits a channel: only the upper 8 bits are read ({counted(upper, 'image')})")
    if transparent := sum(each.transparent for each in facts):
        notes.append(f"transparent pixels are mid-grey ({counted(transparent, 'image')})")
    if several := sum(each.frames > 1 for each in facts):
        notes.append(f"files with several frames or pages: only the first is read ({counted(several, 'image')})")
    return notes


def _refusal(bad: Sequence[BadFile], total: int, skipping: str) -> str:
    first, others = bad[0], [Path(each.path).name for each in bad[1 : 1 + SHOWN]]
    if len(bad) == total > 1:
        return f"{first.reason}; nor can any of the other {counted(total - 1, 'file')} of the data set"
    more = f"; neither can {counted(len(bad) - 1, 'other file')}: {', '.join(others)}" if len(bad) > 1 else ""
    rest = len(bad) - 1 - len(others)
    them = "it" if len(bad) == 1 else "them"
    return (
        f"{first.reason}{more}{list_bad_files(bad) if rest > 0 else ''}; repair or remove {them}, or leave {them} out "
        f"with {skipping}"
    )
