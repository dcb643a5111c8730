"""Rich's console for text from untrusted files."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table

from bench.common.display import below, plain
from bench.common.whole_tables import fitting
from bench.common.wrapping import stated_width


def has_bold(console: Console) -> bool:
    """Whether a console shows bold and underlined letters; a pipe, a file and TERM=dumb do not."""
    return console.color_system is not None


class PlainConsole(Console):
    """Shows control characters in what it prints instead of passing them on; its own colours and movements stay."""

    def __init__(self, stderr: bool = False, **settings: Any):
        super().__init__(file=below(sys.stderr if stderr else sys.stdout), **settings)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control or segment.text == "\n" else segment._replace(text=plain(segment.text))

    def print(self, *objects: Any, **settings: Any) -> None:
        """Tables are never cut: on a terminal they become several, elsewhere they are as wide as they need to be.

        Where COLUMNS is set, that is their width elsewhere, too.
        """
        if len(objects) != 1 or not isinstance(objects[0], Table):
            super().print(*objects, **settings)
        elif width := self.width if self.is_terminal else stated_width():
            for part in fitting(objects[0], width):
                super().print(part, width=width, **settings)
        else:
            terminal_width, self.width = self.width, max(self.width, Console(width=100_000).measure(objects[0]).maximum)
            super().print(objects[0], **settings)
            self.width = terminal_width

    def on_broken_pipe(self) -> None:
        """The reader has closed the pipe, which is no error; rich would exit with code 1."""
        raise BrokenPipeError
