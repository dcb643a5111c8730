"""Why runs end otherwise than well, and what follows: one table for the scheduler, for `bench plan` and for `--retry`."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass

from bench.common.errors import BenchError, did_you_mean, listed
from bench.common.reading import Unreadable


@dataclass(frozen=True)
class Kind:
    """What happened, in words, and whether the next `bench run` tries again without being told to."""

    what: str
    again: bool


KINDS = {
    "died": Kind("its process died again and again", again=True),
    "disk": Kind("the disk was full or could not be written", again=True),
    "system": Kind("the system refused something", again=True),
    "gone": Kind("its directory was deleted while it ran", again=True),
    "damaged": Kind("one of its files is damaged", again=False),
    "memory": Kind("out of memory, even with one clip at a time", again=False),
    "code": Kind("an error in the code", again=False),
    "configuration": Kind("a setting that turned out impossible", again=False),
    "changed": Kind("the code is not what it was when the run was planned", again=True),
    "diverged": Kind("a loss that is not finite: a result", again=False),
}
OUT_OF_MEMORY = "killed by the kernel for want of memory"
"""What an executor says of a process that ended so."""


DISK = (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG)


def of(error: OSError) -> str:
    """The kind of what the system says, or a reader of a file."""
    if isinstance(error, Unreadable):
        return "damaged"
    return "disk" if error.errno in DISK else "system"


def is_retried(kind: str) -> bool:
    """Whether the next `bench run` tries again what failed so, without `--retry`."""
    return kind not in KINDS or KINDS[kind].again


def kinds(words: Sequence[str]) -> frozenset[str]:
    """The kinds that `--retry memory,code` or `--retry all` names; BenchError for an unknown one."""
    named = [word.strip() for text in words for word in text.split(",") if word.strip()]
    for word in named:
        if word not in (*KINDS, "all"):
            hint = did_you_mean(word, KINDS) or f"; there are {listed(KINDS)}, and all"
            raise BenchError(f"there is no kind of failure '{word}'{hint}")
    return frozenset(KINDS) if "all" in named else frozenset(named)
