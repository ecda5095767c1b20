"""The page on trained detectors: one self-contained file with COCO's AP, and boxes drawn on validation images."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from se_nas.data.boxes.boxed_images import BoxedData, count_boxes
from se_nas.report.detection.drawn_boxes import DrawnImage, class_colour, image_html
from se_nas.report.detection.gain_sentences import WORDS, DetectionGain, gain_sentences
from se_nas.report.style import STYLE
from se_nas.runs.detected_files import DetectedResult
from se_nas.wording import counted, format_count, format_duration, se_glyphs

NAMES = {"faster_rcnn": "Faster R-CNN", "retinanet": "RetinaNet", "fcos": "FCOS"}

DRAWING_STYLE = """
.images { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr)); gap: 1rem; }
.images figure { margin: 0; } .images svg { display: block; width: 100%; border-radius: 6px; }
figcaption { font-size: .8rem; color: var(--quiet); overflow-wrap: anywhere; }
rect { fill: transparent; vector-effect: non-scaling-stroke; stroke-width: 2px; }
.true rect { stroke-dasharray: 5 4; stroke: #fff; stroke-width: 2.5px; mix-blend-mode: difference; }
svg text { font-family: system-ui, sans-serif; pointer-events: none; }
.found text { fill: #fff; font-weight: 600; paint-order: stroke; stroke: #000c; stroke-width: .2em; }
.shown { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: .8rem 0; }
.key { display: inline-block; width: .9em; height: .9em; border: 2px solid; border-radius: 2px; vertical-align: -.1em; }
.dashed { border-style: dashed; }
body:has(#show-true:not(:checked)) .true, body:has(#show-found:not(:checked)) .found { display: none; }
.curves { width: 100%; max-width: 640px; } .curves text { fill: var(--quiet); }
.curves path { fill: none; stroke-width: 2; } .curves line { stroke: var(--line); }
"""


def render_detection_page(
    results: Sequence[DetectedResult],
    data: BoxedData,
    drawn: Mapping[str, Sequence[DrawnImage]],
    *,
    gains: Sequence[DetectionGain],
    least_score: float,
) -> str:
    """The page as text. `drawn` has the drawn images by heading, with the boxes of at least `least_score`."""
    first = results[0]
    title = f"{NAMES[first.detector]} on {data.name}"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<link rel="icon" href="data:,">',
            f"<title>se-nas: {escape(title)}</title><style>{STYLE}{DRAWING_STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
            *(f'<p class="lead">{escape(text)}</p>' for text in (*gain_sentences(gains), *_summary(results))),
            "<h2>COCO's average precision</h2>",
            (
                "<p>AP is the mean over the overlaps (IoU) 0.50, 0.55, ..., 0.95 and over the classes, in points; AP50 "
                "and AP75 are for one overlap. Small objects have less than 32² pixels, medium ones less than 96². "
                f"It is measured on the {data.measured_on} images after the last epoch. They selected nothing.</p>"
            ),
            _table(results),
            "<h2>By class</h2>",
            _class_table(results),
            "<h2>By epoch</h2>",
            _curves(results),
            "<h2>Found boxes</h2>",
            *_images(drawn, data, least_score),
            "<h2>The images</h2>",
            *_about_images(data),
            "</body></html>",
            "",
        ]
    )


def _summary(results: Sequence[DetectedResult]) -> Iterator[str]:
    """Yield a sentence on the AP of each kind of training."""
    for (placement, start), alike in _by_kind(results).items():
        mean = sum(each.ap for each in alike) / len(alike)
        mean50 = sum(each.ap50 for each in alike) / len(alike)
        weights = "the retrained weights" if start == "retrained" else "initial weights"
        over = f", as a mean of {len(alike)} seeds" if len(alike) > 1 else ""
        yield (
            f"With {WORDS[placement]} and {weights} the trunk reaches AP {100 * mean:.1f} and AP50 {100 * mean50:.1f} "
            f"after {counted(int(alike[0].recipe['epochs']), 'epoch')} at {alike[0].image_size} px{over}."
        )


def _by_kind(results: Sequence[DetectedResult]) -> dict[tuple[str, str], list[DetectedResult]]:
    kinds: dict[tuple[str, str], list[DetectedResult]] = {}
    for result in results:
        kinds.setdefault(result.kind, []).append(result)
    return kinds


def _table(results: Sequence[DetectedResult]) -> str:
    names = ("SE", "by stage", "start", "seed", "AP", "AP50", "AP75", "small", "medium", "large", "params", "time")
    rows = [
        "".join(
            (
                _cell(WORDS[each.placement]),
                f'<td><span class="se">{escape(se_glyphs(each.se))}</span></td>',
                _cell(each.start),
                *(
                    _cell(text, number=True)
                    for text in (
                        str(each.seed),
                        *map(_points, (each.ap, each.ap50, each.ap75, each.small, each.medium, each.large)),
                        format_count(each.params),
                        format_duration(each.seconds),
                    )
                ),
            )
        )
        for each in results
    ]
    return _rows_in_table(names, names[3:], rows)


def _class_table(results: Sequence[DetectedResult]) -> str:
    """A table with the AP of each class: a column for each kind of training, as a mean over its seeds."""
    kinds = _by_kind(results)
    heads = [f"AP, {WORDS[placement]}, {start}" for placement, start in kinds]
    rows = []
    for label, name in enumerate(results[0].classes):
        cells = [_cell(name)]
        for alike in kinds.values():
            known = [value for each in alike if (value := each.by_class[label]) is not None]
            cells.append(_cell(_points(sum(known) / len(known) if known else None), number=True))
        rows.append("".join(cells))
    return _rows_in_table(("class", *heads), heads, rows)


def _curves(results: Sequence[DetectedResult]) -> str:
    """The AP of each epoch as lines, in one colour for each kind of training."""
    width, height, left, bottom = 640, 240, 40, 24
    most = max(max(epoch.ap for epoch in each.history) for each in results) or 0.01
    epochs = max(len(each.history) for each in results)
    kinds = list(_by_kind(results))

    def place(epoch: int, ap: float) -> str:
        across = left + (width - left - 8) * (epoch - 1) / max(1, epochs - 1)
        return f"{across:.1f},{8 + (height - bottom - 8) * (1 - ap / most):.1f}"

    lines = []
    for each in results:
        points = [place(epoch.epoch, epoch.ap) for epoch in each.history]
        ends = points if len(points) > 1 else [points[0], f"{width - 8},{points[0].partition(',')[2]}"]
        colour = class_colour(kinds.index(each.kind))
        title = f"<title>{escape(WORDS[each.placement])}, seed {each.seed}</title>"
        lines.append(f'<path d="M{" L".join(ends)}" stroke="{colour}">{title}</path>')
    grid = "".join(
        f'<line x1="{left}" x2="{width - 8}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="{left - 6}" y="{y + 4:.1f}" font-size="12" text-anchor="end">{100 * most * share:.1f}</text>'
        for share in (0, 0.5, 1)
        for y in (8 + (height - bottom - 8) * (1 - share),)
    )
    axis = (
        f'<text x="{left}" y="{height - 6}" font-size="12">epoch 1</text>'
        f'<text x="{width - 8}" y="{height - 6}" font-size="12" text-anchor="end">{epochs}</text>'
    )
    keys = "".join(
        f'<span><i class="key" style="border-color:{class_colour(index)}"></i> {escape(WORDS[placement])}, '
        f"{escape(start)} weights</span>"
        for index, (placement, start) in enumerate(kinds)
    )
    return (
        f'<svg class="curves" viewBox="0 0 {width} {height}" role="img" aria-label="AP by epoch">{grid}{axis}'
        f'{"".join(lines)}</svg><div class="shown">{keys}</div>'
    )


def _images(drawn: Mapping[str, Sequence[DrawnImage]], data: BoxedData, least_score: float) -> Iterator[str]:
    keys = "".join(
        f'<span><i class="key" style="border-color:{class_colour(label)}"></i> {escape(name)}</span>'
        for label, name in enumerate(data.class_names[:24])
    )
    yield (
        f"<p>{data.measured_on.capitalize()} images, evenly spaced. Found boxes have a score of at least "
        f"{least_score:g}, which stands in the box. Point at a box to read its class.</p>"
        '<div class="shown"><label><input type="checkbox" id="show-found" checked> found (solid)</label>'
        f'<label><input type="checkbox" id="show-true" checked> true (dashed)</label>{keys}</div>'
    )
    for heading, images in drawn.items():
        if len(drawn) > 1:
            yield f"<h3>{escape(heading)}</h3>"
        yield f'<div class="images">{"".join(image_html(image, data.class_names) for image in images)}</div>'


def _about_images(data: BoxedData) -> Iterator[str]:
    yield (
        f"<p>{counted(len(data.train), 'training image')} with {counted(count_boxes(data.train), 'box', 'boxes')}, "
        f"{counted(len(data.validation), f'{data.measured_on} image')} with "
        f"{counted(count_boxes(data.validation), 'box', 'boxes')}, in "
        f"{counted(len(data.class_names), 'class', 'classes')}.</p>"
    )
    notes = [*data.notes, *map(str, data.left_out)]
    yield f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul>"


def _rows_in_table(heads: Sequence[str], numbers: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f"<th{' class=number' if each in numbers else ''}>{escape(each)}</th>" for each in heads)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(text: str, *, number: bool = False) -> str:
    return f"<td{' class=number' if number else ''}>{escape(text)}</td>"


def _points(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"
