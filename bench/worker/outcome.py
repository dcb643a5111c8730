"""How work on a run ended: the state, the kind of failure and the reason for its status.json."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from bench.common.errors import BenchError, Blocked
from bench.common.reading import Unreadable
from bench.store import failures
from bench.store.failures import Failure, Interruption
from bench.store.run import BLOCKED, DIVERGED, FAILED, FINISHED, INTERRUPTED, Run
from bench.store.snapshot import Changed

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How work on a run ended.

    state: of the run from now on. kind: of failure, as `bench.store.failures` sorts them. reason: in words. Both are empty
    where all is well.
    """

    state: str
    kind: str = ""
    reason: str = ""


def outcome_of(run: Run, work: Callable[[], Outcome | None]) -> Outcome:
    """How work on a run ended: the outcome that it returned, or the one that its exception stands for."""
    try:
        return work() or Outcome(FINISHED)
    except Exception as error:
        return _outcome(run, error)


def _outcome(run: Run, error: Exception) -> Outcome:
    """What an exception, while it is handled, means for a run."""
    from bench.training.checkpoint import Damaged
    from bench.training.control import Interrupted
    from bench.training.losses import Diverged
    from bench.training.process_group import PeerLost

    match error:
        case Interrupted():
            request = run.stop_requested()
            return Outcome(
                INTERRUPTED,
                Interruption.BY_USER if request else Interruption.BY_SIGNAL,
                request or "stopped on request; `bench run` resumes it from its checkpoint",
            )
        case PeerLost():
            return Outcome(INTERRUPTED, Interruption.PEER_LOST, str(error))
        case Diverged():
            return Outcome(DIVERGED, Failure.DIVERGED, str(error))
        case Changed():
            return Outcome(FAILED, Failure.CHANGED, str(error))
        case Blocked():
            return Outcome(BLOCKED, "blocked", str(error))
        case Unreadable() | Damaged():
            return Outcome(FAILED, Failure.DAMAGED, str(error))
        case BenchError():
            return Outcome(FAILED, Failure.CONFIGURATION, str(error))
        case MemoryError():
            return Outcome(FAILED, Failure.MEMORY, "out of memory")
    log.error("%s", traceback.format_exc())
    if isinstance(error, OSError):
        return Outcome(FAILED, failures.kind_of(error), f"{error.strerror or error}: {error.filename or run.path}")
    kind = Failure.MEMORY if type(error).__name__ == "OutOfMemoryError" else Failure.CODE
    return Outcome(FAILED, kind, f"{type(error).__name__}: {error}".splitlines()[0])
