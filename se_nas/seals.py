"""Seals: a short hash kept beside what was written, by which a flipped bit or an edit shows."""

import hashlib
import json
from typing import Any


def seal(value: Any) -> str:
    """Of JSON values, whatever the order of their keys; 64 bits of SHA-256 in hexadecimal.

    >>> seal({"a": 1, "b": (0.5,)}) == seal({"b": [0.5], "a": 1}) != seal({"a": 1, "b": [0.25]})
    True
    """
    return seal_bytes(json.dumps(json.loads(json.dumps(value)), sort_keys=True).encode())


def seal_bytes(content: bytes) -> str:
    """Of a file's content."""
    return hashlib.sha256(content).hexdigest()[:16]
