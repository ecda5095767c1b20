"""Warnings about a data set: images in two parts or classes, images of one colour, uneven classes, dark pixels."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from se_nas.data.image_data import ImageData, ImageSet
from se_nas.data.inventory import EXAMPLES
from se_nas.wording import counted, printable

LARGE_SHARE = 0.8
"""A class with more than this share of the training images causes a warning."""
LEAST_RANGE = 64
"""A data set whose pixel values span less than this, of 255, causes a warning."""


def with_warnings(data: ImageData) -> ImageData:
    """The same data set, with a warning for each thing that looks wrong in its images in memory."""
    parts = {"training": data.train, "validation": data.validation, "test": data.test}
    seen = {name: _seen(part) for name, part in parts.items() if isinstance(part, ImageSet)}
    return replace(data, warnings=images_that_look_wrong(data.class_names, seen))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The properties of one part's images, with one entry for each image. `names` is empty if images have no names."""

    labels: NDArray[np.int64]
    digests: Sequence[Hashable]
    constant: NDArray[np.bool_]
    lowest: float
    highest: float
    names: Sequence[str] = ()

    def name(self, place: int) -> str:
        """The file of an image, or its index."""
        return printable(self.names[place]) if self.names else f"number {place}"


def images_that_look_wrong(class_names: Sequence[str], parts: Mapping[str, Seen]) -> tuple[str, ...]:
    """Lines about everything that the user should check before a training."""
    return (
        *_uneven_classes(class_names, parts),
        *_constant(parts),
        *_dark(parts),
        *_in_two_parts(parts),
        *_in_two_classes(class_names, parts),
    )


def _seen(part: ImageSet) -> Seen:
    flat = part.images.reshape(len(part), -1, 3)
    return Seen(
        labels=part.labels,
        digests=[hash(image.tobytes()) for image in part.images],
        constant=(flat == flat[:, :1]).all(axis=(1, 2)),
        lowest=int(part.images.min()),
        highest=int(part.images.max()),
    )


def _uneven_classes(class_names: Sequence[str], parts: Mapping[str, Seen]) -> list[str]:
    lines = []
    for part, seen in parts.items():
        counts = np.bincount(seen.labels, minlength=len(class_names))
        missing = [printable(name) for name, count in zip(class_names, counts, strict=True) if not count]
        if missing:
            more = f" and {len(missing) - EXAMPLES:,} more" if len(missing) > EXAMPLES else ""
            what = "classes" if len(missing) > 1 else "class"
            lines.append(f"no {part} images in {what} {', '.join(missing[:EXAMPLES])}{more}")
        if part == "training" and counts.max() > LARGE_SHARE * counts.sum():
            largest = printable(class_names[int(counts.argmax())])
            lines.append(
                f"{counts.max() / counts.sum():.0%} of the training images are of class {largest}: a network that "
                "always predicts it has the same accuracy"
            )
    return lines


def _constant(parts: Mapping[str, Seen]) -> list[str]:
    lines = []
    for part, seen in parts.items():
        places = np.flatnonzero(seen.constant)
        if len(places):
            example = seen.name(int(places[0]))
            lines.append(f"{counted(len(places), f'{part} image')} of one colour all over, e.g. {example}")
    return lines


def _dark(parts: Mapping[str, Seen]) -> list[str]:
    """Lines about parts whose pixels use a small part of the range; a single line if this is true for all pixels."""
    lowest, highest = min(seen.lowest for seen in parts.values()), max(seen.highest for seen in parts.values())
    if highest - lowest < LEAST_RANGE:
        return [f"all pixels lie between {lowest:g} and {highest:g} of 255: were they saved in another range?"]
    return [
        f"all pixels of {part} images lie between {seen.lowest:g} and {seen.highest:g} of 255: were they saved in "
        "another range?"
        for part, seen in parts.items()
        if seen.highest - seen.lowest < LEAST_RANGE and not seen.constant.all()
    ]


def _in_two_parts(parts: Mapping[str, Seen]) -> list[str]:
    """Lines about equal images in two parts; images of one colour do not count."""
    lines = []
    names = list(parts)
    first = {name: _places(seen) for name, seen in parts.items()}
    for index, other in enumerate(names):
        for one in names[:index]:
            shared = [place for digest, place in _varied(parts[other]) if digest in first[one]]
            if shared:
                twin = first[one][parts[other].digests[shared[0]]]
                lines.append(
                    f"{counted(len(shared), f'{other} image')} equal to {one} images, "
                    f"e.g. {parts[other].name(shared[0])} and {parts[one].name(twin)}"
                )
    return lines


def _in_two_classes(class_names: Sequence[str], parts: Mapping[str, Seen]) -> list[str]:
    """Lines about images of one part that are equal but have different labels. Images of one colour do not count."""
    lines = []
    for part, seen in parts.items():
        first = _places(seen)
        twice = [place for digest, place in _varied(seen) if seen.labels[place] != seen.labels[first[digest]]]
        if twice:
            twin = first[seen.digests[twice[0]]]
            names = [printable(class_names[int(seen.labels[place])]) for place in (twin, twice[0])]
            lines.append(
                f"{counted(len(twice), f'{part} image')} equal to images of another class, e.g. {seen.name(twin)} "
                f"(class {names[0]}) and {seen.name(twice[0])} (class {names[1]})"
            )
    return lines


def _places(seen: Seen) -> dict[Hashable, int]:
    """The index of the first image with each digest."""
    places: dict[Hashable, int] = {}
    for digest, place in _varied(seen):
        places.setdefault(digest, place)
    return places


def _varied(seen: Seen) -> Iterable[tuple[Hashable, int]]:
    return ((digest, place) for place, digest in enumerate(seen.digests) if not seen.constant[place])
