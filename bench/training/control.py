"""Whether work on a run may go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class Interrupted(Exception):
    """A stop was requested, or another process owns the run now. All state that is needed to resume is saved."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Control:
    """What training and scoring ask between two pieces of work.

    stop_requested: whether to save and end. is_lost: whether another process owns the run by now, so that nothing more of it
    may be written.
    """

    stop_requested: Callable[[], bool] = _never
    is_lost: Callable[[], bool] = _never

    def check_owned(self) -> None:
        """Interrupted where another process owns the run by now."""
        if self.is_lost():
            raise Interrupted


UNCONTROLLED = Control()
"""No stop is ever requested, and no other process can own the run."""
