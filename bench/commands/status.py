"""status, logs, gc: how far runs are, what they say, and what of them nobody needs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import options, showing
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.gc import Waste
    from bench.store import Store

EXAMPLES = 3  # of a kind that are shown by name


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(status)
    app.command()(logs)
    app.command()(gc)


def status(
    name: Annotated[
        str | None, typer.Argument(metavar="[EXPERIMENT]", help="Only this experiment's runs. Default: all in the store.")
    ] = None,
    watching: Annotated[
        bool, typer.Option("--watch", help="Keep looking, every second, until q or Ctrl-C; runs go on all the same.")
    ] = False,
    scale: options.Scale = "small",
    seeds: options.Seeds = None,
    only: options.Only = None,
    settings: options.Set = None,
    store_path: options.StorePath = None,
    as_json: options.Json = False,
) -> None:
    """How far runs are.

    Reads the store alone, so it works from any terminal, whoever started the runs. Where --watch has no terminal to draw on,
    it prints a line per change, until nothing goes on.
    """
    from bench.plan import plan as planned
    from bench.plan import seen

    store = options.store(store_path)
    experiment = options.experiment(name, scale, seeds, only, settings) if name else None
    if watching and as_json:
        raise BenchError("--watch is for people, who see every change; --json prints how things stand, once")
    if watching:
        from bench.sweep.watch import Board, watch

        watch(Board(store, experiment), options.console())
        return
    runs, unreadable = ([], []) if experiment else store.listing()
    items = planned(experiment, store) if experiment else [seen(run) for run in runs]
    if as_json:
        options.print_json([showing.as_dict(item) for item in items])
    elif items:
        showing.print_runs(items)
    else:
        print(f"no runs in {store.root} yet; `bench run ablation` starts some")
    for path, reason in unreadable:
        print(f"left out: {path.name}: {reason}", file=sys.stderr)


def logs(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run by name or part of it (`bench status` lists them).")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what the run says until it ends.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of its last lines to begin with.")] = 100,
    store_path: options.StorePath = None,
) -> None:
    """What a run has said.

    With -f, like `tail -f`: it ends when the run ends, and says how. Ctrl-C ends it at once; the run goes on.
    """
    from bench.sweep.logs import follow as followed
    from bench.sweep.logs import how_it_stands, last_lines

    run = options.store(store_path).find(name)
    text, end = last_lines(run, lines)
    sys.stdout.write(text)
    try:
        for more in followed(run, end) if follow else ():
            sys.stdout.write(more)
            sys.stdout.flush()
    except KeyboardInterrupt:
        print()
    print(f"{run.name}: {how_it_stands(run)}", file=sys.stderr)


def gc(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list it.")] = False,
    runs: Annotated[
        bool, typer.Option("--runs", help="Runs, too, that no experiment of the suite refers to; yours may, so look closely.")
    ] = False,
    caches: Annotated[bool, typer.Option("--caches", help="What `bench plan --probe` has measured, too.")] = False,
    store_path: options.StorePath = None,
    as_json: options.Json = False,
) -> None:
    """Remove what nobody needs any more.

    Lists it with its size, then asks. Nothing that goes on or waits in a queue is touched, and every run keeps the checkpoints
    that it resumes from and is scored with. Can be interrupted at any moment.
    """
    from bench.gc import find, remove

    store = options.store(store_path)
    found = find(store, caches, runs)
    if as_json:
        options.print_json([{"kind": w.kind, "path": str(w.path), "bytes": w.size, "about": w.about} for w in found])
        return
    _print_waste(found, store)
    if not found or dry_run:
        return
    if not yes and not (sys.stdin.isatty() and typer.confirm("Remove it?")):
        print("nothing was removed" + ("" if sys.stdin.isatty() else "; `bench gc --yes` does it without asking"))
        return
    gone = [waste for waste in found if remove(store, waste)]
    what = "1 thing" if len(gone) == 1 else f"{len(gone)} things"
    print(f"removed {what}, {showing.size(sum(waste.size for waste in gone))}")


def _print_waste(found: list[Waste], store: Store) -> None:
    from bench.gc import CACHES, KINDS, RUNS

    words = {**KINDS, CACHES: "what probes have measured", RUNS: "runs that no experiment of the suite refers to"}
    for kind, what in words.items():
        of_kind = [waste for waste in found if waste.kind == kind]
        if not of_kind:
            continue
        print(f"{showing.size(sum(waste.size for waste in of_kind)):>10}  {len(of_kind)} x {kind}: {what}")
        shown = of_kind if kind == RUNS else of_kind[:EXAMPLES]
        for waste in shown:
            about = f"  (of {waste.about})" if waste.about else ""
            print(f"{'':>12}{waste.path.relative_to(store.root)}  {showing.size(waste.size)}{about}")
        if len(of_kind) > len(shown):
            print(f"{'':>12}and {len(of_kind) - len(shown)} more")
    total = showing.size(sum(waste.size for waste in found))
    print(f"{total:>10}  in all, of {store.root}" if found else f"there is nothing in {store.root} that nobody needs")
