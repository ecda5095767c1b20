from collections.abc import Callable
from threading import Event

import pytest

from se_nas.tracking import guarded
from se_nas.tracking.guarded import Guard, Reporter

Heard = list[str]


def say(word: str) -> Callable[[Heard], None]:
    return lambda heard: heard.append(word)


def fail(_: Heard) -> None:
    raise ConnectionError("server\nis gone")


def reporter(heard: Heard, *, farewell: str = "it is off", end: Callable[[], None] = lambda: None) -> Reporter[Heard]:
    return Reporter(build=lambda: heard, end=end, farewell=farewell)


def test_calls_run_in_their_order_and_close_waits_for_them() -> None:
    heard: Heard = []
    said: list[str] = []
    guard = Guard(reporter(heard), name="W&B", print_line=said.append)

    for word in "abc":
        guard.attempt(say(word))
    guard.close(say("end"))

    assert (heard, said) == (["a", "b", "c", "end"], [])


def test_a_failure_is_reported_once_in_one_line() -> None:
    said: list[str] = []
    heard: Heard = []
    guard = Guard(reporter(heard), name="W&B", print_line=said.append)

    guard.attempt(fail)
    guard.attempt(say("after"))
    guard.close(say("end"))
    guard.attempt(fail)

    assert (heard, said) == ([], ["W&B failed (server is gone); it is off"])


def test_the_next_teller_gets_all_calls_from_the_beginning() -> None:
    first: Heard = []
    second: Heard = []
    said: list[str] = []
    guard = Guard(reporter(first, farewell="it is kept"), reporter(second), name="W&B", print_line=said.append)

    guard.attempt(say("a"))
    guard.attempt(lambda heard: fail(heard) if heard is first else heard.append("b"))
    guard.attempt(say("c"))
    guard.close(say("end"))

    assert (first, second) == (["a"], ["a", "b", "c", "end"])
    assert said == ["W&B failed (server is gone); it is kept"]


def test_a_teller_that_cannot_be_built_is_given_up() -> None:
    def build() -> Heard:
        raise SystemExit("no wandb")

    said: list[str] = []
    guard = Guard(Reporter(build=build, end=lambda: None, farewell="it is off"), name="W&B", print_line=said.append)
    guard.close(say("end"))

    assert said == ["W&B failed (no wandb); it is off"]


def test_the_caller_does_not_wait_for_the_teller_before_the_end() -> None:
    may_go_on = Event()
    heard: Heard = []

    def build() -> Heard:
        may_go_on.wait()
        return heard

    guard = Guard(Reporter(build=build, end=lambda: None, farewell=""), name="W&B", print_line=heard.append)
    guard.attempt(say("a trial"))
    assert heard == []

    may_go_on.set()
    guard.close(say("end"))
    assert heard == ["a trial", "end"]


@pytest.mark.parametrize("hangs_while_built", [False, True])
@pytest.mark.parametrize("hurried", [False, True])
def test_a_teller_that_hangs_is_ended_and_the_next_takes_over(
    monkeypatch: pytest.MonkeyPatch, hangs_while_built: bool, hurried: bool
) -> None:
    monkeypatch.setattr(guarded, "HURRIED_SECONDS" if hurried else "PATIENCE_SECONDS", 0.1)
    ended = Event()
    first: Heard = []
    second: Heard = []
    said: list[str] = []

    def hang(heard: Heard) -> None:
        if heard is first:
            ended.wait()
            fail(heard)
        heard.append("through")

    def build() -> Heard:
        if hangs_while_built:
            hang(first)
        return first

    hanging = Reporter(build=build, end=ended.set, farewell="it is kept")
    guard = Guard(hanging, reporter(second), name="W&B", print_line=said.append)
    guard.attempt(hang)
    guard.close(say("end"), hurried=hurried)

    assert (first, second) == ([], ["through", "end"])
    assert said == ["W&B failed (not done within 0 seconds); it is kept"]


def test_tellers_that_cannot_be_ended_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "HURRIED_SECONDS", 0.1)
    never = Event()
    said: list[str] = []

    def hang(heard: Heard) -> None:
        never.wait()
        fail(heard)

    def end() -> None:
        raise TimeoutError("it does not go")

    guard = Guard(reporter([], end=end), reporter([], end=end), name="W&B", print_line=said.append)
    guard.attempt(hang)
    guard.close(say("end"), hurried=True)
    never.set()  # the thread that was left alone raises now, and its error is ignored

    assert said == ["W&B failed (not done within 0 seconds); it is off"] * 2


def test_a_reason_with_control_characters_does_not_reach_the_terminal() -> None:
    said: list[str] = []

    def fail_in_red(_: Heard) -> None:
        raise ValueError("\x1b[31mred")

    guard = Guard(reporter([]), name="W&B", print_line=said.append)
    guard.attempt(fail_in_red)
    guard.close(say("end"))

    assert said == ["W&B failed (\\x1b[31mred); it is off"]


def test_without_tellers_nothing_is_called() -> None:
    said: list[str] = []
    guard: Guard[Heard] = Guard(name="W&B", print_line=said.append)

    guard.attempt(fail)
    guard.close(fail)

    assert said == []
