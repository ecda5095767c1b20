import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from se_nas.execution.ray import feed as ray_feed

SHORT_TRIALS = """\
import os, sys, time
from pathlib import Path
from se_nas.execution.ray.environment import set_ray_environment

set_ray_environment(workers=2, own_cluster=True)

import ray
from se_nas.execution.ray.tune import RayTuneExecutor
from se_nas.searching.tasks import EpochReport, TrialTask
from tests.fakes import tiny_architecture

class Trials:
    handed_out, ended, begun, workers, started, torch = 0, 0, time.monotonic(), set(), set(), set()

    @property
    def enough(self):
        return len(self.workers) == 2 and self.ended > 50 or time.monotonic() > self.begun + 700

    @property
    def is_over(self):
        return self.enough and self.ended == self.handed_out

    def next_trial(self):
        if self.enough:
            return None
        self.handed_out += 1
        return TrialTask(number=self.handed_out, architecture=tiny_architecture(), seed=0)

    def epoch_done(self, number, report):
        self.ended += 1
        self.workers.add(report.costs["process"])
        self.torch.add(report.costs["torch"])
        self.started |= set(Path(ray._private.worker._global_node.get_logs_dir_path()).glob("worker-*.out"))
        return False

def train(task):
    there = "torch" in sys.modules
    import torch
    time.sleep(0.02)
    costs = {"process": os.getpid(), "torch": f"imported: {there}, threads: {torch.get_num_threads()}"}
    yield EpochReport(epoch=1, accuracy=0.5, seconds=0.0, costs=costs)

trials = Trials()
RayTuneExecutor(workers=2, gpus_per_trial=0.0, address=None, data_bytes=0, epoch_seconds=800.0).run(trials, train)
print(len(trials.workers), "workers,", len(trials.started), "processes,", *trials.torch)
"""


@pytest.mark.slow
def test_trials_shorter_than_a_workers_start_train_in_both_workers_and_ray_starts_no_other_pair() -> None:
    """The environment has a variable that Tune would pass on, and lacks one that Ray would set too late.

    If Tune passed the variable on, each worker would need another process than the two that Ray starts at first. On a
    busy machine Ray may start a third process because one of the two is slow to register.
    """
    environment = {**os.environ, "AWS_SESSION_TOKEN": "none"}
    environment.pop("OMP_NUM_THREADS", None)

    done = subprocess.run(
        [sys.executable, "-c", SHORT_TRIALS], capture_output=True, text=True, timeout=800, env=environment
    )

    assert done.stderr == ""
    assert done.stdout in [f"2 workers, {count} processes, imported: True, threads: 1\n" for count in (2, 3)]


def test_a_free_worker_takes_the_newest_waiting_trial_until_the_oldest_has_waited_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate = ray_feed.Gate(SimpleNamespace())
    trials = [SimpleNamespace(trial_id=name, status="PENDING") for name in ("training", "older", "newer")]
    controller = SimpleNamespace(get_live_trials=lambda: trials[::-1])
    for second, trial in enumerate(trials):
        monkeypatch.setattr("time.monotonic", lambda second=second: second)
        gate.on_trial_add(controller, trial)
    trials[0].status = "RUNNING"

    assert gate.choose_trial_to_run(controller) is trials[2]
    monkeypatch.setattr("time.monotonic", lambda: 2 + ray_feed.STARTING_SECONDS)
    assert gate.choose_trial_to_run(controller) is trials[1]
    trials[1].status = trials[2].status = "RUNNING"
    assert gate.choose_trial_to_run(controller) is None
