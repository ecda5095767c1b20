"""The decisions that a design space leaves open, their roles, and assignments, which give each decision a value."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any, NamedTuple, TypeAlias, TypeVar

IMAGE_SIZE = "image_size"
"""The name of the decision on the side of the images in pixels."""

Value = bool | int | float | str
Assignment = Mapping[str, Value]
"""One value for each decision of a space, by the decision's name."""


class Role(StrEnum):
    """The part of a network that a decision is about. Analyses go by roles, never by names."""

    ATTENTION = "attention"
    """Whether a stage has channel attention, where, and how large."""
    WIDTH = "width"
    """A number of channels, or a number from which several widths follow."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Categorical:
    """A decision among a few values without an order."""

    choices: tuple[Value, ...]
    role: Role = field(default=Role.OTHER, kw_only=True, compare=False)

    def __post_init__(self) -> None:
        if not self.choices:
            raise ValueError("a list of choices must not be empty")
        if len({(type(choice) is bool, choice) for choice in self.choices}) != len(self.choices):
            raise ValueError(f"choices must differ, but got {list(self.choices)}")

    def sample(self, rng: Random) -> Value:
        """Draw a value. All values are equally likely."""
        return rng.choice(self.choices)

    def contains(self, value: Value) -> bool:
        """Whether `value` equals one of the choices and has the same type."""
        return _typed(value) in map(_typed, self.choices)

    def values(self) -> tuple[Value, ...]:
        """All possible values."""
        return self.choices

    def neighbours(self, value: Value) -> Iterator[Value]:
        """All other choices."""
        return (choice for choice in self.choices if _typed(choice) != _typed(value))


@dataclass(frozen=True, slots=True)
class IntRange:
    """A whole number from `low` to `high`, both included, in steps."""

    low: int
    high: int
    step: int = 1
    role: Role = field(default=Role.OTHER, kw_only=True, compare=False)

    def __post_init__(self) -> None:
        if self.low > self.high or self.step < 1 or (self.high - self.low) % self.step:
            raise ValueError(
                "a range needs from <= to and a positive step that divides to - from, but got "
                f"from={self.low}, to={self.high}, step={self.step}"
            )

    def sample(self, rng: Random) -> int:
        """Draw a value. All values are equally likely."""
        return rng.randrange(self.low, self.high + 1, self.step)

    def contains(self, value: Value) -> bool:
        """Whether `value` is a whole number on the range's grid."""
        return type(value) is int and value in range(self.low, self.high + 1, self.step)

    def values(self) -> range:
        """All possible values."""
        return range(self.low, self.high + 1, self.step)

    def neighbours(self, value: Value) -> Iterator[Value]:
        """The values one step down and one step up, if they are in the range."""
        return (near for near in (int(value) - self.step, int(value) + self.step) if self.contains(near))


@dataclass(frozen=True, slots=True)
class FloatRange:
    """A real number from `low` to `high`, both included."""

    low: float
    high: float
    role: Role = field(default=Role.OTHER, kw_only=True, compare=False)

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"a range needs from < to, but got from={self.low}, to={self.high}")

    def sample(self, rng: Random) -> float:
        """Draw a value uniformly."""
        return rng.uniform(self.low, self.high)

    def contains(self, value: Value) -> bool:
        """Whether `value` is a number in the range."""
        return type(value) in (int, float) and self.low <= float(value) <= self.high

    def values(self) -> None:
        """None: a real range cannot be listed."""

    def neighbours(self, value: Value) -> Iterator[Value]:
        """The values a tenth of the range down and up, if they are in the range."""
        tenth = (self.high - self.low) / 10
        return (near for near in (float(value) - tenth, float(value) + tenth) if self.contains(near))


Decision = Categorical | IntRange | FloatRange

T = TypeVar("T", bound=Value)
Setting: TypeAlias = T | Decision
"""A property in a design space: a fixed value, or the decision that gives the value."""


class Property(NamedTuple):
    """A property in a design space, with its name and its role."""

    name: str
    setting: Setting[Any]
    role: Role = Role.OTHER


def settle(setting: "Setting[T]", name: str, assignment: Assignment) -> T:
    """The value of a setting: the fixed value, or the value in the assignment under `name`."""
    if isinstance(setting, Categorical | IntRange | FloatRange):
        return assignment[name]  # type: ignore[return-value]  # DesignSpace.check compared the types
    return setting


def values_of(setting: "Setting[Any]") -> tuple[Value, ...] | None:
    """All values that a setting can have; None for a real range."""
    if isinstance(setting, FloatRange):
        return None
    if isinstance(setting, Categorical | IntRange):
        return tuple(setting.values())
    return (setting,)


def _typed(value: Value) -> tuple[type, Value]:
    return type(value), value  # True == 1 in Python, but not in a design space
