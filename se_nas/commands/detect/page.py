"""Writes the page of the trained detectors: it chooses validation images, and reads their pixels and boxes."""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from se_nas.data.boxes.boxed_images import BoxedData, BoxedImage
from se_nas.data.folders.image_file import read_whole_image
from se_nas.data.pixels import PixelScale
from se_nas.files import write_atomically
from se_nas.report.detection.detection_page import render_detection_page
from se_nas.report.detection.drawn_boxes import DrawnBox, DrawnImage
from se_nas.report.detection.gain_sentences import WORDS, DetectionGain
from se_nas.runs.detected_files import DetectedResult, read_found
from se_nas.wording import printable

IMAGES, IMAGES_OF_SEVERAL = 12, 6
"""The number of images on a page with one kind of training, and for each kind on a page with several."""
DRAWN_SIDE = 360
"""The short side of a drawn image in pixels, at most."""
LEAST_SCORE = {"faster_rcnn": 0.5, "retinanet": 0.4, "fcos": 0.4}
"""The least score of a drawn box. The scores of detectors with one stage are lower."""


def page_name(compared: Sequence[str]) -> str:
    """The file name of the page. Each comparison has its own page, which no other command replaces.

    >>> page_name(()), page_name(("none", "everywhere"))
    ('page.html', 'compare-none-everywhere.html')
    """
    return f"compare-{'-'.join(compared)}.html" if compared else "page.html"


def write_page(
    experiment: Path,
    runs: Sequence[tuple[Path, DetectedResult]],
    data: BoxedData,
    *,
    gains: Sequence[DetectionGain],
    scale: PixelScale,
    name: str,
) -> Path:
    """Write the page `name` of these trainings, given by folder and result, into the folder `experiment`; return its
    path."""
    shown = {result.kind: (folder, result) for folder, result in reversed(runs)}  # the first seed of each kind
    count = IMAGES if len(shown) == 1 else IMAGES_OF_SEVERAL
    images = _evenly(data.validation, count)
    least_score = LEAST_SCORE[runs[0][1].detector]
    drawn = {}
    for folder, result in reversed(shown.values()):
        heading = f"{WORDS[result.placement]}, {result.start} weights, seed {result.seed}"
        drawn[heading] = _drawn(folder, images, data, least_score=least_score, scale=scale)
    results = [result for _, result in runs]
    page = render_detection_page(results, data, drawn, gains=gains, least_score=least_score)
    write_atomically(experiment / name, page)
    return experiment / name


def _evenly(images: Sequence[BoxedImage], count: int) -> list[BoxedImage]:
    """At most `count` of the images, evenly spaced."""
    if len(images) <= count:
        return list(images)
    return [images[round(place * (len(images) - 1) / (count - 1))] for place in range(count)]


def _drawn(
    folder: Path, images: Sequence[BoxedImage], data: BoxedData, *, least_score: float, scale: PixelScale
) -> list[DrawnImage]:
    labels = {number: label for label, number in enumerate(data.category_ids)}
    found: dict[int, list[DrawnBox]] = {image.number: [] for image in images}
    for row in read_found(folder):
        if row["image_id"] in found and row["score"] >= least_score:
            left, top, width, height = row["bbox"]
            box = DrawnBox(
                corners=(left, top, left + width, top + height),
                label=labels[row["category_id"]],
                score=row["score"],
            )
            found[row["image_id"]].append(box)
    return [_drawn_image(image, found[image.number], scale) for image in images]


def _drawn_image(image: BoxedImage, found: Sequence[DrawnBox], scale: PixelScale) -> DrawnImage:
    size = (image.width, image.height)
    width, height = image.shown_size(min(DRAWN_SIDE, *size))
    pixels = read_whole_image(Path(image.file), size=size, shown=(width, height), scale=scale)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=80)
    true = [
        DrawnBox(corners=(float(corners[0]), float(corners[1]), float(corners[2]), float(corners[3])), label=int(label))
        for corners, label in zip(image.boxes[image.singles], image.labels[image.singles], strict=True)
    ]
    across, down = width / image.width, height / image.height
    return DrawnImage(
        name=printable(Path(image.file).name),
        jpeg=file.getvalue(),
        width=width,
        height=height,
        true=tuple(_scaled(box, across, down) for box in true),
        found=tuple(_scaled(box, across, down) for box in found),
    )


def _scaled(box: DrawnBox, across: float, down: float) -> DrawnBox:
    left, top, right, bottom = box.corners
    return DrawnBox(
        corners=(left * across, top * down, right * across, bottom * down), label=box.label, score=box.score
    )
