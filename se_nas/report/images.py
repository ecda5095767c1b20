"""The section of the page on the images: how they were read, how many each class has, and what was left out."""

from collections.abc import Iterator
from html import escape

from se_nas.data.inventory import Inventory
from se_nas.report.tables import classes_table, left_out_table


def images_section(inventory: Inventory) -> Iterator[str]:
    """Yield the HTML of the section, warnings first."""
    train, validation, test = inventory.totals
    for warning in inventory.warnings:
        yield f'<p><strong class="mark">Warning:</strong> {escape(warning)}.</p>'
    yield (
        f"<p>{train:,} training, {validation:,} validation and {test:,} test images of {inventory.image_size} px, in "
        f"{len(inventory.class_names):,} classes. The search saw training and validation images only.</p>"
    )
    if inventory.notes:
        yield f"<ul>{''.join(f'<li>{escape(note)}</li>' for note in inventory.notes)}</ul>"
    yield classes_table(inventory)
    if inventory.left_out:
        yield "<p>Left out:</p>"
        yield left_out_table(inventory)
    yield '<p class="data">Data: <a href="images.json">images.json</a></p>'
