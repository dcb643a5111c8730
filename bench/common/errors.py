"""Errors that the user can fix. Each message says what was requested, what was found and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class BenchError(Exception):
    """An error that the user can fix. Only its message is shown; any other exception is a bug and keeps its traceback."""


class Blocked(BenchError):
    """Something that a run needs is not there yet (data, weights). The message ends with the command that puts it there."""


def did_you_mean(word: str, known_names: Iterable[str]) -> str:
    """`: did you mean 'hidden'?` where a known word is close to `word`, whatever its capitals, else an empty string."""
    spelled = {name.lower(): name for name in known_names}
    close = get_close_matches(word.lower(), list(spelled), n=1, cutoff=0.6)
    return f": did you mean '{spelled[close[0]]}'?" if close else ""


def listed(words: Iterable[str]) -> str:
    """The words, comma separated, for the end of a message."""
    return ", ".join(words) or "none"


def lack_of(error: BaseException) -> str | None:
    """Which resource this process has run out of, if that caused the error; None otherwise."""
    if isinstance(error, MemoryError) or "bad_alloc" in str(error):
        return "out of memory; give it more (ulimit -v), or ask for less at once"
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return "the system starts no more threads for this process (ulimit -u, -v)"
    if isinstance(error, ImportError) and ("failed to map segment" in str(error) or "cannot allocate memory" in str(error)):
        return f"out of memory while loading a library ({str(error).partition(':')[0]}); give it more (ulimit -v)"
    return None
