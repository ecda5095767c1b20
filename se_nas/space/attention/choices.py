"""AttentionChoices: what a design space leaves open about the attention of one stage."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from se_nas.space.attention import DEFAULT_ATTENTION
from se_nas.space.attention.attention import ChannelAttention
from se_nas.space.decisions import Assignment, Property, Role, Setting, settle, values_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionChoices:
    """The settings of one stage's channel attention. `properties` are those of the keys of its kind."""

    kind: type[ChannelAttention]
    present: Setting[bool]
    site: Setting[str]
    properties: Mapping[str, Setting[Any]]

    def settings(self) -> Iterator[Property]:
        """Yield every property, fixed or open, by its name in the stage."""
        yield Property(self.kind.name, self.present, Role.ATTENTION)
        if self.present is not False:
            for name, setting in {"site": self.site, **self.properties}.items():
                yield Property(self._name(name), setting, Role.ATTENTION)

    def decode(self, stage: str, assignment: Assignment) -> ChannelAttention | None:
        """The attention that an assignment gives to a stage. ValueError if there is no such attention."""
        if not settle(self.present, f"{stage}.{self.kind.name}", assignment):
            return None
        settings = {"site": self.site, **self.properties}
        return self.kind(
            **{name: settle(setting, f"{stage}.{self._name(name)}", assignment) for name, setting in settings.items()}
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
        return sum(present if presence else 1 for presence in presences)
