"""Checksums: a short hash is stored with each value, and it reveals a flipped bit or an edit."""

import hashlib
import json
from typing import Any


def checksum(value: Any) -> str:
    """The checksum of a JSON value: 64 bits of SHA-256 in hexadecimal. The order of keys makes no difference.

    >>> checksum({"a": 1, "b": (0.5,)}) == checksum({"b": [0.5], "a": 1}) != checksum({"a": 1, "b": [0.25]})
    True
    """
    return checksum_of_bytes(json.dumps(json.loads(json.dumps(value)), sort_keys=True).encode())


def checksum_of_bytes(content: bytes) -> str:
    """The checksum of a file's content."""
    return hashlib.sha256(content).hexdigest()[:16]
