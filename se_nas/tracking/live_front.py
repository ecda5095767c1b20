"""The figure of the front during a search. The search's thread draws it; the thread that shows it takes it."""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

from se_nas.searching.progress import SearchProgress
from se_nas.wording import printable

LIVE_SECONDS = 30
"""The shortest time between two figures of the front during a search."""


class LiveFront:
    """Draws the front when it has changed, at most every `LIVE_SECONDS`. Only the newest figure is kept.

    `draw` makes the figure, `clock` gives seconds. If a figure cannot be drawn, `print_line` gets a line, and no figure
    is drawn after that.
    """

    def __init__(
        self,
        draw: Callable[[SearchProgress], Any],
        *,
        print_line: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._draw, self._print_line, self._clock = draw, print_line, clock
        self._failed = False
        self._drawn_at = clock() - LIVE_SECONDS
        self._shown: tuple[int, ...] = ()
        self._newest: deque[Any] = deque(maxlen=1)

    def look_at(self, progress: SearchProgress) -> None:
        """Draw the front of `progress`, if it is due."""
        members = tuple(member.number for member in progress.front.members)
        if self._failed or members == self._shown or self._clock() - self._drawn_at < LIVE_SECONDS:
            return
        self._shown, self._drawn_at = members, self._clock()
        try:
            self._newest.append(self._draw(progress))
        except Exception as error:  # noqa: BLE001 - the search continues without it
            self._failed = True
            reason = printable(" ".join(f"{type(error).__name__}: {error}".split()))
            self._print_line(f"the front's live figure could not be drawn ({reason}); everything else continues")

    def take(self) -> Any:
        """The newest figure, only once; None if there is no new one. Other threads may call this."""
        try:
            return self._newest.pop()
        except IndexError:
            return None
