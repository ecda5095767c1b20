"""Images of a data set that are decoded once: those for which the disk has space. All others are counted."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from se_nas.data.decoding import Decoding
from se_nas.data.folders.decoded_store import DecodedStore, StoreFullError, usual_folder
from se_nas.data.folders.image_file import ImageFacts, read_image
from se_nas.data.folders.opened_files import CHUNK, BadFile, each_of
from se_nas.data.image_data import ImageFiles, Part
from se_nas.data.pixels import PixelScale
from se_nas.data.stored_pixels import row_bytes
from se_nas.errors import InputError
from se_nas.machine.limits import cpu_count


def open_store(
    cache: Path, image_size: int, *, images: int, decoding: Decoding, again: str, is_optional: bool
) -> tuple[DecodedStore | None, list[str]]:
    """The store of decoded images, and lines about it. None if the disk has no space for that many images.

    `again` is the text that says how often images are decoded if they are not stored. InputError if the folder can be
    neither written nor read, unless it is the usual one or `is_optional`.
    """
    costs = f"images are decoded again {again}; --cache DIR names another folder"
    try:
        store = DecodedStore(cache, image_size, decoding)
    except InputError as error:
        if cache != usual_folder() and not is_optional:
            raise
        return None, [f"{error}: {costs}"]
    missing = images * row_bytes(image_size) - store.nbytes
    if missing > 0 and not store.is_read_only and not store.has_space_for(missing):
        return None, [f"no space in {cache} for {missing / 1e9:,.1f} GB of decoded images: {costs}"]
    return store, []


def with_stored_pixels(
    files: ImageFiles, facts: Sequence[ImageFacts], scale: PixelScale, store: DecodedStore
) -> ImageFiles:
    """The same files with stored pixels. Those that do not have 8 bits are added now that their scale is known."""
    whites = f"{scale.white_of_whole} {scale.white_of_real}"
    names = [each.digest if each.has_eight_bits else f"{each.digest} {whites}" for each in facts]
    scaled = [place for place, each in enumerate(facts) if not each.has_eight_bits and not store.is_read_only]
    new = [place for place, row in zip(scaled, store.rows([names[place] for place in scaled]), strict=True) if row < 0]
    read = partial(read_image, size=store.image_size, scale=scale)
    for start in range(0, len(new), CHUNK):
        some = new[start : start + CHUNK]
        images = each_of([files.files[place] for place in some], read, processors=cpu_count())
        found = {names[place]: each for place, each in zip(some, images, strict=True) if not isinstance(each, BadFile)}
        try:
            store.add(found)
        except StoreFullError:  # `not_stored_notes` counts what is missing
            break
    return replace(files, stored=store.pixels(store.rows(names)))


def not_stored_notes(parts: Iterable[Part], store: DecodedStore | None, *, again: str) -> list[str]:
    """A line about the images for which the disk had no space, or that could not be added to the folder."""
    stored = [part.stored for part in parts if isinstance(part, ImageFiles) and part.stored is not None]
    missing, total = sum(each.missing for each in stored), sum(len(each.rows) for each in stored)
    if store is None or not missing:
        return []
    reason = store.refusal or "they could not be read a second time"
    return [f"{missing:,} of {total:,} images are decoded again {again}: {reason}"]
