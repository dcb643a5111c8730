"""What a file from a stranger may hold."""

from collections.abc import Callable
from pathlib import Path


class Hostile:
    """Pickles into an instruction that writes a file where it is loaded."""

    def __init__(self, victim: Path):
        self.victim = victim

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.write_text, (self.victim, "executed")
