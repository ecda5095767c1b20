"""The start of a search's own cluster, and the folder of its sockets and logs."""

import tempfile
from pathlib import Path

import pytest
import ray

from se_nas.errors import InputError
from se_nas.execution.ray.cluster import BELOW_THE_FOLDER, SOCKET_PATH, STARTS, make_ray_folder, own_cluster
from se_nas.execution.temporary_folders import remove_temporary_folder


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without RAY_TMPDIR, in which Python reads TMPDIR again."""
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", None)
    return monkeypatch


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_the_folder_of_the_user_is_used_if_the_path_of_a_socket_fits(temporary: pytest.MonkeyPatch, name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as short:
        temporary.setenv(name, short)

        made = make_ray_folder()

        assert made.parent == Path(short)
        assert made.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["x" * 80, "y" * 200])
def test_a_long_tmpdir_is_not_used(temporary: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    temporary.setenv("TMPDIR", str(tmp_path / name))

    made = make_ray_folder()
    remove_temporary_folder(made)

    assert len(str(made)) + BELOW_THE_FOLDER - len("/ray-12345678") <= SOCKET_PATH


def test_a_long_ray_tmpdir_is_refused_since_the_user_asked_for_it(temporary: pytest.MonkeyPatch) -> None:
    temporary.setenv("RAY_TMPDIR", "/tmp/" + "x" * 80)

    with pytest.raises(InputError, match=r"RAY_TMPDIR=/tmp/x+: too long a path .* at most \d+ characters"):
        make_ray_folder()


def test_a_missing_ray_tmpdir_is_refused_with_its_name(temporary: pytest.MonkeyPatch) -> None:
    temporary.setenv("RAY_TMPDIR", "/tmp/nowhere")

    with pytest.raises(InputError, match=r"/tmp/nowhere: No such file or directory"):
        make_ray_folder()


class Starts:
    """A replacement of `ray.init` that fails `failures` times with this reason."""

    def __init__(self, failures: int, reason: str) -> None:
        self.addresses: list[str] = []
        self._failures, self._reason = failures, reason

    def __call__(self, **settings: object) -> None:
        self.addresses.append(str(settings["address"]))
        if len(self.addresses) <= self._failures:
            raise RuntimeError(self._reason)


@pytest.mark.parametrize(
    ("failures", "reason", "attempts"),
    [
        (STARTS - 1, "The current node timed out during startup. This could happen", None),
        (STARTS, "The current node timed out during startup. This could happen", STARTS),
        (1, "No space left on device", 1),
    ],
)
def test_only_a_start_that_takes_too_long_is_repeated(
    monkeypatch: pytest.MonkeyPatch, failures: int, reason: str, attempts: int | None
) -> None:
    starts = Starts(failures, reason)
    monkeypatch.setattr(ray, "init", starts)

    if attempts is None:
        with own_cluster(workers=1, data_bytes=0):
            pass
    else:
        with pytest.raises(InputError, match=f"a Ray cluster on this machine, .*{reason}"):
            own_cluster(workers=1, data_bytes=0).__enter__()

    assert starts.addresses == ["local"] * (attempts or STARTS)


def test_a_cluster_that_could_not_be_started_says_so_with_the_cause_in_its_logs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def init(**settings: object) -> None:
        logs = Path(str(settings["_temp_dir"])) / "session_1" / "logs"
        logs.mkdir(parents=True)
        (logs / "raylet.out").write_text("all is well\n")
        (logs / "gcs_server.err").write_text("thd.cc:157] pthread_create failed: Resource temporarily unavailable\n")
        raise RuntimeError("Timed out waiting for file gcs_server_port")

    monkeypatch.setattr(ray, "init", init)

    with pytest.raises(InputError) as caught:
        own_cluster(workers=2, data_bytes=0).__enter__()

    assert "could not be started: pthread_create failed: Resource temporarily unavailable (" in str(caught.value)
    assert "raise ulimit -u" in str(caught.value)
    assert str(caught.value).endswith("--workers 1 trains without Ray")
