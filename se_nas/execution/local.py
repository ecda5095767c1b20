"""Runs trials one after another in this process: for debugging, or without Ray."""

from dataclasses import dataclass

from se_nas.execution.protocol import Evaluate, PrintLine, Work, next_report, print_nothing
from se_nas.execution.retries import Next, Retries
from se_nas.machine.limits import cpu_count
from se_nas.searching.failures import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalExecutor:
    """Runs one trial at a time in this process. An epoch that takes longer than `epoch_seconds` fails its trial."""

    epoch_seconds: float

    @property
    def workers(self) -> int:
        """The number of trainings side by side: one."""
        return 1

    @property
    def description(self) -> str:
        """Text for people that says how many trials train at a time, and where."""
        return "one network at a time, in this process"

    @property
    def cluster(self) -> None:
        """None: this process needs no cluster."""
        return None

    @property
    def processors(self) -> int:
        """The processors that this process may use."""
        return cpu_count()

    def run(self, work: Work, evaluate: Evaluate, print_line: PrintLine = print_nothing) -> None:
        """Train until every training that was handed out has ended."""
        retries = Retries()
        while (task := work.next_trial()) is not None:
            reports = evaluate(task)
            going = True
            while going:
                report = next_report(reports, epoch_seconds=self.epoch_seconds)
                if isinstance(report, Failure):
                    going = False
                    if retries.after(task.number, report) is Next.FAIL:
                        work.fail(task.number, report)
                    else:
                        work.repeat(task.number)
                else:
                    going = work.epoch_done(task.number, report)
