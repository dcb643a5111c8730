"""The commands of `bench`. Only the one that is asked for is imported and built; all of them take 0.1 s."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_group

NAMES = (  # in the order of the help; `bench.commands.NAME` has a function of that name, or a Typer `app` of several commands
    *("plan", "run", "tune", "status", "logs", "stop", "report", "results", "explain", "ui", "sync", "eval", "reproduce"),
    *("rescore", "weights", "predict", "prepare", "data", "list", "show", "doctor", "speed", "gc"),
)


class LazyCommands(MutableMapping[str, Any]):
    """Commands by name, each built when it is first asked for."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = dict.fromkeys(NAMES)

    def __getitem__(self, name: str) -> Any:
        if self._built[name] is None:
            app = typer.Typer(rich_markup_mode=None, callback=lambda: None)  # with a callback it stays a group
            module = import_module(f"bench.commands.{name}")
            if subcommands := getattr(module, "app", None):
                app.add_typer(subcommands, name=name)
            else:  # the function of that name, or NAME_ where the file needs NAME for something else
                app.command(name)(getattr(module, name, None) or getattr(module, f"{name}_"))
            self._built |= get_group(app).commands
        return self._built[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._built[name] = command

    def __delitem__(self, name: str) -> None:
        del self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._built)

    def __len__(self) -> int:
        return len(self._built)


class LazyGroup(TyperGroup):
    """The group of these commands."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = LazyCommands()
