"""Pictures of 8 bits as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.common.errors import BenchError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

DEEP = ("I", "F")  # Pillow's modes of more than 8 bits begin with these; it would cut them off, not scale them
GREY = ("1", "L", "LA")


def pixels(picture: Image, path: Path, grey: bool = False) -> NDArray[np.uint8]:
    """[H, W] of a grey picture, [H, W, 3] of one in colours unless `grey` is asked for; BenchError for more than 8 bits."""
    if picture.mode.startswith(DEEP):
        raise BenchError(f"{path} has more than 8 bits per pixel; convert the pictures to 8 bits")
    return np.asarray(picture.convert("L" if grey or picture.mode in GREY else "RGB"))
