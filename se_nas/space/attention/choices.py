"""AttentionChoices: what a design space leaves open about the attention of one stage."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from se_nas.space.attention import DEFAULT_ATTENTION
from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.decisions import (
    Assignment,
    Categorical,
    FloatRange,
    IntRange,
    Property,
    Role,
    Setting,
    Value,
    settle,
    values_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionChoices:
    """The settings of one stage's channel attention. `properties` are those of the keys of its kind.

    With `blocks`, each of the first `blocks` blocks has decisions of its own. Without it, all blocks share them.
    """

    kind: type[ChannelAttention]
    present: Setting[bool]
    site: Setting[str]
    properties: Mapping[str, Setting[Any]]
    blocks: int | None = None

    def settings(self) -> Iterator[Property]:
        """Yield every property, fixed or open, by its name in the stage, e.g. `se` or `block2.se`."""
        for place in self._places():
            yield Property(f"{place}{self.kind.name}", self.present, Role.ATTENTION)
            if self.present is not False:
                for name, setting in {"site": self.site, **self.properties}.items():
                    yield Property(f"{place}{self._name(name)}", setting, Role.ATTENTION)

    def decode(self, stage: str, assignment: Assignment, *, depth: int) -> tuple[ChannelAttention | None, ...]:
        """The attention that an assignment gives to each block. ValueError if there is no such attention."""
        specs = [self._decode(f"{stage}.{place}", assignment) for place in self._places()[:depth]]
        return tuple(specs) if self.blocks else tuple(specs * depth)

    def encode(self, stage: str, attention: Sequence[ChannelAttention | None]) -> dict[str, Value]:
        """The values of the open decisions that give the blocks of a stage this attention.

        Properties of attention that is not there have any value.
        """
        assignment: dict[str, Value] = {}
        for index, place in enumerate(self._places()):
            own = attention[index : index + 1] if self.blocks else attention
            spec = next((each for each in own if each is not None), None)
            values: dict[str, tuple[Setting[Any], Any]] = {
                self.kind.name: (self.present, spec is not None),
                **{
                    self._name(key): (setting, getattr(spec, key, None))
                    for key, setting in {"site": self.site, **self.properties}.items()
                },
            }
            for name, (setting, value) in values.items():
                if isinstance(setting, Categorical | IntRange | FloatRange):
                    usual = setting.low if isinstance(setting, FloatRange) else setting.values()[0]
                    assignment[f"{stage}.{place}{name}"] = usual if value is None else value
        return assignment

    def every(self) -> Iterator[ChannelAttention]:
        """Yield every attention that a block may get; nothing if a property is a real range."""
        settings: dict[str, Setting[Any]] = {"site": self.site, **self.properties}
        if self.present is not False:
            for values in product(*(values_of(setting) or () for setting in settings.values())):
                chosen: dict[str, Any] = dict(zip(settings, values, strict=True))
                yield self.kind(**chosen)

    def _places(self) -> list[str]:
        return [f"block{number}." for number in range(1, self.blocks + 1)] if self.blocks else [""]

    def _decode(self, place: str, assignment: Assignment) -> ChannelAttention | None:
        if not settle(self.present, f"{place}{self.kind.name}", assignment):
            return None
        settings = {"site": self.site, **self.properties}
        return self.kind(
            **{name: settle(setting, f"{place}{self._name(name)}", assignment) for name, setting in settings.items()}
        )

    def _name(self, key: str) -> str:
        """The name of a key in the stage. Only the default kind has no prefix."""
        return key if self.kind.name == DEFAULT_ATTENTION else f"{self.kind.name}.{key}"

    def count_bound(self) -> int | None:
        """The number of ways to set the attention; no attention counts as one. `None` if a property is a real range."""
        presences = values_of(self.present)
        choices = [values_of(setting) for setting in (self.site, *self.properties.values())]
        if presences is None or None in choices:
            return None
        present = math.prod(len(values or ()) for values in choices)
        return int(sum(present if presence else 1 for presence in presences) ** (self.blocks or 1))
