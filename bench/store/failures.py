"""The kinds of failure and what follows from each: one table for the scheduler, for `bench plan` and for `--retry`."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.common.errors import BenchError, did_you_mean, listed
from bench.common.reading import Unreadable


@dataclass(frozen=True)
class Kind:
    """A kind of failure in words. retried: whether the next `bench run` tries again without `--retry`."""

    description: str
    retried: bool


class Failure(StrEnum):
    """The kinds of failure, as status.json and `--retry` name them."""

    DIED = "died"
    DISK = "disk"
    SYSTEM = "system"
    GONE = "gone"
    DAMAGED = "damaged"
    MEMORY = "memory"
    CODE = "code"
    CONFIGURATION = "configuration"
    CHANGED = "changed"
    DIVERGED = "diverged"


KINDS: dict[str, Kind] = {
    Failure.DIED: Kind("its process died again and again", retried=True),
    Failure.DISK: Kind("the disk was full or could not be written", retried=True),
    Failure.SYSTEM: Kind("the system refused something", retried=True),
    Failure.GONE: Kind("its directory was deleted while it ran", retried=True),
    Failure.DAMAGED: Kind("one of its files is damaged", retried=False),
    Failure.MEMORY: Kind("out of memory, even with one clip at a time", retried=False),
    Failure.CODE: Kind("an error in the code", retried=False),
    Failure.CONFIGURATION: Kind("a setting that turned out impossible", retried=False),
    Failure.CHANGED: Kind("the code is not what it was when the run was planned", retried=True),
    Failure.DIVERGED: Kind("a loss that is not finite: a result", retried=False),
}


class Interruption(StrEnum):
    """Why a run stopped before its end, without having failed, as status.json names it."""

    BY_USER = "asked"  # by `bench stop`, or its job was cancelled: nothing restarts it by itself
    BY_SIGNAL = "stopped"  # with its sweep, or by the cluster
    PEER_LOST = "lost"  # another process of the same training ended


OUT_OF_MEMORY = "killed by the kernel for want of memory"
"""What an executor reports for a process that the kernel has killed."""


DISK = (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EFBIG)


def kind_of(error: OSError) -> str:
    """The kind of failure for an error of the system or of reading a file."""
    if isinstance(error, Unreadable):
        return Failure.DAMAGED
    return Failure.DISK if error.errno in DISK else Failure.SYSTEM


def is_retried(kind: str) -> bool:
    """Whether the next `bench run` retries failures of this kind without `--retry`."""
    return kind not in KINDS or KINDS[kind].retried


def kinds(words: Sequence[str]) -> frozenset[str]:
    """The kinds that `--retry memory,code` or `--retry all` names; BenchError for an unknown one."""
    names = [word.strip() for text in words for word in text.split(",") if word.strip()]
    for word in names:
        if word not in (*KINDS, "all"):
            hint = did_you_mean(word, KINDS) or f"; there are {listed(KINDS)}, and all"
            raise BenchError(f"there is no kind of failure '{word}'{hint}")
    return frozenset(KINDS) if "all" in names else frozenset(names)
