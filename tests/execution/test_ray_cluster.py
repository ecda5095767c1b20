"""Where a cluster of our own keeps its sockets and logs."""

import tempfile
from pathlib import Path

import pytest

from se_nas.errors import InputError
from se_nas.execution.ray_cluster import BELOW_THE_FOLDER, SOCKET_PATH, make_ray_folder


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Without RAY_TMPDIR, and with Python's own notion of TMPDIR forgotten."""
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)
    return monkeypatch


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_the_users_folder_is_used_where_a_sockets_path_fits(temporary: pytest.MonkeyPatch, name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as short:
        temporary.setenv(name, short)

        made = make_ray_folder()

        assert made.parent == Path(short)
        assert made.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["x" * 80, "y" * 200])
def test_a_long_tmpdir_is_passed_over(temporary: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    temporary.setenv("TMPDIR", str(tmp_path / name))

    made = make_ray_folder()
    made.rmdir()

    assert len(str(made)) + BELOW_THE_FOLDER - len("/ray-12345678") <= SOCKET_PATH


def test_a_long_ray_tmpdir_is_refused_since_the_user_asked_for_it(temporary: pytest.MonkeyPatch) -> None:
    temporary.setenv("RAY_TMPDIR", "/tmp/" + "x" * 80)

    with pytest.raises(InputError, match=r"RAY_TMPDIR=/tmp/x+: too long a path .* at most \d+ characters"):
        make_ray_folder()


def test_a_ray_tmpdir_that_is_not_there_is_refused_by_its_name(temporary: pytest.MonkeyPatch) -> None:
    temporary.setenv("RAY_TMPDIR", "/tmp/nowhere")

    with pytest.raises(InputError, match=r"/tmp/nowhere: No such file or directory"):
        make_ray_folder()
