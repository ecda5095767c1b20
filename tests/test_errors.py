"""If two errors happen, the first one is shown."""

import pytest

from se_nas.errors import WriteError, at_the_end


def fail(error: BaseException) -> None:
    raise error


def test_the_closing_function_runs_with_and_without_an_error() -> None:
    done: list[str] = []

    with at_the_end(lambda: done.append("well")):
        pass
    with pytest.raises(KeyError), at_the_end(lambda: done.append("badly")):
        fail(KeyError())
    assert done == ["well", "badly"]


@pytest.mark.parametrize("first", [OSError("the disk is full"), KeyboardInterrupt(), WriteError("study.db: full")])
@pytest.mark.parametrize(
    ("second", "note"),
    [
        (WriteError("trials.csv: cannot be written"), "trials.csv: cannot be written"),
        (OSError(28, "No space left on device"), "OSError: [Errno 28] No space left on device"),
        (ZeroDivisionError("oh"), "ZeroDivisionError: oh"),
    ],
)
def test_the_first_of_two_errors_is_raised_and_the_second_is_its_note(
    first: BaseException, second: Exception, note: str
) -> None:
    error = type(first)(*first.args)

    with pytest.raises(type(first)) as raised, at_the_end(lambda: fail(second)):
        fail(error)
    assert raised.value is error
    assert raised.value.__notes__ == [note]


def test_an_error_of_the_closing_function_alone_is_raised() -> None:
    with pytest.raises(WriteError, match="full"), at_the_end(lambda: fail(WriteError("full"))):
        pass


def test_a_stop_during_the_closing_function_is_not_delayed() -> None:
    with pytest.raises(KeyboardInterrupt), at_the_end(lambda: fail(KeyboardInterrupt())):
        fail(ValueError())
