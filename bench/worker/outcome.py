"""How work on a run ends, whatever ends it: the state, the kind and the reason that go into its status."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable

from bench.common.errors import BenchError, Blocked
from bench.common.reading import Unreadable
from bench.store import failures
from bench.store.snapshot import Changed
from bench.store.store import BLOCKED, DIVERGED, FAILED, FINISHED, INTERRUPTED, Run

Ended = tuple[str, str, str]
"""(state, kind, reason)."""
LOST = "lost"  # the kind of an end that the end of another process explains
log = logging.getLogger(__name__)


def attempt(run: Run, work: Callable[[], Ended | None]) -> Ended:
    """How work on a run ended: as it says itself, or by what it raised."""
    try:
        return work() or (FINISHED, "", "")
    except Exception as error:
        return _ending(run, error)


def _ending(run: Run, error: Exception) -> Ended:
    """What an exception, while it is handled, means for a run."""
    from bench.training.checkpoint import Damaged
    from bench.training.loop import Interrupted
    from bench.training.losses import Diverged
    from bench.training.process_group import PeerLost

    match error:
        case Interrupted():
            asked = run.asked_to_stop()
            return INTERRUPTED, "asked" if asked else "stopped", asked or "asked to stop; it goes on from its checkpoint"
        case PeerLost():
            return INTERRUPTED, LOST, str(error)
        case Diverged():
            return DIVERGED, "diverged", str(error)
        case Changed():
            return FAILED, "changed", str(error)
        case Blocked():
            return BLOCKED, "blocked", str(error)
        case Unreadable() | Damaged():
            return FAILED, "damaged", str(error)
        case BenchError():
            return FAILED, "configuration", str(error)
        case MemoryError():
            return FAILED, "memory", "out of memory"
    log.error("%s", traceback.format_exc())
    if isinstance(error, OSError):
        return FAILED, failures.of(error), f"{error.strerror or error}: {error.filename or run.path}"
    kind = "memory" if type(error).__name__ == "OutOfMemoryError" else "code"
    return FAILED, kind, f"{type(error).__name__}: {error}".splitlines()[0]
