"""The process that outlives another one: it says what killed it, and removes the temporary folders that it left.

It reads the last words of its parent (`se_nas.process.last_words`). If the parent died without a farewell, it prints
the line that the parent could not print. SIGKILL leaves no words; a counter of the kernel says whether its
out-of-memory killer sent the signal. The process runs without installed packages, so this file imports only the
standard library.
"""

import os
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from se_nas.machine.control_groups import memory_kills
from se_nas.machine.cures import known_cause
from se_nas.process.last_words import Words, name_of, read_words

KILLED_FOR_MEMORY = "killed by the kernel because memory ran out (signal 9, SIGKILL)"
REMOVALS = 20
REMOVAL_SECONDS = 0.5
"""Attempts to remove a folder, and the time between two: processes of a dying cluster still write into it."""


def speak_for(prog: str) -> None:
    """Read the words of `prog` from standard input until `prog` ends. Print a line if it was killed, and remove the
    temporary folders that it left."""
    for each in signal.valid_signals():
        with suppress(OSError, ValueError):
            signal.signal(each, signal.SIG_IGN)
    before = memory_kills(Path("/"))
    words = read_words(sys.stdin.buffer.read().decode(errors="surrogateescape"))
    if not words.farewell:
        _report_death(prog, words, kills_before=before)
    os.close(2)  # a reader of the output of `prog` waits until all its writers have closed it
    _remove(words.folders)


def _report_death(prog: str, words: Words, *, kills_before: int) -> None:
    number = int(signal.SIGKILL) if words.number is None else words.number
    how = f"killed by {name_of(number)}"
    if number == signal.SIGKILL and memory_kills(Path("/")) > kills_before:
        how = KILLED_FOR_MEMORY
    elif number == signal.SIGABRT and words.errors and (cause := known_cause([Path(words.errors)])) is not None:
        how = f"{how}: {cause}"
    with suppress(OSError):
        os.write(2, f"{prog}: {'; '.join(filter(None, [how, words.said, words.go_on]))}\n".encode(errors="replace"))


def _remove(folders: tuple[str, ...]) -> None:
    for _ in range(REMOVALS):
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        if not any(Path(folder).exists() for folder in folders):
            return
        time.sleep(REMOVAL_SECONDS)
