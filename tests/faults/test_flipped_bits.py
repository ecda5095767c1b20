"""One bit of a run's file is flipped at a time. The flip is noticed, or it changes nothing."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from se_nas.commands.run_loading import load_progress
from se_nas.errors import InputError
from se_nas.files import read_checked
from se_nas.runs.run_folder import RunFolder
from se_nas.space.files.architecture_file import load_architecture
from se_nas.training.checkpoint import read_tensors, write_tensors

CHOSEN = 40
ALL = 2_000


def flips(path: Path, count: int) -> Iterator[None]:
    """Flip `count` random bits of the file, one after another. Each bit is restored before the next flip."""
    whole, rng = path.read_bytes(), Random(0)
    for _ in range(count):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        yield
        path.write_bytes(whole)


def noticed(path: Path, count: int, read: Callable[[], Any]) -> int:
    """The number of flips that were refused with a line that names the file. No flip may be read as another value."""
    right, lines = read(), []
    for _ in flips(path, count):
        try:
            assert read() == right
        except InputError as error:
            lines.append(str(error))
    assert all(path.name in line and "\n" not in line for line in lines)
    return len(lines)


@pytest.mark.parametrize("count", [CHOSEN, pytest.param(ALL, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("file", "least"), [("study.db", 0.05), ("config.yaml", 0.9), ("space.yaml", 1.0)], ids=["study", "config", "space"]
)
@pytest.mark.timeout(1200)
def test_no_flipped_bit_changes_the_content_of_a_run_folder(
    searched: Path, file: str, least: float, count: int
) -> None:
    """Most of `study.db` consists of empty pages and of texts that Optuna writes and se-nas does not read."""
    folder = RunFolder(searched)

    refused = noticed(searched / file, count, lambda: load_progress(folder))

    assert least * count <= refused


def test_a_loss_of_the_last_trials_is_noticed(searched: Path) -> None:
    with sqlite3.connect(searched / "study.db") as connection:
        connection.execute("DELETE FROM trials WHERE number >= 4")
    connection.close()

    with pytest.raises(InputError, match=r"study\.db: holds 4 of 6 trials"):
        load_progress(RunFolder(searched))


@pytest.mark.parametrize(("byte", "bit"), [(15, 0), (4089, 3), (4071, 1), (4, 2), (11, 1)])
def test_flips_in_the_index_that_hid_trials_are_refused(searched: Path, byte: int, bit: int) -> None:
    path = searched / "study.db"
    with sqlite3.connect(path) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'ix_trials_study_id'"
        (page,) = connection.execute(query).fetchone()
    connection.close()
    content = bytearray(path.read_bytes())
    content[4096 * (page - 1) + byte] ^= 1 << bit
    path.write_bytes(content)

    with pytest.raises(InputError, match=r"study\.db"):
        load_progress(RunFolder(searched))


def test_no_flipped_bit_changes_a_network(searched: Path) -> None:
    folder = RunFolder(searched)
    _, progress = load_progress(folder)
    record = progress.front.knee

    refused = noticed(folder.architecture(record.number), CHOSEN, lambda: folder.load_network(record))

    assert refused > CHOSEN / 2
    assert load_architecture(folder.architecture(record.number)).fingerprint() == record.fingerprint


def test_no_flipped_bit_changes_a_result(searched: Path) -> None:
    path = RunFolder(searched).result(0)
    right = read_checked(path)

    seen = [read_checked(path) for _ in flips(path, ALL)]

    assert right is not None
    assert all(result in (None, right) for result in seen)
    assert seen.count(None) > 0.9 * ALL  # the other flips hit unused bytes between the words


def test_no_flipped_bit_changes_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    tensors = {"weight": torch.randn(40, 3), "half": torch.randn(7).bfloat16(), "epoch": torch.tensor(3)}
    write_tensors(path, tensors, {"history": [{"accuracy": 0.5}]})

    def read() -> list[object]:
        loaded, about = read_tensors(path)
        return [about, *((name, tensor.tolist()) for name, tensor in sorted(loaded.items()))]

    assert noticed(path, ALL, read) > 0.95 * ALL


@pytest.mark.parametrize("kept", [0, 1, 100, 4096, 50_000])
@pytest.mark.parametrize("file", ["study.db", "config.yaml", "space.yaml"])
def test_a_truncated_file_is_refused_with_its_name(searched: Path, file: str, kept: int) -> None:
    path = searched / file
    content = path.read_bytes()
    path.write_bytes(content[: min(kept, len(content) // 2)])

    with pytest.raises(InputError) as refusal:
        load_progress(RunFolder.open(searched))

    assert file in str(refusal.value)
    assert "\n" not in str(refusal.value)
