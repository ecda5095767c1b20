"""Files that are either the old ones or the new ones, never half of each."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import yaml

from se_nas.errors import WriteError


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
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON; NaN and infinity, which JSON does not know, are refused."""
    write_atomically(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_yaml(path: Path, value: Any) -> None:
    """Write `value` as YAML, keys in their order."""
    write_atomically(path, yaml.safe_dump(value, sort_keys=False))


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None when the file is not there, not whole, or holds something else."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
