"""Reads strict YAML: the content of a file, and the line of each key.

Only plain values are allowed. Duplicate keys, tags, anchors and aliases are refused, so a file means only what it
shows.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from se_nas.errors import InputError
from se_nas.wording import printable, suggest

MOST_BYTES = 50_000
MOST_NESTING = 50

Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A parsed file: its plain data, and the line of each key."""

    path: Path
    data: dict[str, Any]
    lines: dict[Location, int]

    def error(self, location: Location, message: str) -> InputError:
        """An InputError that names the file, the line and the key."""
        known = location
        while known and known not in self.lines:
            known = known[:-1]
        key = ".".join(shorten(str(part)) for part in location)
        return InputError(printable(f"{self.path}:{self.lines.get(known, 1)}: {key + ': ' if key else ''}{message}"))


def read_yaml(path: Path) -> YamlFile:
    """Parse a YAML file. InputError with file and line for any fault."""
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise InputError(f"{path}: cannot be read (not a file)")
        if path.stat().st_size > MOST_BYTES:
            raise InputError(f"{path}: larger than {MOST_BYTES:,} bytes; that is not a settings file")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return parse_yaml(path, content)


def parse_yaml(path: Path, content: bytes) -> YamlFile:
    """Parse the content of a YAML file. InputError with file and line for any fault."""
    try:
        root = yaml.compose(content.decode(), Loader=_NoAliases)
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise InputError(f"{path}:{line}: not valid YAML ({error.problem})") from None
    except InputError:
        raise
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    except RecursionError:
        raise InputError(f"{path}: nested more than {MOST_NESTING} deep") from None
    file = YamlFile(path=path, data={}, lines={})
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"{path}:1: expected `key: value` lines, but the file holds {_kind(root)}")
    file.data.update(_construct(root, (), file))
    return file


class Entry(BaseModel):
    """A mapping in a file. Unknown keys are refused, and values are not converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


M = TypeVar("M", bound=BaseModel)


def parse_entry(model: type[M], file: YamlFile) -> M:
    """Read the file's content into a `model`. InputError names the first key that does not fit."""
    return parse_part(model, file.data, (), file)


def parse_part(model: type[M], data: Any, at: Location, file: YamlFile) -> M:
    """Read `data`, the part of the file at `at`, into a `model`. InputError names the first key that does not fit."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise _explain(error, at, file, _KeysAt(model)) from None


def _explain(error: ValidationError, at: Location, file: YamlFile, keys_of: "_KeysAt") -> InputError:
    """The first error of pydantic as one line with file, line, key and the expected value."""
    first = min(error.errors(), key=lambda entry: entry["type"] == "missing")
    location: Location = (*at, *first["loc"])

    def keys_at(place: Location) -> Iterable[str]:
        return keys_of(place[len(at) :])

    match first["type"]:
        case "extra_forbidden":
            return file.error(location, f"unknown key; {suggest(str(location[-1]), sorted(keys_at(location[:-1])))}")
        case "missing":
            return file.error(location, "this key is needed, but missing")
        case "value_error":
            return file.error(location, str(first["ctx"]["error"]))
        case _:
            wanted = _wanted(first, keys_at(location))
            return file.error(location, f"expected {wanted}, but got {describe_value(first['input'])}")


class _KeysAt:
    """Lists the keys that a pydantic model has at a location."""

    def __init__(self, model: Any) -> None:
        self._schema = model.model_json_schema()

    def __call__(self, location: Location) -> Iterable[str]:
        """The known keys below `location`; none if the model has no such location."""
        schema = self._schema
        for part in location:
            schema = self._resolve(schema)
            schema = schema.get("items", {}) if isinstance(part, int) else schema.get("properties", {}).get(part, {})
        return list(self._resolve(schema).get("properties", {}))

    def _resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        for branch in (schema, *schema.get("anyOf", ())):
            if "$ref" in branch:
                return dict(self._schema["$defs"][branch["$ref"].rsplit("/", 1)[-1]])
            if "items" in branch:
                return dict(branch)
        return schema


def describe_value(value: Any) -> str:
    """A value in the short form of an error message. For a text that looks like a number, it says why it is a text."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    shown = shorten(repr(value))
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return f"the text {shown}"
        hint = f" (YAML reads it as a text; write the number as {_as_yaml(number)})" if math.isfinite(number) else ""
        return f"the text {shown}{hint}"
    return shown


