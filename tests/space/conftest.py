"""Files for tests: the shipped files, and files that a test writes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from se_nas.errors import InputError

ROOT = Path(__file__).parents[2]

# This space is small enough to enumerate. Two assignments can build the same network in three ways: an unused
# reduction, ratios that round to the same width, and a second stage of stride 1 that continues the first.
TINY = """
image_size: 8
stem: {width: [8, 16], stride: 1}
every_stage:
  depth: [1, 2]
  width: [8, 16]
  group_width: 8
  se: {present: [false, true], reduction: [4, 16, 32]}
stages:
  - {stride: 1}
  - {stride: [1, 2]}
"""


@pytest.fixture(params=sorted((ROOT / "search_spaces").glob("*.yaml")), ids=lambda path: path.stem)
def shipped(request) -> Path:
    return request.param


@pytest.fixture(scope="session")
def published() -> list[dict[str, Any]]:
    """The 24 RegNets of pycls with their parameters and shapes."""
    return json.loads((ROOT / "tests/golden/regnet_published.json").read_text())["models"]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """A function that writes a file and returns its path."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "given.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def refusal(write) -> Callable[..., str]:
    """A function that returns a loader's error for a wrong file: one line of plain text, without the path at its
    start."""

    def refusal(load: Callable[[Path], Any], content: str | bytes) -> str:
        path = write(content)
        with pytest.raises(InputError) as caught:
            load(path)
        message = str(caught.value)
        assert message.startswith(f"{path}:")
        assert message.isprintable()
        assert len(message) < len(str(path)) + 300
        return message.removeprefix(f"{path}:")

    return refusal
