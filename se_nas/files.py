"""Atomic writing of files: after a crash, a file has its old content or its new content, never a mixture."""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from se_nas.checksums import checksum
from se_nas.errors import WriteError


def write_atomically(path: Path, content: bytes | str) -> None:
    """Replace the file at `path` by `content`. A crash of the program or the machine never leaves a partial file.

    Once this has returned, the new file survives a crash (fsync of the file, rename, fsync of its folder). Text is
    written as UTF-8 in every locale. If UTF-8 lacks a character (from a file name that is not UTF-8), its code is
    written. WriteError if the file cannot be written.

    """
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    try:
        make_folder(path.parent)
        _replace(path, data)
    except OSError as error:
        raise WriteError(f"{path}: cannot be written ({error.strerror or error})") from None


def put_in_place(written: Path, path: Path) -> None:
    """Rename a complete file to its final name, with the same syncs as `write_atomically`. OSError if that fails."""
    with written.open("rb") as file:
        os.fsync(file.fileno())
    written.replace(path)
    sync_folder(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder and missing folders above it. They are on disk when this returns."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Sync the names in a folder to disk, if the file system supports that."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # EINVAL and ENOTSUP from some network file systems
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON. ValueError for NaN and infinity, which JSON does not have."""
    write_atomically(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_checked(path: Path, value: dict[str, Any]) -> None:
    """Write an object as JSON with its checksum, for `read_checked`."""
    write_json(path, {**value, "seal": checksum(value)})


def write_yaml(path: Path, value: Any) -> None:
    """Write `value` as YAML with its keys in their order, with libyaml if it is installed (same text, less time)."""
    import yaml  # slow to import, and most commands write YAML only when they have trained

    dumper: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    write_atomically(path, yaml.dump(value, Dumper=dumper, sort_keys=False))


def read_checked(path: Path) -> dict[str, Any] | None:
    """The object that `write_checked` wrote; None if the file does not exist or its checksum does not match."""
    try:
        value = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    sealed = value.pop("seal", None)
    return value if sealed == checksum(value) else None
