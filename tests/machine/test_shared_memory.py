"""A /dev/shm that is too small is reported with its cure before anything trains."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from se_nas.errors import InputError
from se_nas.execution.ray import cluster as ray_cluster
from se_nas.execution.ray import store as ray_store
from se_nas.execution.ray.store import LOGS_BYTES, store_settings
from se_nas.machine import shared_memory
from se_nas.machine.shared_memory import check_shared_memory, free_bytes

MIB = 1 << 20
Frees = Callable[[dict[str, int | None]], None]


@pytest.fixture
def frees(monkeypatch: pytest.MonkeyPatch) -> Frees:
    """A function that sets the number of free bytes of each folder."""

    def put(free: dict[str, int | None]) -> None:
        for module in (shared_memory, ray_store, ray_cluster):
            monkeypatch.setattr(module, "free_bytes", lambda folder: free.get(str(folder)))

    return put


@pytest.mark.parametrize("free", [None, 128 * MIB, 1 << 40])
def test_ray_keeps_images_in_shared_memory_if_there_is_room(frees: Frees, free: int | None) -> None:
    frees({"/dev/shm": free})
    told: list[str] = []

    settings = store_settings(128 * MIB, Path("/tmp/ray-1"), told.append)

    assert settings == {"object_store_memory": 128 * MIB}
    assert not told


@pytest.mark.parametrize("free", [0, 200 << 10, 20 * MIB, 64 * MIB, 128 * MIB - 1])
def test_ray_keeps_images_in_its_folder_and_reports_it_if_shared_memory_is_small(frees: Frees, free: int) -> None:
    frees({"/dev/shm": free, "/tmp/ray-1": 1 << 40})
    told: list[str] = []

    settings = store_settings(128 * MIB, Path("/tmp/ray-1"), told.append)

    assert settings == {"object_store_memory": 128 * MIB, "_plasma_directory": "/tmp/ray-1"}
    (line,) = told
    assert "/dev/shm has" in line
    assert "/tmp/ray-1" in line
    assert "docker run --shm-size=1g" in line


@pytest.mark.parametrize("on_disk", [None, 0, 128 * MIB])
def test_a_store_that_fits_nowhere_is_refused_with_both_places_and_the_cure(frees: Frees, on_disk: int | None) -> None:
    frees({"/dev/shm": 64 * MIB, "/tmp/ray-1": on_disk})

    with pytest.raises(InputError, match=r"^/dev/shm has 64 MiB free and /tmp \d.* needs 3,000 MiB .*--shm-size=6g"):
        store_settings(3000 * MIB, Path("/tmp/ray-1"), lambda _: None)


def test_a_full_folder_for_temporary_files_is_refused_with_its_name(
    frees: Frees, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    frees({"/tmp": LOGS_BYTES - 1})

    with pytest.raises(InputError, match=r"/tmp: 32 MiB free, Ray needs 32 MiB.*set RAY_TMPDIR"):
        ray_cluster.make_ray_folder()


@pytest.mark.parametrize(("free", "needed"), [(200 << 10, 2 * MIB), (64 * MIB, 96 * MIB), (0, 1)])
def test_loader_processes_that_need_more_shared_memory_are_refused(frees: Frees, free: int, needed: int) -> None:
    frees({"/dev/shm": free})

    with pytest.raises(InputError, match=r"^/dev/shm has .* free, but reading images .* needs .*docker run --shm-size"):
        check_shared_memory(needed)


@pytest.mark.parametrize(("free", "needed"), [(0, 0), (None, 1 << 40), (64 * MIB, 64 * MIB)])
def test_loader_processes_that_fit_are_accepted(frees: Frees, free: int | None, needed: int) -> None:
    frees({"/dev/shm": free})

    check_shared_memory(needed)


def test_free_bytes_are_what_a_user_can_write(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)

    free = free_bytes(tmp_path)

    assert free is not None
    assert 0 < free <= found.f_blocks * found.f_frsize
    assert free_bytes(tmp_path / "nowhere") is None
