"""The file of a latency table: JSON that can be carried to another machine.

A file of the first format has no factor for attention. It predicts as it did when it was measured, so a search that
began with it stays the same.
"""

import json
import math
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from se_nas.checksums import checksum_of_bytes
from se_nas.errors import InputError
from se_nas.training.known_latency.limits import MOST_IMAGES, MOST_THREADS
from se_nas.training.known_latency.table import Correction, LatencyTable, Setting, times_of

FIRST_FORMAT, FORMAT = "se-nas latency table 1", "se-nas latency table 2"

NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Setting(_Entry):
    runtime: str
    device: str
    batch: Annotated[int, Field(ge=1, le=MOST_IMAGES)]
    threads: Annotated[int, Field(ge=1, le=MOST_THREADS)]
    classes: Annotated[int, Field(ge=1)]
    image_size: Annotated[int, Field(ge=1)]


class _Correction(_Entry):
    constant: NotNegative = 0.0
    each: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    scale: Positive = 1.0
    attention: Positive | None = None
    error: NotNegative | None = None


class _Table(_Entry):
    format: Literal["se-nas latency table 1", "se-nas latency table 2"]
    setting: _Setting
    correction: _Correction = _Correction()
    networks: Annotated[int, Field(ge=0)] = 0
    milliseconds: Annotated[dict[str, Positive], Field(min_length=1)]


def table_text(table: LatencyTable) -> str:
    """The content of the file."""
    setting, correction = table.setting, table.correction
    content = {
        "format": FIRST_FORMAT if correction.attention is None else FORMAT,
        "setting": {
            "runtime": setting.runtime,
            "device": setting.device,
            "batch": setting.batch,
            "threads": setting.threads,
            "classes": setting.classes,
            "image_size": setting.image_size,
        },
        "correction": {
            "constant": correction.constant,
            "each": correction.each,
            "scale": correction.scale,
            **({} if correction.attention is None else {"attention": correction.attention}),
            "error": correction.error,
        },
        "networks": table.networks,
        "milliseconds": dict(table.milliseconds),
    }
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def load_table(path: Path) -> tuple[LatencyTable, bytes]:
    """Read a table, and return it with the content of its file. InputError if it is none, or is damaged."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    return parse_table(content, path), content


def parse_table(content: bytes, path: Path) -> LatencyTable:
    """The table in the content of a file. InputError names `path` and what is wrong."""
    try:
        read = _Table.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(
            f"{path}: not a latency table ({where[:80]}: {first['msg'][:120]}); `latency` measures one"
        ) from None
    table = LatencyTable(
        setting=Setting(**read.setting.model_dump()),
        milliseconds=read.milliseconds,
        correction=Correction(**read.correction.model_dump()),
        networks=read.networks,
    )
    if (read.format == FORMAT) != (read.correction.attention is not None):
        raise InputError(
            f"{path}: not a latency table (correction.attention: expected in '{FORMAT}' alone); `latency` measures one"
        )
    for name in read.milliseconds:
        predicted = table.correction.predict(times_of((name,), read.milliseconds))
        if not 0 < predicted < math.inf:
            raise InputError(
                f"{path}: not a latency table (correction: it predicts {predicted:g} ms for {name[:80]}, expected a "
                "number above 0); `latency` measures one"
            )
    return table


def load_kept_table(path: Path, seal: str) -> LatencyTable:
    """Read the copy in a run folder, whose checksum is `seal`. InputError if it is not the table of the search."""
    table, content = load_table(path)
    if checksum_of_bytes(content) != seal:
        raise InputError(
            f"{path}: not the table that the search was begun with, so it was damaged or edited; restore it from a copy"
        )
    return table
