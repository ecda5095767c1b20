"""Reads a recipe from a YAML file. Errors name file, line and key."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, create_model

from se_nas.space.yaml_file import Entry, parse_entry, read_yaml
from se_nas.training.recipe import RANGES, Recipe


def load_recipe(path: Path, *, epochs: int | None, usual_epochs: int) -> Recipe:
    """Read the recipe in `path`. A missing key has the value of the search's recipe. The number of epochs is `epochs`,
    else the file's, else `usual_epochs`. InputError if the file is not a valid recipe."""
    entry = parse_entry(_RecipeEntry, read_yaml(path))
    given: Mapping[str, Any] = entry.model_dump(exclude_unset=True)
    wanted = epochs if epochs is not None else given.get("epochs", usual_epochs)
    return Recipe(**{**given, "epochs": wanted})


def _field(name: str, kind: Any) -> Any:
    if name not in RANGES:
        return kind
    least, most = RANGES[name]
    limits = Field(ge=least, allow_inf_nan=False) if most == math.inf else Field(ge=least, le=most, allow_inf_nan=False)
    return Annotated[kind, limits]


def _entry() -> type[Entry]:
    """Make the file's model: a key for each part of a recipe, with its range and its default."""
    keys: dict[str, Any] = {
        part.name: (_field(part.name, part.type), None if part.default is MISSING else part.default)
        for part in fields(Recipe)
    }
    return create_model("RecipeEntry", __base__=Entry, **keys)


_RecipeEntry = _entry()
