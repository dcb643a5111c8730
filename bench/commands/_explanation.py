"""What `bench explain` prints."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bench.commands import _output
from bench.common.errors import listed
from reports.quantities import several

if TYPE_CHECKING:
    from rich.table import Table

MANY = 10  # seeds; each of more is in --json


def print_score(cell: dict[str, Any]) -> None:
    """A cell of a table of scores, as `bench.reporting.explain.score` finds it."""
    console, shown = _output.console(), cell["shown"]
    first, last = cell["frames"]
    frames = f"frame {first}" if first == last else f"mean of frames {first} to {last}"
    frames = f"of all frames {first} to {last} of the set of clips" if cell["of_set"] else frames
    prefix = "difference of " if "difference" in cell else ""
    protocol = f"protocol {cell['score'].partition('/')[0]} (version {cell['version']})"
    only = f", only clips of '{cell['label']}'" if cell["label"] else ""
    print(f"{prefix}'{cell['variant']}': {cell['title']}, {frames}, {protocol}{only}\n")
    for line in _calculation_lines(cell):
        print(f"  {line}")
    console.print(_runs(cell["runs"], shown["times"]))
    if scored := [run for run in cell["runs"] if run.get("per_frame")]:
        console.print(_frames(scored, shown["times"], first))
    console.print(_metadata(cell))


def print_cost(cell: dict[str, Any]) -> None:
    """A cell of the table of costs, as `bench.reporting.explain.cost` finds it."""
    console, value = _output.console(), cell["value"]
    recorded = sum(run["value"] is not None for run in cell["runs"])
    amount = "it is not recorded" if value is None else f"is {value:.10g}{cell['unit']}, the mean of {several(recorded, 'run')}"
    print(f"'{cell['variant']}': {cell['title']}\n\n  {cell['text']}  {amount}")
    console.print(_runs(cell["runs"]))
    console.print(_metadata(cell))


def _calculation_lines(cell: dict[str, Any]) -> Iterator[str]:
    """How the number is computed, a line a step."""
    shown, runs = cell["shown"], [run for run in cell["runs"] if run["mean"] is not None]
    if cell["value"] is None:
        yield f"{cell['text']}  there is no value: {_why(cell)}"
        return
    times = f" (the score times {shown['times']:g})" if shown["times"] != 1 else ""
    number = f"{shown['unrounded']:.10g} {shown['unit']}".rstrip()
    yield f"{cell['text']}  is {number}{times}, rounded to {shown['decimals']} decimals"
    if "difference" in cell:
        yield from _paired(cell["difference"], shown["times"])
    else:
        counts = dict.fromkeys(run["clips"] for run in runs)
        clips = several(next(iter(counts)), "clip") if len(counts) == 1 else f"{listed(map(str, counts))} clips"
        yield f"the mean of {several(len(runs), 'seed')}, of each over {clips}"
        if cell["of_set"]:
            yield from _resampled(runs, shown["times"])
        else:
            yield _spread(cell["interval"], shown["times"]) if "interval" in cell else "no confidence interval: n = 1 seed"
    if cell["best"] or cell["close"]:
        yield "bold: the best of its column" if cell["best"] else f"underlined: p = {cell['p']:.3g}, corrected"


def _resampled(runs: Sequence[dict[str, Any]], times: float) -> Iterator[str]:
    """How far resampling the clips moves the score of each run."""
    for run in runs:
        moved = run["deviation_over_clips"] * times
        yield f"seed {run['seed']}: resampling the clips moves it by {moved:.4g} (standard deviation)"
    yield "±: 1.96 such deviations of the mean over seeds, and where there are several seeds, theirs by Student's t"


def _spread(interval: dict[str, Any], times: float) -> str:
    """How the half-width of the confidence interval is computed."""
    t = f"{interval['t']:.4f} (Student's t, {interval['seeds'] - 1} degrees of freedom)"
    return f"±: {t} x {interval['deviation'] * times:.6g} (standard deviation over seeds) / sqrt({interval['seeds']})"


def _paired(difference: dict[str, Any], times: float) -> Iterator[str]:
    """How a paired difference and its p-value are computed."""
    seeds = ", ".join(f"seed {seed}: {value * times:+.6g}" for seed, value in difference["per_seed"].items())
    yield f"to '{difference['to']}', paired over {several(difference['clips'], 'clip')} ({seeds})"
    effect = "" if difference["effect"] is None else f", effect size {difference['effect']:.3g}"
    yield f"p = {difference['p']:.4g} (alone {difference['p_alone']:.4g}){effect}"


def _why(cell: dict[str, Any]) -> str:
    """Why there is no number."""
    if any(run["state"] == "finished" for run in cell["runs"]):
        reason = next((run["missing"] for run in cell["runs"] if run.get("missing")), "")
        return f"it could not be computed{': ' + reason if reason else ''}"
    return "no run is finished"


def _runs(runs: Sequence[dict[str, Any]], times: float = 1) -> Table:
    from rich.markup import escape

    from bench.common.whole_tables import table_of

    value = "mean" if any("mean" in run for run in runs) else "value"
    shown = ("seed", "run", value, *(["clips"] if value == "mean" else []), "state")
    table = table_of(shown, right=(value, "clips"), folded=("state",))
    for run in runs:
        number = "–" if run[value] is None else f"{run[value] * times:.10g}"
        state = run["state"] if run["state"] == "finished" else f"{run['state']}: {run['why']}"
        cells = {"clips": "–", **run, value: number, "state": escape(state)}
        table.add_row(*(str(cells[column]) for column in shown))
    return table


def _frames(runs: Sequence[dict[str, Any]], times: float, first: int) -> Table:
    """The means per frame: a line a frame, a column a seed; of more than MANY seeds, their least, median and most."""
    from bench.common.whole_tables import table_of

    few = len(runs) <= MANY
    heads = ["frame", *([f"seed {run['seed']}" for run in runs] if few else ["least", "median", "most"])]
    table = table_of(heads, right=heads, folded=())
    for number, values in enumerate(zip(*(run["per_frame"] for run in runs), strict=True), first):
        ordered = sorted(value for value in values if value is not None)
        shown = values if few else (ordered[0], ordered[len(ordered) // 2], ordered[-1]) if ordered else (None,) * 3
        table.add_row(str(number), *("–" if value is None else f"{value * times:.8g}" for value in shown))
    return table


def _metadata(cell: dict[str, Any]) -> Table:
    """Where the runs come from; a value that all of them share is printed once."""
    from rich.markup import escape
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    data = cell["data"]
    where = f"{data['dataset']}, {data['split']} split, {data['context']} context frames, then {data['horizon']}"
    table.add_row("data", escape(where))
    by_seed = {run["seed"]: _run_metadata(run) for run in cell["runs"]}
    for field in dict.fromkeys(field for metadata in by_seed.values() for field in metadata):
        values = {seed: metadata[field] for seed, metadata in by_seed.items() if field in metadata}
        same = len(set(values.values())) == 1
        for seed, value in list(values.items())[: 1 if same else None]:
            table.add_row(field, escape(value if same else f"seed {seed}: {value}"))
    if "again" in cell:
        table.add_row("made again", escape(f"`{cell['again']}`"))
    for note in cell["notes"]:
        table.add_row("note", escape(note))
    return table


def _run_metadata(run: dict[str, Any]) -> dict[str, str]:
    """What is recorded about one run, by name, as text."""
    machine, packages = run["machine"], run["packages"]
    cores = f"{machine['threads']} of {machine['cores']} cores" if {"threads", "cores"} <= machine.keys() else ""
    changed = " with uncommitted changes (see provenance.json)" if run["dirty"] else ""
    entries = {
        "fingerprint": run.get("fingerprint"),
        "targets": run.get("targets") and f"digest {run['targets']}",
        "scores": run.get("scores"),
        "checkpoint": ": ".join(filter(None, (run.get("selection"), run.get("checkpoint")))),
        "commit": run["commit"] and run["commit"] + changed,
        "plug-in": ", ".join(f"{name} {number}" for name, number in run["plug_ins"].items()),
        "own code": ", ".join(f"{name} (hash {digest[:12]})" for name, digest in run["own_code"].items()),
        "command": run["command"],
        "machine": ", ".join(filter(None, (machine.get("host"), machine.get("processor"), cores))),
        "device": ", ".join(machine.get("accelerators") or filter(None, [run["device"]])),
        "packages": ", ".join(f"{name} {packages[name]}" for name in ("python", "torch") if name in packages),
        "written": run["written"] and time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(run["written"])),
        "deviations": "; ".join(run["deviations"]),
        "earlier": "; ".join(map(_earlier, run["earlier"])),
    }
    return {field: value for field, value in entries.items() if value}


def _earlier(record: dict[str, Any]) -> str:
    """With what a run was trained before it went on otherwise: `up to step 100: commit 1a2b3c, host, torch 2.13.0, command`."""
    code, machine, packages = (record.get(name, {}) for name in ("code", "machine", "packages"))
    commit = f"commit {code['commit'][:12]}{' with changes' * bool(code.get('diff'))}" if code.get("commit") else ""
    parts = [
        commit or (f"version {code['version']}" if "version" in code else ""),
        machine.get("host"),
        ", ".join(machine.get("accelerators") or ()) or machine.get("processor"),
        f"torch {packages['torch']}" if "torch" in packages else "",
        f"`{record['command']}`" if record.get("command") else "",
    ]
    return f"up to step {record.get('until', '?')}: {', '.join(filter(None, parts))}"
