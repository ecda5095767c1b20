"""Files that are either the old ones or the new ones, never half of each."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

import yaml

from se_nas.errors import WriteError
from se_nas.seals import seal


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replace `path` by `content` so that a crash at any moment leaves a whole file (fsync, then rename); WriteError
    where the disk takes it not."""
    data = content.encode() if isinstance(content, str) else content
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data)
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror or error})") from None


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; NaN and infinity, which JSON does not know, are refused."""
    write_atomically(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_sealed(path: Path, value: dict[str, Any]) -> None:
    """Write an object as JSON with its seal, for `read_sealed`."""
    write_json(path, {**value, "seal": seal(value)})


def write_yaml(path: Path, value: Any) -> None:
    """Write `value` as YAML, keys in their order."""
    write_atomically(path, yaml.safe_dump(value, sort_keys=False))


def read_sealed(path: Path) -> dict[str, Any] | None:
    """The object that `write_sealed` wrote; None when the file is not there, or is not as it was written."""
    try:
        value = json.loads(path.read_text()) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    sealed = value.pop("seal", None)
    return value if sealed == seal(value) else None
