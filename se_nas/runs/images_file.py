"""`images.json` of a run folder: how the images of the search were read. The same as lines of text."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from se_nas.data.inventory import Inventory, LeftOut
from se_nas.errors import InputError
from se_nas.files import read_checked, write_checked
from se_nas.runs.run_folder import RunFolder
from se_nas.wording import printable

MOST_CLASSES = 8
"""The most classes that are listed at the start of a search."""

Count = Annotated[int, Field(ge=0)]


class _LeftOut(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str
    count: Count
    examples: tuple[str, ...]


class _Inventory(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    image_size: Count
    class_names: tuple[str, ...]
    counts: Annotated[tuple[tuple[Count, Count, Count], ...], Field(min_length=1)]
    notes: tuple[str, ...]
    left_out: tuple[_LeftOut, ...]
    warnings: tuple[str, ...]


def write_inventory(folder: RunFolder, inventory: Inventory) -> None:
    """Write the inventory into the run folder."""
    left_out = [{"reason": each.reason, "count": each.count, "examples": each.examples} for each in inventory.left_out]
    content = {
        "name": inventory.name,
        "image_size": inventory.image_size,
        "class_names": inventory.class_names,
        "counts": inventory.counts,
        "notes": inventory.notes,
        "left_out": left_out,
        "warnings": inventory.warnings,
    }
    write_checked(folder.images, content)


def load_inventory(folder: RunFolder) -> Inventory | None:
    """Read the inventory; None if an earlier version wrote none, InputError if it is damaged."""
    if not folder.images.exists():
        return None
    try:
        read = _Inventory.model_validate(read_checked(folder.images))
    except ValidationError:
        raise InputError(
            f"{folder.images}: damaged, so the report leaves it out; a resumed search writes it again"
        ) from None
    left_out = tuple(LeftOut(reason=each.reason, count=each.count, examples=each.examples) for each in read.left_out)
    return Inventory(**{**dict(read), "left_out": left_out})


def short_lines(inventory: Inventory) -> Iterator[str]:
    """Lines, each with a label: the classes with their images, how the set was read, what is left out, and warnings."""
    classes = zip(inventory.class_names, inventory.counts, strict=True)
    rows = [f"{printable(name)} ({_plus(counts)})" for name, counts in classes]
    more = f", and {len(rows) - MOST_CLASSES:,} more" if len(rows) > MOST_CLASSES else ""
    yield f"classes   {', '.join(rows[:MOST_CLASSES])}{more}: training + validation + test images"
    for note in inventory.notes:
        yield f"read      {note}"
    if inventory.left_out:
        yield f"left out  {'; '.join(f'{each.reason}: {each.count:,}' for each in inventory.left_out)}"
    for warning in inventory.warnings:
        yield f"warning   {warning}"


def full_lines(inventory: Inventory) -> Iterator[str]:
    """Lines with every class, how the set was read, and examples of what is left out."""
    names = [printable(name) for name in inventory.class_names]
    width = max(map(len, names))
    yield "classes training + validation + test images"
    for name, counts in zip(names, inventory.counts, strict=True):
        yield f"        {name:<{width}}  {_plus(counts)}"
    for note in inventory.notes:
        yield f"read    {note}"
    for each in inventory.left_out:
        yield f"unused  {each}"
    for warning in inventory.warnings:
        yield f"warning {warning}"


def _plus(counts: tuple[int, int, int]) -> str:
    return " + ".join(f"{count:,}" for count in counts)
