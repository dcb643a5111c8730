"""How runs are shown: as a table for people, as plain values for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.commands import options

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bench.forecast import Cost
    from bench.plan import Item

STYLES = {"finished": "green", "failed": "red", "diverged": "yellow", "blocked": "yellow", "running": "cyan", "queued": "blue"}


def print_runs(items: Sequence[Item], costs: Mapping[str, Cost] | None = None) -> None:
    """One line a run: variant, seed, directory, state and why; and what it will cost, where that is given by its name."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    named = any(item.label != item.run.name for item in items)  # runs of a store have no label but their name
    columns = ["variant", "seed", "run", "state"] if named else ["run", "seed", "state"]
    for column in [*columns, *(["time"] if costs else []), "why"]:
        table.add_column(column, no_wrap=column != "why", justify="right" if column == "time" else "left")
    for item in items:
        style = STYLES.get(item.state, "")
        names = [escape(item.label), str(item.seed), *([item.run.name] if named else [])]
        taken = [_time(costs.get(item.run.name))] if costs else []
        table.add_row(*names, f"[{style}]{item.state}[/]" if style else item.state, *taken, escape(item.why))
    options.console().print(table)


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
    from bench.progress import clock

    if cost is None:
        return ""
    if cost.seconds is None:
        return "?"
    return f"{'~' if cost.scaled else ''}{clock(cost.seconds)}{'+' if cost.without else ''}"
