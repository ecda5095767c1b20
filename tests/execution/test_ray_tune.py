import subprocess
import sys

SHORT_TRIALS = """\
import os, time
from pathlib import Path
from se_nas.execution.ray_environment import set_ray_environment

set_ray_environment(workers=2, own_cluster=True)

import ray
from se_nas.execution.ray_tune import RayTuneExecutor
from se_nas.search.tasks import EpochReport, TrialTask
from tests.fakes import tiny_architecture

class Trials:
    handed_out, ended, workers, processes = 0, 0, set(), set()

    def next_trial(self):
        if self.handed_out == 100:
            return None
        self.handed_out += 1
        return TrialTask(number=self.handed_out, architecture=tiny_architecture(), seed=0)

    def epoch_done(self, number, report):
        self.ended += 1
        self.workers.add(report.accuracy)
        self.processes |= set(Path(ray._private.worker._global_node.get_logs_dir_path()).glob("worker-*.out"))
        return False

    @property
    def is_over(self):
        return self.ended == 100

def train(task):
    time.sleep(0.05)
    yield EpochReport(epoch=1, accuracy=float(os.getpid()), seconds=0.0)

trials = Trials()
RayTuneExecutor(workers=2, gpus_per_trial=0.0, address=None, data_bytes=0, epoch_seconds=60.0).run(trials, train)
print(len(trials.workers), len(trials.processes))
"""


def test_trials_shorter_than_a_workers_start_train_in_both_workers_and_ray_starts_no_third() -> None:
    done = subprocess.run([sys.executable, "-c", SHORT_TRIALS], capture_output=True, text=True, timeout=300)

    assert (done.stdout.split(), done.stderr) == (["2", "2"], "")
