"""Trials one after another in this process: for debugging, and where Ray is not wanted."""

from se_nas.execution.protocol import Evaluate, Work, next_report


class LocalExecutor:
    """One trial at a time, here."""

    workers = 1
    description = "one network at a time, in this process"

    def run(self, work: Work, evaluate: Evaluate) -> None:
        """Returns when every training that was handed out has ended."""
        while (task := work.next_trial()) is not None:
            reports = evaluate(task)
            going = True
            while going:
                report = next_report(reports)
                if isinstance(report, str):
                    work.fail(task.number, report)
                    going = False
                else:
                    going = work.epoch_done(task.number, report)
