"""Whether work on a run may go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


class Interrupted(Exception):
    """Asked to stop, or the run is another process's now; all that is needed to go on is saved."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Control:
    """What whoever trains or scores a run asks between two pieces of work.

    stop_requested: whether to save and end. is_lost: whether another process owns the run by now, so that nothing more of it
    may be written.
    """

    stop_requested: Callable[[], bool] = _never
    is_lost: Callable[[], bool] = _never

    def check_owned(self) -> None:
        """Interrupted where another process owns the run by now."""
        if self.is_lost():
            raise Interrupted


FREE = Control()
"""Nobody asks to stop, and nobody else may own the run."""
