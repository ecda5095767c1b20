"""The identity of a search: the facts that W&B and titles state. It contains no path of this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchIdentity:
    """The id of a search's W&B run, its title, the name of its data, its tags, its settings, and its budget."""

    run_id: str
    title: str
    data: str
    tags: tuple[str, ...]
    settings: Mapping[str, Any]
    budget: int
