from itertools import count

from se_nas.searching.progress import SearchProgress
from se_nas.tracking.live_front import LIVE_SECONDS, LiveFront
from tests.tracking.test_console import a_progress, a_record

GROWING = [a_record(number, 0.1 * number, 100 + number) for number in range(1, 8)]


def looked_at(live: LiveFront) -> list[int | None]:
    """The figures that are taken after each trial, while the front grows with each trial."""
    taken = []
    for index in range(len(GROWING)):
        live.look_at(a_progress(*GROWING[: index + 1]))
        taken.append(live.take())
    return taken


def front_size(progress: SearchProgress) -> int:
    return len(progress.front)


def test_the_front_is_drawn_when_it_has_changed_but_at_most_once_per_interval() -> None:
    ticks = count(step=LIVE_SECONDS / 3)
    live = LiveFront(front_size, print_line=print, clock=lambda: float(next(ticks)))

    taken = looked_at(live)

    assert taken[0] == 1
    assert 2 <= sum(figure is not None for figure in taken) <= 4


def test_a_figure_is_taken_once_and_only_the_newest_is_kept() -> None:
    ticks = count(step=LIVE_SECONDS)
    live = LiveFront(front_size, print_line=print, clock=lambda: float(next(ticks)))
    for index in (1, 2, 3):
        live.look_at(a_progress(*GROWING[:index]))

    assert (live.take(), live.take()) == (3, None)


def test_a_front_that_cannot_be_drawn_is_reported_once_and_not_tried_again() -> None:
    said: list[str] = []
    ticks = count(step=LIVE_SECONDS)

    def fail(_: SearchProgress) -> int:
        raise AttributeError("partially initialized module 'pandas'")

    taken = looked_at(LiveFront(fail, print_line=said.append, clock=lambda: float(next(ticks))))

    assert taken == [None] * len(GROWING)
    (line,) = said
    assert "could not be drawn (AttributeError: partially initialized module 'pandas')" in line
