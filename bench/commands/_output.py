"""How commands print: to a terminal, a pipe or a script, with bars and lines of progress on the side."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import Console


def console(aside: bool = False) -> Console:
    """Where commands print; wide when the output is no terminal, so that lines stay whole.

    aside: on standard error, since standard output belongs to a script.
    """
    from bench.common.console import PlainConsole

    plain = PlainConsole(stderr=aside)
    return plain if plain.is_terminal else PlainConsole(stderr=aside, width=200)


class Tell(Protocol):
    """Called with how many are done, of how many (0: unknown), and the name of the current task if it has changed."""

    def __call__(self, done: int, total: int, name: str | None = None) -> None: ...


@contextmanager
def progress(doing: str, aside: bool = True, of_bytes: bool = False) -> Iterator[Tell]:
    """A bar on a terminal while something long is done.

    aside: on standard error; what prints meanwhile wants it on standard output. of_bytes: they are counted in bytes.
    """
    from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

    where = console(aside)
    columns = [*Progress.get_default_columns(), *((DownloadColumn(), TransferSpeedColumn()) if of_bytes else ())]
    with Progress(*columns, console=where, transient=True, disable=not where.is_terminal) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total, name=None: bar.update(task, completed=done, total=total or None, description=name)


@contextmanager
def doing() -> Iterator[Callable[[str], None]]:
    """A line on a terminal, on standard error, that says what is being done; for work whose steps cannot be counted."""
    with console(aside=True).status("") as line:
        yield line.update


def print_json(value: Any) -> None:
    """A value for a script."""
    print_as_it_is(json.dumps(value, indent=1, default=str))


def print_as_it_is(text: str) -> None:
    """A text whose lines have a meaning, such as CSV or YAML: no terminal is too narrow for it."""
    from bench.common.display import as_they_are

    with as_they_are():
        print(text.removesuffix("\n"))


def say(remarks: Iterable[str]) -> None:
    """What a user has to know and a script does not want: on standard error."""
    for remark in remarks:
        print(remark, file=sys.stderr)
