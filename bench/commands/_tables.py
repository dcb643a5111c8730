"""How runs are shown: as a table for people, as plain values for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.commands import _options

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from bench.costs.forecast import Cost
    from bench.sweep.plan import Item

STYLES = {
    "damaged": "red",
    "finished": "green",
    "failed": "red",
    "diverged": "yellow",
    "blocked": "yellow",
    "running": "cyan",
    "queued": "blue",
}


LONG = 500  # rows, from which on they are printed fast rather than in colour


def print_runs(
    items: Sequence[Item], costs: Mapping[str, Cost] | None = None, damaged: Sequence[tuple[Path, str]] = ()
) -> None:
    """One line a run: variant, seed, directory, state and why; and what it will cost, where that is given by its name.

    damaged: directories of runs that cannot be read, and why.
    """
    named = any(item.label != item.run.name for item in items)  # runs of a store have no label but their name
    columns = ["variant", "seed", "run", "state"] if named else ["run", "seed", "state"]
    columns += ["time", "why"] if costs else ["why"]
    rows = [
        (
            *(item.label, str(item.seed), *([item.run.name] if named else []), item.state),
            *([_time(costs.get(item.run.name))] if costs else []),
            item.why,
        )
        for item in items
    ]
    rows += [(path.name, *[""] * (len(columns) - 3), "damaged", why) for path, why in damaged]
    if len(rows) > LONG:
        _print_lines(columns, rows)
    else:
        _print_table(columns, rows)


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=column != "why", justify="right" if column == "time" else "left")
    for row in rows:
        cells = zip(columns, row, strict=True)
        table.add_row(*(Text(cell, STYLES.get(cell, "") if column == "state" else "") for column, cell in cells))
    _options.console().print(table)


def _print_lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The same without colours: laying out a table takes rich half a millisecond a row."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    form = "   ".join(f"{{:{'>' if column == 'time' else '<'}{width}}}" for column, width in zip(columns, widths, strict=True))
    lines = [form.format(*cells).rstrip() for cells in (columns, *rows)]
    print("\n".join([lines[0], "─" * sum(widths, 3 * len(widths) - 3), *lines[1:]]))


def as_dict(item: Item) -> dict[str, Any]:
    """The same as plain values."""
    latest = item.run.latest()
    return {
        "variant": item.label, "seed": item.seed, "run": item.run.name, "path": str(item.run.path),
        "state": item.state, "why": item.why,
        "step": int(latest.get("step", 0)), "steps": item.spec.steps,
    }  # fmt: skip


def cost_as_dict(cost: Cost | None) -> dict[str, Any]:
    """What is still to be paid for a run, for scripts; seconds and bytes are null where they are not known."""
    if cost is None:
        return {"seconds": 0.0, "scaled": False, "without": [], "bytes": 0}
    return {"seconds": cost.seconds, "scaled": cost.scaled, "without": list(cost.without), "bytes": cost.disk}


def cost_notes(costs: Collection[Cost]) -> list[tuple[str, str]]:
    """What the marks beside the times mean, as far as there are any."""
    without = sorted({word for cost in costs for word in cost.without})
    notes = (
        [("~", "reckoned by FLOPs from runs of another size")] if any(c.scaled and c.seconds is not None for c in costs) else []
    )
    notes += [("+", f"without {' and '.join(without)}, which nobody has measured")] if without else []
    unknown = sum(cost.seconds is None for cost in costs)
    return [*notes, ("?", f"{unknown} of {len(costs)} runs are like none that was measured")] if unknown else notes


def duration(seconds: float) -> str:
    """Roughly how long: 45 s, 12 min, 3.4 hours, 5.2 days."""
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 3600:.1f} hours" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def size(count: float) -> str:
    """Bytes for people: 12.3 MiB."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def _time(cost: Cost | None) -> str:
    from bench.sweep.progress import clock

    if cost is None:
        return ""
    if cost.seconds is None:
        return "?"
    return f"{'~' if cost.scaled else ''}{clock(cost.seconds)}{'+' if cost.without else ''}"


def summary(items: Sequence[Item], interrupted: bool, command: str) -> int:
    """Say how it went, and what to do about what failed; the exit code."""
    from bench.store.failures import KINDS
    from bench.store.store import BLOCKED, DIVERGED, FAILED, FINISHED
    from bench.sweep.plan import unique

    runs = unique(items)
    good = sum(item.state == FINISHED for item in runs)
    failed = [item for item in runs if item.state != FINISHED and item.run.status().state == FAILED]
    bad = [item for item in runs if item.state in (DIVERGED, BLOCKED) or item in failed]
    print(f"\n{good} of {len(runs)} runs finished" + (f", {len(bad)} failed:" if bad else ""))
    for item in bad:
        log = item.run.path / "log.txt"
        print(f"  {item.label}, seed {item.seed}: {item.state}: {item.why}" + (f"\n    {log}" if log.exists() else ""))
    for kind in sorted({item.run.status().kind for item in bad} & set(KINDS)):
        if not KINDS[kind].again:
            print(f"`{command} --retry {kind}` tries again what failed by {kind} ({KINDS[kind].what})")
    return 130 if interrupted else int(good < len(runs))
