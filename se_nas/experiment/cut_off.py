"""A search whose driver was cut off: what its workers had finished then is taken over, the rest is trained again."""

from collections.abc import Callable
from pathlib import Path

from se_nas.errors import InputError
from se_nas.experiment.run_folder import RunFolder
from se_nas.search.campaign import Campaign
from se_nas.training.checkpoint import read_tensors
from se_nas.wording import counted


def take_over_finished(campaign: Campaign, folder: RunFolder, epochs: int, tell: Callable[[str], None]) -> None:
    """Take over what a worker had finished when the driver was cut off; tell what of it is damaged."""
    known = len(campaign.records)
    if folder.trial(known).exists() and not campaign.is_over:
        where = folder.trial(known).parent
        tell(f"{folder.study}: knows {counted(known, 'trial')}, but {where} has more; those are trained anew")
    for number in list(campaign.cut_off):
        result = folder.read_result(number)
        if result is None and folder.result(number).exists():
            tell(f"{folder.result(number)}: damaged, so trial {number} is trained again")
        if result is None or result.get("status") != "complete":
            _tell_of_damage(folder.checkpoint_of(number), tell)
            continue
        if result["fingerprint"] == campaign.records[number].fingerprint and len(result["curve"]) == epochs:
            campaign.take_over(number, curve=result["curve"], seconds=result["seconds"], cost=result["cost"])


def _tell_of_damage(checkpoint: Path, tell: Callable[[str], None]) -> None:
    """The worker begins such a trial anew, and says nothing."""
    if checkpoint.is_file():
        try:
            read_tensors(checkpoint)
        except InputError as error:
            tell(f"{error}; the trial is trained from its beginning")