def join_keys(names: Sequence[str]) -> str:
    """Names of keys in a message.

    >>> join_keys(["stages", "trunk", "regnet"])
    '`stages`, `trunk` or `regnet`'
    """
    *others, last = (f"`{name}`" for name in names)
    return f"{', '.join(others)} or {last}" if others else last


def shorten(text: str) -> str:
    """Shorten a text to at most 60 characters."""
    return text if len(text) <= 60 else text[:57] + "..."


def _wanted(error: ErrorDetails, keys: Iterable[str]) -> str:
    """The value that pydantic expected, in the words of a settings file."""
    limits = error.get("ctx", {})
    match error["type"]:
        case "model_type":
            return f"the keys {', '.join(sorted(keys))}"
        case "int_type" | "int_from_float":
            return "a whole number"
        case "float_type":
            return "a number"
        case "string_type":
            return "a text"
        case "list_type":
            return "a list"
        case "greater_than":
            return f"more than {limits['gt']}"
        case "greater_than_equal":
            return f"at least {limits['ge']}"
        case "less_than_equal":
            return f"at most {limits['le']}"
        case "too_short":
            return f"at least {limits['min_length']} entry"
        case "too_long":
            return f"at most {limits['max_length']} entries"
        case "literal_error":
            return str(limits["expected"])
        case "string_pattern_mismatch":
            return "up to 64 letters, digits, `_`, `.` or `-`, the first a letter or digit"
        case _:
            return error["msg"].removeprefix("Input should be ")


def _as_yaml(number: float) -> str:
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    text = repr(number)
    return text.replace("e", ".0e", 1) if "e" in text and "." not in text else text


class _NoAliases(yaml.SafeLoader):
    """Refuses anchors and aliases. Settings do not need them, and a small file could expand to a huge one."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(problem="anchors and aliases are not allowed", problem_mark=event.start_mark)
        if tag := getattr(event, "tag", None):
            raise yaml.MarkedYAMLError(problem=f"tags such as {tag!r} are not allowed", problem_mark=event.start_mark)
        self.depth += 1
        if self.depth > MOST_NESTING:
            raise yaml.MarkedYAMLError(problem=f"nested more than {MOST_NESTING} deep", problem_mark=event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _construct(node: yaml.Node, location: Location, file: YamlFile) -> Any:
    file.lines[location] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, location, file)
    if isinstance(node, yaml.SequenceNode):
        return [_construct(child, (*location, index), file) for index, child in enumerate(node.value)]
    return _scalar(node, location, file)


def _mapping(node: yaml.MappingNode, location: Location, file: YamlFile) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == "tag:yaml.org,2002:merge":
            here = (*location, str(key_node.value) if isinstance(key_node, yaml.ScalarNode) else "?")
            file.lines[here] = key_node.start_mark.line + 1
            raise file.error(here, "a key must be a plain word")
        key = str(key_node.value)
        here = (*location, key)
        if key in values:
            file.lines[here] = key_node.start_mark.line + 1
            raise file.error(here, "this key is given twice")
        values[key] = _construct(value_node, here, file)
        file.lines[here] = key_node.start_mark.line + 1
    return values


def _scalar(node: yaml.Node, location: Location, file: YamlFile) -> Any:
    known = {"null", "bool", "int", "float", "str"}
    prefix, _, kind = node.tag.rpartition(":")
    if prefix != "tag:yaml.org,2002" or kind not in known:
        raise file.error(
            location, f"only plain values are allowed here, but this is {kind or node.tag} {shorten(repr(node.value))}"
        )
    try:
        return yaml.SafeLoader("").construct_object(node)
    except (ValueError, yaml.YAMLError):
        raise file.error(location, f"{shorten(repr(node.value))} is not a valid {kind}") from None


def _kind(node: Any) -> str:
    return {yaml.SequenceNode: "a list", yaml.ScalarNode: "a single value"}.get(type(node), "nothing")
