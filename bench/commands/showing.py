"""How runs are shown: as a table for people, as plain values for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.commands import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.plan import Item

STYLES = {"finished": "green", "failed": "red", "diverged": "yellow", "blocked": "yellow", "running": "cyan", "queued": "blue"}


def print_runs(items: Sequence[Item]) -> None:
    """One line a run: variant, seed, directory, state and why."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    named = any(item.label != item.run.name for item in items)  # runs of a store have no label but their name
    for column in ("variant", "seed", "run", "state", "why") if named else ("run", "seed", "state", "why"):
        table.add_column(column, no_wrap=column != "why")
    for item in items:
        style = STYLES.get(item.state, "")
        names = [escape(item.label), str(item.seed), *([item.run.name] if named else [])]
        table.add_row(*names, f"[{style}]{item.state}[/]" if style else item.state, escape(item.why))
    options.console().print(table)


def as_dict(item: Item) -> dict[str, Any]:
    """The same as plain values."""
    latest = item.run.latest()
    return {
        "variant": item.label, "seed": item.seed, "run": item.run.name, "path": str(item.run.path),
        "state": item.state, "why": item.why,
        "step": int(latest.get("step", 0)), "steps": item.spec.steps,
    }  # fmt: skip
