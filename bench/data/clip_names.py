"""Names of fixed clips, and the manifest of exported ones, by which external predictions are matched with their clips.

A clip's name is its number and a checksum of its frames: `00003-9c41b2aa`. A prediction with that name cannot be
mistaken for one of another clip, of another data set, or of clips of another length.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from bench.common.errors import BenchError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = "lmc-bench clips 1"
NAME = re.compile(r"\d{5,}-[0-9a-f]{8}")


def clip_name(number: int, clip: NDArray[np.float32]) -> str:
    """The name of one fixed clip [T, C, H, W] in [0, 1]; rounding to 8 bits does not change it."""
    import numpy as np

    levels = np.ascontiguousarray(np.rint(clip * 255).astype(np.uint8))
    return f"{number:05d}-{hashlib.sha256(repr(levels.shape).encode() + levels.tobytes()).hexdigest()[:8]}"


def are_clip_names(names: Sequence[str]) -> bool:
    """Whether these are names of exported clips, all of them."""
    return bool(names) and all(map(NAME.fullmatch, names))


@dataclass(frozen=True)
class ClipManifest:
    """Which clips were exported.

    data, options: the data set. clips: their names. origins: the videos that they are cut from, where there are such.
    """

    data: str
    options: dict[str, Any]
    fingerprint: str
    split: str
    context: int
    horizon: int
    clips: list[str]
    origins: list[str] | None = None
    format: str = field(default=FORMAT)

    def to_json(self) -> str:
        """The content of the manifest's file."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str) -> ClipManifest:
        """A manifest that `bench data export` wrote; BenchError for anything else."""
        try:
            manifest = cls(**json.loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            raise BenchError(f"{source} is no manifest of `bench data export`: {error}") from error
        if not all(manifest._valid()):
            raise BenchError(f"{source} is no manifest of `bench data export` that this version reads ({FORMAT})")
        return manifest

    def _valid(self) -> Iterator[bool]:
        yield self.format == FORMAT and isinstance(self.data, str) and ":" not in self.data
        yield isinstance(self.options, dict) and self.split in ("val", "test") and isinstance(self.fingerprint, str)
        yield all(type(number) is int and 0 < number < 2**20 for number in (self.context, self.horizon))
        yield isinstance(self.clips, list) and all(isinstance(name, str) for name in self.clips)
