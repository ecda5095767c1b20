"""`benchmarks/sharing.py` ends with one line on images that it cannot use."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "sharing.py"


def shared(data: str, space: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), data, "--space", str(space), "--networks", "1", "--at-once", "1"]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, env=os.environ, check=False)


def npz(path: Path, labels: np.ndarray) -> str:
    content = {}
    for part in ("train", "val", "test"):
        content |= {f"{part}_images": np.zeros((len(labels), 8, 8, 3), dtype=np.uint8), f"{part}_labels": labels}
    np.savez(path, **content)  # type: ignore[arg-type]
    return f"npz:{path}"


@pytest.mark.parametrize("of_class_1", [[1], pytest.param([5, 9, 31], marks=pytest.mark.slow)])
def test_warm_up_images_of_one_class_are_refused_with_a_line(
    tmp_path: Path, space_file: Path, of_class_1: list[int]
) -> None:
    labels = np.zeros(64, dtype=np.int64)
    labels[of_class_1] = 1

    ended = shared(npz(tmp_path / "images.npz", labels), space_file)

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("sharing: npz:")
    assert "has the same class (4 images); give more images, or shuffle them" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_missing_images_are_refused_with_a_line(tmp_path: Path, space_file: Path) -> None:
    ended = shared(f"npz:{tmp_path}/none.npz", space_file)

    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "none.npz" in ended.stderr
