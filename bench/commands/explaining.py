"""explain: what stands behind one number of a table."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.commands import options, selecting
from bench.errors import BenchError, did_you_mean, listed

if TYPE_CHECKING:
    from rich.table import Table


MANY = 10  # seeds; each of more is in --json


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(explain)


def explain(
    name: options.Name,
    variant: Annotated[str, typer.Argument(metavar="VARIANT", help="The row, as the table names it.")],
    metric: Annotated[
        str, typer.Argument(metavar="METRIC", help="The column: psnr, or as CSV and JSON name it: standard/psnr@5.")
    ],
    frame: Annotated[
        str | None, typer.Option(metavar="T|T-T", help="One frame or a slice (11-20). Default: the mean over the horizon.")
    ] = None,
    protocol: selecting.Protocol = "standard",
    differences: selecting.Differences = False,
    guests: selecting.With = None,
    label: selecting.Label = None,
    scale: options.Scale = "small",
    seeds: options.Seeds = None,
    only: options.Only = None,
    settings: options.Set = None,
    store_path: options.StorePath = None,
    as_json: options.Json = False,
) -> None:
    """What stands behind a number.

    `bench explain ablation full psnr` takes the options of the `bench report` that has printed the number, and prints the value
    before rounding, the runs and seeds it is made of, their commit, command, machine, data and checkpoint, and the raw values.
    --json adds each clip's.
    """
    from bench.reporting.explain import explain as find

    protocol, metric, frame = _column(metric, protocol, frame)
    names, protocols = selecting.metrics(metric), selecting.protocols(protocol)
    if len(names) > 1 or len(protocols) > 1:
        raise BenchError("a cell is of one metric and one protocol")
    experiment, store = options.experiment(name, scale, seeds, only, settings), options.store(store_path)
    chosen = selecting.select(name, experiment, store, protocols, label, guests or [])
    known = chosen.results.variants
    if variant not in known:
        hint = did_you_mean(variant, known) or f"; it has {listed(known)}"
        raise BenchError(f"{experiment.name} has no variant '{variant}'{hint}")
    spans = selecting.frames(frame, chosen.results.facts.horizon)
    if len(spans) > 1:
        raise BenchError(f"a cell is of one frame or of one slice, got --frame {frame}")
    span = next(((frames, frames) if isinstance(frames, int) else frames for frames in spans), None)
    score = f"{protocols[0]}/{names[0]}"
    try:
        found = find(chosen.results, chosen.items, chosen.guests, variant, score, span, label, differences)
    except ValueError as error:
        raise BenchError(str(error)) from error
    if variant in experiment.variants:
        found["again"] = options.command("run", name, scale, seeds, variant, settings)
    if as_json:
        options.print_json(found)
    else:
        _print(found)


def _column(metric: str, protocol: str, frame: str | None) -> tuple[str, str, str | None]:
    """(protocol, metric, frames) that `standard/psnr@5` names."""
    named, slash, rest = metric.rpartition("/")
    metric, at, frames = rest.partition("@")
    return (named if slash else protocol), metric, (frames if at else frame)


def _print(found: dict[str, Any]) -> None:
    console, shown = options.console(), found["shown"]
    first, last = found["frames"]
    frames = f"frame {first}" if first == last else f"mean of frames {first} to {last}"
    what = "difference of " if "difference" in found else ""
    protocol = f"protocol {found['score'].partition('/')[0]} (version {found['version']})"
    only = f", only clips of '{found['label']}'" if found["label"] else ""
    print(f"{what}'{found['variant']}': {found['title']}, {frames}, {protocol}{only}\n")
    for line in _reckoned(found):
        print(f"  {line}")
    console.print(_runs(found["runs"], shown["times"]))
    if scored := [run for run in found["runs"] if run.get("per_frame")]:
        console.print(_frames(scored, shown["times"], first))
    console.print(_facts(found))


def _reckoned(found: dict[str, Any]) -> Iterator[str]:
    """How the number comes about."""
    shown, runs = found["shown"], [run for run in found["runs"] if run["mean"] is not None]
    if found["value"] is None:
        yield f"{found['text']}  there is no value: {_why(found)}"
        return
    times = f" (the score times {shown['times']:g})" if shown["times"] != 1 else ""
    number = f"{shown['unrounded']:.10g} {shown['unit']}".rstrip()
    yield f"{found['text']}  is {number}{times}, rounded to {shown['decimals']} decimals"
    if "difference" in found:
        yield from _paired(found["difference"], shown["times"])
    else:
        clips = listed(dict.fromkeys(str(run["clips"]) for run in runs))
        yield f"the mean of {len(runs)} seed{'s' if len(runs) > 1 else ''}, of each over {clips} clips"
        yield _spread(found["interval"], shown["times"]) if "interval" in found else "no interval: n = 1 seed"
    if found["best"] or found["close"]:
        yield "bold: the best of its column" if found["best"] else f"underlined: p = {found['p']:.3g}, corrected"


def _spread(interval: dict[str, Any], times: float) -> str:
    """How the half interval comes about."""
    t = f"{interval['t']:.4f} (Student's t, {interval['seeds'] - 1} degrees of freedom)"
    return f"±: {t} x {interval['deviation'] * times:.6g} (standard deviation over seeds) / sqrt({interval['seeds']})"


def _paired(difference: dict[str, Any], times: float) -> Iterator[str]:
    """How a difference comes about."""
    seeds = ", ".join(f"seed {seed}: {value * times:+.6g}" for seed, value in difference["per_seed"].items())
    yield f"to '{difference['to']}', paired over {difference['clips']} clips ({seeds})"
    yield f"p = {difference['p']:.4g} (alone {difference['p_alone']:.4g}), effect size {difference['effect']:.3g}"


def _why(found: dict[str, Any]) -> str:
    if any(run["state"] == "finished" for run in found["runs"]):
        told = next((run["lpips"] for run in found["runs"] if run.get("lpips")), "")
        return f"it could not be computed{': ' + told if found['score'].endswith('lpips') and told else ''}"
    return "no run is finished"


def _runs(runs: Sequence[dict[str, Any]], times: float) -> Table:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("seed", "run", "mean", "clips", "state"):
        table.add_column(column, justify="right" if column in ("mean", "clips") else "left", no_wrap=column != "state")
    for run in runs:
        mean = "–" if run["mean"] is None else f"{run['mean'] * times:.10g}"
        state = run["state"] if run["state"] == "finished" else f"{run['state']}: {run['why']}"
        table.add_row(str(run["seed"]), run["run"], mean, str(run.get("clips", "–")), escape(state))
    return table


def _frames(runs: Sequence[dict[str, Any]], times: float, first: int) -> Table:
    """The means per frame: a line a frame, a column a seed; of many seeds, how far they reach."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("frame", justify="right")
    few = len(runs) <= MANY
    for column in [f"seed {run['seed']}" for run in runs] if few else ["least", "median", "most"]:
        table.add_column(column, justify="right", no_wrap=True)
    for number, values in enumerate(zip(*(run["per_frame"] for run in runs), strict=True), first):
        known = sorted(value for value in values if value is not None)
        shown = values if few else (known[0], known[len(known) // 2], known[-1]) if known else (None,) * 3
        table.add_row(str(number), *("–" if value is None else f"{value * times:.8g}" for value in shown))
    return table


def _facts(found: dict[str, Any]) -> Table:
    """Where the runs come from; what is the same for all of them is said once."""
    from rich.markup import escape
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    data = found["data"]
    where = f"{data['dataset']}, {data['split']} split, {data['context']} context frames, then {data['horizon']}"
    table.add_row("data", escape(where))
    told = {run["seed"]: _told(run) for run in found["runs"]}
    for what in dict.fromkeys(what for facts in told.values() for what in facts):
        values = {seed: facts[what] for seed, facts in told.items() if what in facts}
        same = len(set(values.values())) == 1
        for seed, value in list(values.items())[: 1 if same else None]:
            table.add_row(what, escape(value if same else f"seed {seed}: {value}"))
    if "again" in found:
        table.add_row("made again", escape(f"`{found['again']}`"))
    for note in found["notes"]:
        table.add_row("note", escape(note))
    return table


def _told(run: dict[str, Any]) -> dict[str, str]:
    """The facts of one run in words, as far as they are known."""
    machine, packages = run["machine"], run["packages"]
    cores = f"{machine['threads']} of {machine['cores']} cores" if {"threads", "cores"} <= machine.keys() else ""
    changed = " with uncommitted changes (see provenance.json)" if run["dirty"] else ""
    known = {
        "fingerprint": run.get("fingerprint"),
        "targets": run.get("targets") and f"digest {run['targets']}",
        "scores": run.get("scores"),
        "checkpoint": ": ".join(filter(None, (run.get("selection"), run.get("checkpoint")))),
        "commit": run["commit"] and run["commit"] + changed,
        "command": run["command"],
        "machine": ", ".join(filter(None, (machine.get("host"), machine.get("processor"), cores))),
        "device": ", ".join(machine.get("accelerators") or filter(None, [run["device"]])),
        "packages": ", ".join(f"{name} {packages[name]}" for name in ("python", "torch") if name in packages),
        "written": run["written"] and time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(run["written"])),
        "deviations": "; ".join(run["deviations"]),
    }
    return {what: value for what, value in known.items() if value}
