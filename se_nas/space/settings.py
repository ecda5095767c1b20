"""The settings in a YAML file (a value, a list of choices, or `{from, to, step}`), and keys that take a setting."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from se_nas.space.decisions import Categorical, FloatRange, IntRange, Role, Setting, Value
from se_nas.space.yaml_file import describe_value

MOST_WIDTH = 100_000
MOST_IMAGE_SIZE = 4096


@dataclass(frozen=True, slots=True)
class Parser:
    """Reads a setting. All of its values must fulfil `fits`; `what` describes such a value in messages."""

    what: str
    fits: Callable[[Any], bool]
    range_type: type[IntRange] | type[FloatRange] | None = None
    is_fixed: bool = False
    """Whether only a single value is allowed, so that a search cannot decide on it."""

    def __call__(self, given: Any) -> Setting[Any]:
        """The setting that a YAML file gives. ValueError describes what is allowed."""
        if isinstance(given, IntRange | FloatRange | Categorical):
            return given
        if isinstance(given, list) and not self.is_fixed:
            choices = Categorical(tuple(self.value(item) for item in given))
            return choices if len(choices.choices) > 1 else choices.choices[0]
        if isinstance(given, dict) and self.range_type is not None:
            return self._range(given)
        return self.value(given)

    def value(self, given: Any) -> Value:
        """The single value that a YAML file gives. ValueError describes what is allowed."""
        if isinstance(given, float | int | str | bool) and self.fits(given):
            return given
        raise ValueError(f"expected {self.what}, but got {describe_value(given)}")

    def _range(self, given: dict[str, Any]) -> Setting[Any]:
        keys = {"from", "to", "step"} if self.range_type is IntRange else {"from", "to"}
        if not {"from", "to"} <= given.keys() <= keys:
            raise ValueError(f"a range has the keys {', '.join(sorted(keys))}, but got {', '.join(map(str, given))}")
        low, high = self.value(given["from"]), self.value(given["to"])
        if self.range_type is FloatRange:
            return FloatRange(float(low), float(high))
        step = given.get("step", 1)
        if type(step) is not int:
            raise ValueError(f"expected a whole number as step, but got {describe_value(step)}")
        values = IntRange(int(low), int(high), step)
        if any(not self.fits(value) for value in values.values()):
            raise ValueError(f"expected {self.what}, but a range with step={step} holds others")
        return values


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a block family or of an attention in YAML files.

    `parser` reads it in a search space, and `written`, if given, in the file of a single network. Without a `default`,
    a file must have the key.
    """

    parser: Parser
    default: Value | None = None
    role: Role = Role.OTHER
    written: Parser | None = None

    @property
    def setting_type(self) -> Any:
        """The type of the key's field in a search space, for pydantic."""
        return setting(self.parser)

    @property
    def value_type(self) -> Any:
        """The type of the key's field in the file of a single network, for pydantic."""
        return setting((self.written or self.parser).value)


def read_by(read: Callable[[Any], Any]) -> tuple[Any, ...]:
    """The annotations of a pydantic field whose value `read` makes from the value in the file."""
    return BeforeValidator(read), WithJsonSchema({})


def field_default(value: Any) -> Any:
    """The default of a pydantic field. A key without a default is needed."""
    return ... if value is None else value


def setting(read: Callable[[Any], Any]) -> Any:
    """The type of a pydantic field whose value `read` makes from the value in the file."""
    return Annotated[Any, *read_by(read)]


def choice_of(names: Iterable[str], *, is_fixed: bool = False) -> Parser:
    """A parser of one of these names."""
    known = tuple(names)
    return Parser(f"one of {', '.join(known)}", known.__contains__, is_fixed=is_fixed)


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number."""
    return type(value) is int


def is_real(value: Any) -> bool:
    """Whether a value is a finite number."""
    return type(value) in (int, float) and -math.inf < value < math.inf


WIDTH = Parser(f"a whole number of 1 to {MOST_WIDTH:,}", lambda v: is_whole(v) and 1 <= v <= MOST_WIDTH, IntRange)
IMAGE_SIZE = Parser(
    f"a whole number of 1 to {MOST_IMAGE_SIZE:,}", lambda v: is_whole(v) and 1 <= v <= MOST_IMAGE_SIZE, IntRange
)
STRIDE = Parser("a stride of 1 to 4", lambda v: is_whole(v) and 1 <= v <= 4, IntRange)
DEPTH = Parser("a depth of 1 to 200", lambda v: is_whole(v) and 1 <= v <= 200, IntRange)
FLAG = Parser("true or false", lambda v: type(v) is bool)

Width, Stride, Depth, Presence, ImageSize = (setting(parser) for parser in (WIDTH, STRIDE, DEPTH, FLAG, IMAGE_SIZE))
"""The types of fields that these parsers read, for pydantic."""
