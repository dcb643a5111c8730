"""Rich's console for text that others have written."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from bench.common.display import below, plain


class PlainConsole(Console):
    """Shows control characters in what it prints instead of passing them on; its own colours and movements stay."""

    def __init__(self, stderr: bool = False, **settings: Any):
        super().__init__(file=below(sys.stderr if stderr else sys.stdout), **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control or segment.text == "\n" else segment._replace(text=plain(segment.text))

    def on_broken_pipe(self) -> None:
        """Whoever read has gone, which is no error; rich would end with 1."""
        raise BrokenPipeError
