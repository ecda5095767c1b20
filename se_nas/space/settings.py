"""The settings in a YAML file: a value, a list of choices, or `{from, to, step}`."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from se_nas.space.decisions import Categorical, FloatRange, IntRange, Setting, Value
from se_nas.space.regnet import QUANTUM
from se_nas.space.squeeze_excite import Reference, Site
from se_nas.space.yaml_file import describe_value

MOST_WIDTH = 100_000


@dataclass(frozen=True, slots=True)
class _Parser:
    """Reads a setting. All of its values must fulfil `fits`; `what` describes such a value in messages."""

    what: str
    fits: Callable[[Any], bool]
    range_type: type[IntRange] | type[FloatRange] | None = None

    def __call__(self, given: Any) -> Setting[Any]:
        if isinstance(given, IntRange | FloatRange | Categorical):
            return given
        if isinstance(given, list):
            choices = Categorical(tuple(self._value(item) for item in given))
            return choices if len(choices.choices) > 1 else choices.choices[0]
        if isinstance(given, dict) and self.range_type is not None:
            return self._range(given)
        return self._value(given)

    def _value(self, given: Any) -> Value:
        if isinstance(given, float | int | str | bool) and self.fits(given):
            return given
        raise ValueError(f"expected {self.what}, but got {describe_value(given)}")

    def _range(self, given: dict[str, Any]) -> Setting[Any]:
        keys = {"from", "to", "step"} if self.range_type is IntRange else {"from", "to"}
        if not {"from", "to"} <= given.keys() <= keys:
            raise ValueError(f"a range has the keys {', '.join(sorted(keys))}, but got {', '.join(map(str, given))}")
        low, high = self._value(given["from"]), self._value(given["to"])
        if self.range_type is FloatRange:
            return FloatRange(float(low), float(high))
        step = given.get("step", 1)
        if type(step) is not int:
            raise ValueError(f"expected a whole number as step, but got {describe_value(step)}")
        values = IntRange(int(low), int(high), step)
        if any(not self.fits(value) for value in values.values()):
            raise ValueError(f"expected {self.what}, but a range with step={step} holds others")
        return values


def _whole(value: Any) -> bool:
    return type(value) is int


def _real(value: Any) -> bool:
    return type(value) in (int, float) and -math.inf < value < math.inf


def _bottleneck(value: Any) -> bool:
    return _real(value) and 1 / 64 <= value <= 64 and math.isclose(whole := max(value, 1 / value), round(whole))


def _setting(parser: _Parser) -> Any:
    return Annotated[Any, BeforeValidator(parser), WithJsonSchema({})]


Count = _setting(
    _Parser(f"a whole number of 1 to {MOST_WIDTH:,}", lambda v: _whole(v) and 1 <= v <= MOST_WIDTH, IntRange)
)
Stride = _setting(_Parser("a stride of 1 to 4", lambda v: _whole(v) and 1 <= v <= 4, IntRange))
Depth = _setting(_Parser("a depth of 1 to 200", lambda v: _whole(v) and 1 <= v <= 200, IntRange))
Quantised = _setting(
    _Parser(
        f"a positive multiple of {QUANTUM}, at most {MOST_WIDTH:,}",
        lambda v: _whole(v) and 0 < v <= MOST_WIDTH and v % QUANTUM == 0,
        IntRange,
    )
)
Slope = _setting(
    _Parser(
        f"a number of at least 0 and at most {MOST_WIDTH:,}", lambda v: _real(v) and 0 <= v <= MOST_WIDTH, FloatRange
    )
)
Multiplier = _setting(_Parser("a number above 1", lambda v: _real(v) and v > 1, FloatRange))
Bottleneck = _setting(_Parser("a whole number up to 64 or one over such a number", _bottleneck))
Reduction = _setting(_Parser("a number of at least 1", lambda v: _real(v) and v >= 1))
Presence = _setting(_Parser("true or false", lambda v: type(v) is bool))


def _member(enum: type[StrEnum]) -> Callable[[Any], bool]:
    return lambda value: value in list(enum)


SiteName = _setting(_Parser(f"one of {', '.join(Site)}", _member(Site)))


def _reference(given: Any) -> Reference:
    if given not in list(Reference):
        raise ValueError(f"expected one of {', '.join(Reference)}, but got {describe_value(given)}")
    return Reference(given)


ReferenceName = Annotated[Reference, BeforeValidator(_reference)]
