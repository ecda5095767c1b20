"""Draws the true boxes and the found boxes of an image as SVG over its pixels."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

COLOURS = ("#ff922b", "#4dabf7", "#f06595", "#94d82d", "#cc5de8", "#22b8cf", "#ffd43b", "#ff6b6b")
"""The colours of the classes, in turn. Each can be seen on light and dark images (open-color)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnBox:
    """A box to draw: corners (left, top, right, bottom) in pixels of the image, and its class. A true box has no
    score."""

    corners: tuple[float, float, float, float]
    label: int
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnImage:
    """An image to draw: its name, the content of a JPEG file, its size in pixels, and its boxes in these pixels."""

    name: str
    jpeg: bytes
    width: int
    height: int
    true: tuple[DrawnBox, ...]
    found: tuple[DrawnBox, ...]


def image_html(image: DrawnImage, class_names: Sequence[str]) -> str:
    """The HTML of an image with its boxes."""
    content = base64.b64encode(image.jpeg).decode()
    true = "".join(_box(box, image, class_names) for box in image.true)
    found = "".join(_box(box, image, class_names) for box in sorted(image.found, key=lambda box: box.score or 0))
    described = f"{escape(image.name)}: {len(image.true)} true, {len(image.found)} found"
    return (
        f'<figure><svg viewBox="0 0 {image.width} {image.height}" role="img" aria-label="{described}">'
        f'<image href="data:image/jpeg;base64,{content}" width="{image.width}" height="{image.height}"/>'
        f'<g class="true">{true}</g><g class="found">{found}</g></svg><figcaption>{described}</figcaption></figure>'
    )


def class_colour(label: int) -> str:
    """The colour of a class."""
    return COLOURS[label % len(COLOURS)]


def _box(box: DrawnBox, image: DrawnImage, class_names: Sequence[str]) -> str:
    left, top, right, bottom = box.corners
    name = escape(class_names[box.label])
    what = f"{name}, true" if box.score is None else f"{name}, score {box.score:.2f}"
    shape = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
    drawn = f'<rect {shape} stroke="{class_colour(box.label)}"><title>{what}</title></rect>'
    if box.score is None:
        return drawn
    size = image.width / 36
    return (
        f'{drawn}<text x="{left + size / 5:.1f}" y="{max(top, 0) + size:.1f}" font-size="{size:.1f}"'
        f">{box.score:.2f}</text>"
    )
