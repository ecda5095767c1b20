"""A module that is half imported in one thread breaks another that looks at it (pandas, seen by plotly), so whole
searches run in a process that notes what its second threads import and draw."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
OF_WANDB_ALONE = {"wandb", "opentelemetry"}
"""W&B imports these late, and nothing else of a search uses them."""
WATCHED = """
import json, sys, threading

imported, drawn = set(), set()


def in_second_thread():
    return threading.current_thread() is not threading.main_thread()


class Watch:
    def find_spec(self, name, path=None, target=None):
        if in_second_thread():
            imported.add(name)


def profile(frame, event, argument):
    # the figures that a second thread makes
    if event == "call" and frame.f_code.co_name == "__init__":
        module = frame.f_globals.get("__name__", "")
        if module in ("plotly.basedatatypes", "matplotlib.figure"):
            drawn.add(module)


sys.meta_path.insert(0, Watch())
threading.setprofile(profile)  # of threads that start from now on
told, *sys.argv[1:] = sys.argv[1:]
from se_nas.commands.entry_points import search

try:
    search("search.py")
finally:
    found = sorted(name for name in imported if name in sys.modules)
    with open(told, "w") as file:
        json.dump({"imported": found, "drawn": sorted(drawn), "pandas": "pandas" in sys.modules}, file)
"""


@pytest.fixture
def folder_of_images(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for name, least in (("dark", 0), ("light", 128)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(24):
            pixels = random.integers(least, least + 128, (10, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / name / f"{number}.png")
    return tmp_path / "images"


def watched_search(tmp_path: Path, *flags: object, terminal: bool = False) -> dict[str, list[str]]:
    """What second threads imported and drew; the search has to end well."""
    told = tmp_path / "told.json"
    call = [sys.executable, "-c", WATCHED, str(told), *map(str, flags)]
    environment = {**os.environ, "TTY_COMPATIBLE": "1" if terminal else "0", "WANDB_MODE": "offline"}
    done = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report.html").is_file()
    found: dict[str, list[str]] = json.loads(told.read_text())
    return found


@pytest.mark.parametrize(
    "flags",
    [
        ("--budget", 4, "--workers", 1, "--wandb", "offline", "--wandb-trials"),
        *(
            pytest.param(("--budget", 12, "--wandb", "offline", *more), marks=pytest.mark.slow)
            for more in (("--workers", 1, "--wandb-trials"), ("--workers", 2), ("--workers", 1, "--confirm"))
        ),
    ],
    ids=["shorter", "each trial", "on two workers", "confirmed"],
)
def test_no_second_thread_of_a_search_imports_or_draws(
    flags: tuple[object, ...], folder_of_images: Path, space_file: Path, tmp_path: Path
) -> None:
    """As in a terminal, where a thread of its own draws the live table; and with W&B, which is told in another."""
    found = watched_search(
        tmp_path,
        *("--space", space_file, "--data", f"imagefolder:{folder_of_images}", "--epochs", 1),
        *("--run", tmp_path / "run", *flags),
        terminal=True,
    )

    own = [name for name in found["imported"] if name.partition(".")[0] not in OF_WANDB_ALONE]
    assert (own, found["drawn"]) == ([], [])
    assert found["pandas"]
