"""The end of a driver that reads images from disk: it exits as requested, and its loaders end too."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

DRIVER = """\
import sys, time
from pathlib import Path

import numpy as np
import torch

from se_nas.process.command_line import run
from se_nas.data.image_data import ImageFiles
from se_nas.data.batches.streaming import stream


def read(file, size):
    time.sleep(0.01)
    return np.zeros((size, size, 3), np.uint8)


def main():
    part = ImageFiles(files=("x",) * 1000, labels=np.zeros(1000, np.int64), image_size=8, read=read)
    global coming  # must exist when Python exits
    coming = iter(stream(part, [range(10)] * 100, loaders=2, device=torch.device("cpu")))
    next(coming), next(coming)  # a batch from each loader
    if sys.argv[1] == "leave":
        return
    try:
        print("streaming", flush=True)
        for _ in coming:
            pass
    finally:
        time.sleep(0.2)
        print("saved", flush=True)


run(main, prog="driver")
"""


def test_a_driver_that_exits_during_an_epoch_does_not_wait_for_its_loaders() -> None:
    done = subprocess.run([sys.executable, "-c", DRIVER, "leave"], capture_output=True, text=True, timeout=800)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("sent", "code", "word"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_to_the_process_group_stops_the_driver_like_a_signal_to_it_alone(
    sent: signal.Signals, code: int, word: str
) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, "stay"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert driver.stdout is not None
    assert driver.stdout.readline() == "streaming\n"
    children = psutil.Process(driver.pid).children()
    loaders = [each for each in children if "speak_for" not in " ".join(each.cmdline())]  # which outlives the driver
    os.killpg(driver.pid, sent)

    said, complained = driver.communicate(timeout=800)

    assert (driver.returncode, said, complained) == (code, "saved\n", f"driver: {word}\n")
    assert len(loaders) == 2
    assert not psutil.wait_procs(loaders, timeout=800)[1]
