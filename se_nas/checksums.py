"""Seals: a short hash kept beside what was written, by which a flipped bit or an edit shows."""

import hashlib
import json
from typing import Any


def checksum(value: Any) -> str:
    """Of JSON values, whatever the order of their keys; 64 bits of SHA-256 in hexadecimal.

    >>> checksum({"a": 1, "b": (0.5,)}) == checksum({"b": [0.5], "a": 1}) != checksum({"a": 1, "b": [0.25]})
    True
    """
    return checksum_of_bytes(json.dumps(json.loads(json.dumps(value)), sort_keys=True).encode())


def checksum_of_bytes(content: bytes) -> str:
    """Of a file's content."""
    return hashlib.sha256(content).hexdigest()[:16]
