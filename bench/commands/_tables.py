"""How runs are shown: as a table for people, as plain values for scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.commands import _output
from reports.quantities import lasting

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bench.costs.forecast import Cost
    from bench.sweep.plan import PlannedRun

RIGHT = ("time", "seed", "val. PSNR (dB)", "age")
FOLDED = ("why", "experiment", "variant", "set apart by")
OPTIONAL = ("why", "set apart by")  # columns that are left out where all their cells are empty
LONG = 500  # rows, from which on they are printed fast rather than in colour


def print_runs(planned_runs: Sequence[PlannedRun], costs: Mapping[str, Cost] | None = None) -> None:
    """One line a run: directory, variant, seed, state and why; and what it will cost, if `costs` has it by the run's name."""
    columns = ["run", "variant", "seed", "state"]  # the run first: where a table is split, each part begins with its name
    columns += ["time", "why"] if costs else ["why"]
    rows = [
        (
            *(planned.run.name, planned.label, str(planned.seed), planned.state),
            *([_time(costs.get(planned.run.name))] if costs else []),
            reason(planned),
        )
        for planned in planned_runs
    ]
    print_table(columns, rows)


def reason(planned: PlannedRun) -> str:
    """Why a run is in its state, where the state alone does not say it."""
    from bench.store.run import FINISHED
    from bench.sweep.plan import NEW

    return "" if planned.state in (FINISHED, NEW) else planned.why


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows under their columns, states in colour, the columns of RIGHT as numbers. Without those of OPTIONAL that are empty."""
    from rich.text import Text

    from bench.common.whole_tables import table_of
    from bench.sweep.run_table import LOOKS, OTHER

    shown = [n for n, name in enumerate(columns) if name not in OPTIONAL or any(row[n] for row in rows)]
    columns, rows = [columns[n] for n in shown], [[row[n] for n in shown] for row in rows]
    if len(rows) > LONG:
        _print_lines(columns, rows)
        return
    table = table_of(columns, RIGHT, FOLDED)
    for row in rows:
        cells = zip(columns, row, strict=True)
        table.add_row(*(Text(cell, LOOKS.get(cell, OTHER)[1] if column == "state" else "") for column, cell in cells))
    _output.console().print(table)


def _print_lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The same without colours: laying out a table takes rich half a millisecond a row."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    form = "   ".join(f"{{:{'>' if column in RIGHT else '<'}{width}}}" for column, width in zip(columns, widths, strict=True))
    lines = [form.format(*cells).rstrip() for cells in (columns, *rows)]
    print("\n".join([lines[0], "─" * sum(widths, 3 * len(widths) - 3), *lines[1:]]))


def as_dict(planned: PlannedRun) -> dict[str, Any]:
    """The same as plain values."""
    latest = planned.run.metrics.latest()
    return {
        "variant": planned.label, "seed": planned.seed, "run": planned.run.name, "path": str(planned.run.path),
        "state": planned.state, "why": planned.why,
        "step": int(latest.get("step", 0)), "steps": planned.spec.steps,
    }  # fmt: skip


def cost_as_dict(cost: Cost | None) -> dict[str, Any]:
    """What is still to be paid for a run, for scripts; seconds and bytes are null where they are not known."""
    if cost is None:
        return {"seconds": 0.0, "scaled": False, "without": [], "bytes": 0, "rests_on": None}
    basis = {"place": cost.hardware, "flops_ratio": cost.ratio} if cost.seconds is not None else None
    return {
        "seconds": cost.seconds, "scaled": cost.scaled, "without": list(cost.without), "bytes": cost.disk, "rests_on": basis,
    }  # fmt: skip


def cost_notes(costs: Collection[Cost]) -> list[tuple[str, str]]:
    """What the marks beside the times mean, as far as there are any."""
    without = sorted({word for cost in costs for word in cost.without})
    ratios = [cost.ratio for cost in costs if cost.scaled and cost.seconds is not None]
    notes = [("~", f"scaled by FLOPs from the nearest timed run: a step has {_times(ratios)} its FLOPs")] if ratios else []
    notes += [("+", f"without {' and '.join(without)}, which has not been timed")] if without else []
    unknown = sum(cost.seconds is None for cost in costs)
    return (
        [*notes, ("?", f"no estimate: no similar run has been timed yet ({unknown} of {len(costs)} runs)")]
        if unknown
        else notes
    )


def _times(ratios: Collection[float]) -> str:
    """The least and the largest of some ratios: 0.5 to 3.1 times."""
    least, most = f"{min(ratios):.2g}", f"{max(ratios):.2g}"
    return f"{least} times" if least == most else f"{least} to {most} times"


def _time(cost: Cost | None) -> str:
    if cost is None:
        return ""
    if cost.seconds is None:
        return "?"
    return f"{'~' if cost.scaled else ''}{lasting(cost.seconds)}{'+' if cost.without else ''}"


def summary(planned_runs: Sequence[PlannedRun], interrupted: bool, command: str) -> int:
    """Say how it went, and what to do about what failed; the exit code."""
    from bench.store.failures import KINDS, Failure
    from bench.store.labels import retrain_options
    from bench.store.run import BLOCKED, DIVERGED, FAILED, FINISHED
    from bench.sweep.plan import unique

    runs = unique(planned_runs)
    good = sum(planned.state == FINISHED for planned in runs)
    failed = [planned for planned in runs if planned.state != FINISHED and planned.run.status().state == FAILED]
    bad = [planned for planned in runs if planned.state in (FAILED, DIVERGED, BLOCKED) or planned in failed]
    print(f"\n{good} of {len(runs)} runs finished" + (f", {len(bad)} failed:" if bad else ""))
    print_failures(bad)
    for kind in sorted({planned.run.status().kind for planned in bad} & set(KINDS)):
        if not KINDS[kind].retried and kind != Failure.DAMAGED:
            print(f"`{command} --retry {kind}` tries again what failed by {kind} ({KINDS[kind].description})")
    training = "bench run ..." if "--decide" in command else command  # which does not go with --fresh
    for planned in bad:
        is_damaged = planned in failed and planned.run.status().kind == Failure.DAMAGED
        if is_damaged or (planned.state == FAILED and planned not in failed):  # whatever its status.json says
            print(f"`{training} {retrain_options(planned.label, planned.seed)}` sets the damaged run aside and trains it anew")
    return 130 if interrupted else int(good < len(runs))


def print_failures(planned_runs: Sequence[PlannedRun]) -> None:
    """Say of each run how it ended, why, and where its log is."""
    for planned in planned_runs:
        log = planned.run.path / "log.txt"
        print(
            f"  {planned.label}, seed {planned.seed}: {planned.state}: {planned.why}" + (f"\n    {log}" if log.exists() else "")
        )
