from threading import Event

from se_nas.tracking.guarded import Guard


class Fragile:
    def __init__(self) -> None:
        self.calls = 0

    def speak(self) -> None:
        self.calls += 1
        raise ConnectionError("server\nis gone")


def test_a_failure_is_told_once_in_one_line_and_not_repeated() -> None:
    said: list[str] = []
    fragile = Fragile()
    guard = Guard(lambda: fragile, name="W&B", tell=said.append)

    guard.attempt(Fragile.speak)
    guard.attempt(Fragile.speak)

    assert fragile.calls == 1
    assert said == ["W&B failed and is off from here (server is gone); everything else goes on"]
    assert not guard.is_in_use


def test_a_teller_that_cannot_even_be_built_is_given_up() -> None:
    said: list[str] = []

    def build() -> Fragile:
        raise ImportError("no wandb")

    guard = Guard(build, name="W&B", tell=said.append)
    guard.attempt(Fragile.speak)
    guard.attempt(Fragile.speak)

    assert len(said) == 1


def test_it_is_built_beside_what_goes_on_meanwhile() -> None:
    may_go_on = Event()

    def build() -> list[str]:
        may_go_on.wait()
        return heard

    heard: list[str] = []
    guard: Guard[list[str]] = Guard(build, name="W&B", tell=heard.append)
    assert not guard.is_in_use

    may_go_on.set()
    guard.attempt(lambda teller: teller.append("a trial"))

    assert guard.is_in_use
    assert heard == ["a trial"]


def test_without_a_build_nothing_is_called() -> None:
    said: list[str] = []
    guard: Guard[Fragile] = Guard(None, name="W&B", tell=said.append)

    guard.attempt(Fragile.speak)

    assert said == []
