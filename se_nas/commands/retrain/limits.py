"""The flags `--max-NAME` of `retrain`: an upper limit for each cost, of which this file names none."""

from dataclasses import fields, make_dataclass
from typing import Annotated, Any, Optional

from se_nas.commands.flags import flag
from se_nas.costs import COSTS, CostKind
from se_nas.errors import InputError

START = "max_"


def limit_flags() -> Any:
    """A dataclass with a field `max_NAME` for each cost, which is a text or a number; None if there is no limit."""
    text = Optional[str]  # noqa: UP045 - quick to check for tyro, as in `flags.py`
    added = [(f"{START}{name}", Annotated[text, _flag(name, kind)], None) for name, kind in COSTS.items()]
    return make_dataclass("CostLimits", added, frozen=True, slots=True, kw_only=True)


def spelled_limit(name: str, limit: object) -> str:
    """The flag that limits a cost, as a user writes it.

    >>> spelled_limit("flops", "120M")
    '--max-flops 120M'
    """
    return f"--{f'{START}{name}'.replace('_', '-')} {limit}"


def limits_in(request: Any) -> dict[str, float]:
    """The upper limit of each limited cost. InputError if a limit cannot be parsed."""
    given = {each.name: getattr(request, each.name) for each in fields(request) if each.name.startswith(START)}
    return {field.removeprefix(START): _parsed(field, limit) for field, limit in given.items() if limit is not None}


def _parsed(field: str, limit: object) -> float:
    name = field.removeprefix(START)
    try:
        return COSTS[name].parse(str(limit))
    except ValueError as error:
        raise InputError(f"{spelled_limit(name, limit)}: {error}") from None


def _flag(name: str, kind: CostKind) -> Any:
    amount = f"X {kind.unit} {name}" if kind.unit else f"N {kind.column}, e.g. 120M"
    known = ", if the search has measured it" if kind.measured else ""
    return flag("X" if kind.unit else "N", "", f"Pick among networks with at most {amount}{known}.")
