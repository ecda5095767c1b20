"""Trials one after another in this process: for debugging, and where Ray is not wanted."""

from se_nas.execution.protocol import Evaluate, next_report
from se_nas.search.campaign import Campaign


class LocalExecutor:
    """One trial at a time, here."""

    workers = 1
    description = "one network at a time, in this process"

    def run(self, campaign: Campaign, evaluate: Evaluate) -> None:
        """Returns when every trial that was handed out is settled."""
        while (task := campaign.next_trial()) is not None:
            reports = evaluate(task)
            going = True
            while going:
                report = next_report(reports)
                if isinstance(report, str):
                    campaign.fail(task.number, report)
                    going = False
                else:
                    going = campaign.epoch_done(task.number, report)
