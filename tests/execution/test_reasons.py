"""The reason that is kept of an error: its cause, and its cure if one is known."""

import errno

import pytest

from se_nas.errors import InputError
from se_nas.execution.reasons import MOST_LETTERS, failure_of, reason_of
from se_nas.searching.failures import FailureKind

WRAPPED = """Caught OSError in DataLoader worker process 0.
Original Traceback (most recent call last):
  File "/x/torch/utils/data/_utils/worker.py", line 308, in _worker_loop
    data = fetcher.fetch(index)
           ^^^^^^^^^^^^^^^^^^^^
  File "/x/images.py", line 12, in read
    return open(path)
OSError: [Errno 24] Too many open files
"""
RAY = """\x1b[36mray::_Worker.step()\x1b[39m (pid=7, ip=192.0.2.1)
  File "/x/se_nas/execution/ray_worker.py", line 50, in step
    report = next_report()
ValueError: an innermost sentence
"""
CUDA = """CUDA error: device-side assert triggered
CUDA kernel errors might be asynchronously reported at some other API call.
For debugging consider passing CUDA_LAUNCH_BLOCKING=1"""


def caused(outer: Exception, inner: Exception) -> Exception:
    try:
        raise outer from inner
    except Exception as error:  # noqa: BLE001
        return error


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (RuntimeError(WRAPPED), "OSError: [Errno 24] Too many open files"),
        (RuntimeError(RAY), "ValueError: an innermost sentence"),
        (RuntimeError(CUDA), "device-side assert"),
        (RuntimeError("it failed: " + "x" * 900 + ": the cause"), ": the cause"),
        (caused(RuntimeError("x" * 900), KeyError("the cause")), "because of KeyError: 'the cause'"),
        (caused(RuntimeError("no batch"), caused(ValueError("no image"), OSError("the cause"))), "OSError: the cause"),
    ],
)
def test_the_sentence_of_the_innermost_error_is_kept(error: Exception, kept: str) -> None:
    reason = reason_of(error)

    assert kept in reason
    assert "\n" not in reason
    assert "\x1b" not in reason
    assert len(reason.partition(" (")[0]) <= MOST_LETTERS


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (RuntimeError("unable to allocate shared memory(shm) for file </torch_9>: Resource ..."), "--shm-size"),
        (
            RuntimeError("DataLoader worker is killed by signal: Bus error. insufficient shared memory (shm)"),
            "--shm-size",
        ),
        (OSError("AF_UNIX path too long"), "TMPDIR"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "ulimit -u"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (OSError(errno.ENOSPC, "No space left on device", "/tmp/ray/x"), "disk is full"),
        (RuntimeError("CUDA error: no kernel image is available for execution"), "not built for this GPU"),
        (OSError(errno.EADDRINUSE, "Address already in use"), "another program uses the port"),
        (OSError(errno.EROFS, "Read-only file system"), "read-only"),
    ],
)
def test_a_known_cure_is_named(error: Exception, cure: str) -> None:
    assert cure in reason_of(error)


def test_a_path_stays_in_the_reason() -> None:
    assert "/tmp/ray/session" in reason_of(OSError(errno.ENOSPC, "No space left on device", "/tmp/ray/session"))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), FailureKind.MEMORY),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 9 bytes"),
            FailureKind.MEMORY,
        ),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), FailureKind.MEMORY),
        (RuntimeError("CUDA error: out of memory"), FailureKind.MEMORY),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.png"), FailureKind.PLACE),
        (ModuleNotFoundError("No module named 'x'"), FailureKind.PLACE),
        (caused(RuntimeError("no batch"), OSError(errno.EIO, "Input/output error")), FailureKind.PLACE),
        (RuntimeError("can't start new thread"), FailureKind.PLACE),
        (RuntimeError(WRAPPED), FailureKind.PLACE),
        (RuntimeError("std::system_error: Resource temporarily unavailable"), FailureKind.PLACE),
        (RuntimeError("shapes differ"), FailureKind.NETWORK),
        (ValueError("9"), FailureKind.NETWORK),
    ],
)
def test_an_error_has_the_right_kind_of_failure(error: Exception, kind: FailureKind) -> None:
    assert failure_of(error).kind is kind


def test_an_image_that_became_unreadable_is_not_the_fault_of_the_network() -> None:
    failure = failure_of(InputError("x.png: cannot be read as an image (truncated)"))

    assert failure.kind is FailureKind.PLACE
    assert failure.text == "not the network's fault: InputError: x.png: cannot be read as an image (truncated)"
