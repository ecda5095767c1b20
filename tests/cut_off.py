"""Searches that are cut off, as by ctrl-C or by the death of their process."""

from collections.abc import Callable

from se_nas.searching.records import TrialRecord
from se_nas.searching.study.study import SearchStudy


class CutOffError(BaseException):
    """An exception in place of ctrl-C, or of the death of the search's process."""


def cut_off_at(number: int) -> Callable[[SearchStudy, TrialRecord], None]:
    """A `SearchStudy.finish` that raises before it writes this trial."""
    finish = SearchStudy.finish

    def finish_or_die(study: SearchStudy, record: TrialRecord) -> None:
        if record.number == number:
            raise CutOffError
        finish(study, record)

    return finish_or_die
