"""Trainings of chosen networks on chosen seeds after a search. Each is done once; its result is a file of the run."""

import time
from collections.abc import Callable, Mapping

from se_nas.commands.replications.files import ReplicationFolder
from se_nas.commands.replications.plan import Key, Plan
from se_nas.errors import WriteError
from se_nas.objective_metric import ACCURACY, ObjectiveMetric
from se_nas.searching.failures import Failure, FaultsInARow
from se_nas.searching.tasks import EpochReport, TrialTask
from se_nas.space.architecture import Architecture
from se_nas.wording import format_duration


class Replications:
    """Carries out a plan for `networks` (by name). Earlier results are used again. `clock` gives seconds."""

    def __init__(
        self,
        plan: Plan,
        networks: Mapping[str, Architecture],
        folder: ReplicationFolder,
        *,
        epochs: int,
        metric: ObjectiveMetric = ACCURACY,
        print_line: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plan, self._networks, self._epochs, self._print_line = plan, networks, epochs, print_line
        self._folder, self._metric = folder, metric
        self.outcomes: dict[Key, float | None] = {
            (name, seed): accuracy
            for name, architecture in networks.items()
            for seed, accuracy in folder.accuracies(architecture, epochs=epochs).items()
        }
        self._known = len(self.outcomes)
        self._clock, self._began = clock, clock()
        self._keys: list[Key] = []  # the number of a training is its index here
        self._under_way: set[Key] = set()
        self._faults = FaultsInARow()

    def next_trial(self) -> TrialTask | None:
        """The plan's next training. A repeated training keeps its number."""
        key = self._plan(self.outcomes, self._under_way)
        if key is None:
            return None
        if key not in self._keys:
            self._keys.append(key)
        self._under_way.add(key)
        name, seed = key
        return TrialTask(number=self._keys.index(key), architecture=self._networks[name], seed=seed)

    def epoch_done(self, number: int, report: EpochReport) -> bool:
        """Record the accuracy of the last epoch; no training is stopped early here."""
        if report.epoch < self._epochs:
            return True
        self._check_written(number)
        self._end(number, report.accuracy, f"{self._metric.label} {report.accuracy:.4f}")
        self._faults.went_well()
        return False

    def _check_written(self, number: int) -> None:
        """Remove the checkpoint, as a worker does that sees this folder. WriteError if there is no result."""
        name, seed = self._keys[number]
        path = self._folder.file(self._networks[name].fingerprint(), seed)
        if not path.is_file():
            raise WriteError(f"{path}: could not be written by its worker; is the disk full?")
        path.with_suffix(".safetensors").unlink(missing_ok=True)

    def fail(self, number: int, failure: Failure) -> None:
        """Record that the network has no accuracy on this seed.

        RunFailedError if several trainings in a row fail for a reason other than their network.
        """
        self._end(number, None, f"failed: {failure.text}")
        self._faults.failed(failure)

    def repeat(self, number: int) -> None:
        """Count the training as not started; the plan names it again."""
        self._under_way.remove(self._keys[number])

    @property
    def is_over(self) -> bool:
        """Whether no training is running and the plan has no more."""
        return not self._under_way and self._plan(self.outcomes, ()) is None

    def _end(self, number: int, accuracy: float | None, said: str) -> None:
        key = self._keys[number]
        self._under_way.remove(key)
        self.outcomes[key] = accuracy
        self._print_line(f"{key[0]:<24} seed {key[1]}  {said}  ({self._so_far()})")

    def _so_far(self) -> str:
        done = len(self.outcomes)
        least = len({*self.outcomes, *self._plan.least})
        if done >= least:
            return f"{done} done"
        left = (least - done) * (self._clock() - self._began) / (done - self._known)
        return f"{done} of {least}, {format_duration(left)} left"
