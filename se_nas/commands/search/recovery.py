"""Recovers a search whose driver was killed: trials that had ended are taken over, the others are trained again.

`result.json` is written before the study records the end of a trial. If the driver is killed between the two, the trial
has ended in its folder and still runs in the study.
"""

from collections.abc import Callable
from pathlib import Path

from se_nas.errors import InputError
from se_nas.runs.run_folder import RunFolder
from se_nas.searching.loop import SearchLoop
from se_nas.searching.records import TrialStatus, metrics_in
from se_nas.training.checkpoint import read_tensors
from se_nas.wording import counted


def take_over_finished(loop: SearchLoop, folder: RunFolder, epochs: int, print_line: Callable[[str], None]) -> None:
    """Take over trials that were complete or pruned when the driver was killed. Print which results are damaged."""
    known = len(loop.records)
    if folder.trial(known).exists() and not loop.is_over:
        where = folder.trial(known).parent
        print_line(f"{folder.study}: knows {counted(known, 'trial')}, but {where} has more; these are trained again")
    for number in list(loop.cut_off):
        result = folder.read_result(number)
        if result is None and folder.result(number).exists():
            print_line(f"{folder.result(number)}: damaged, so trial {number} is trained again")
        if result is None or result.get("status") not in (TrialStatus.COMPLETE, TrialStatus.PRUNED):
            _print_damage(folder.checkpoint_of(number), print_line)
            continue
        is_whole = result["status"] == TrialStatus.PRUNED or len(result["curve"]) == epochs
        if is_whole and result["fingerprint"] == loop.records[number].fingerprint:
            loop.take_over(
                number,
                curve=result["curve"],
                seconds=result["seconds"],
                cost=result["cost"],
                status=TrialStatus(result["status"]),
                reason=result["reason"],
                metrics=metrics_in(result.get("metrics")),
            )


def _print_damage(checkpoint: Path, print_line: Callable[[str], None]) -> None:
    """Print a line if the checkpoint is damaged: the worker itself starts the trial again without a message."""
    if checkpoint.is_file():
        try:
            read_tensors(checkpoint)
        except InputError as error:
            print_line(f"{error}; the trial is trained from its beginning")
