"""gc: files of a store that are no longer needed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import _options, _output
from reports.quantities import sized

if TYPE_CHECKING:
    from bench.maintenance.gc import Waste
    from bench.store.store import Store

EXAMPLES = 3  # of a kind that are shown by name


def gc(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be removed.")] = False,
    runs: Annotated[
        bool,
        typer.Option(
            "--runs",
            help="Also remove runs that no experiment of the suite uses; your own experiments may use them, so check first.",
        ),
    ] = False,
    caches: Annotated[bool, typer.Option("--caches", help="Also remove the timings of `bench plan --probe`.")] = False,
    store_path: _options.StorePath = None,
    as_json: _options.Json = False,
) -> None:
    """Remove files that are no longer needed.

    Lists them with their sizes, then asks. Runs that are running or queued are left alone, and every run keeps the
    checkpoints that it resumes from and is scored with. Can be interrupted at any moment.
    """
    from bench.maintenance.gc import find, remove

    store = _options.store(store_path)
    leftovers = find(store, caches, runs)
    if as_json:
        _output.print_json([{"kind": w.kind, "path": str(w.path), "bytes": w.size, "about": w.about} for w in leftovers])
        return
    _print_waste(leftovers, store)
    if not leftovers or dry_run:
        return
    if not yes and not (sys.stdin.isatty() and typer.confirm("Remove it?")):
        print("nothing was removed" + ("" if sys.stdin.isatty() else "; `bench gc --yes` does it without asking"))
        return
    removed = [waste for waste in leftovers if remove(store, waste)]
    count = "1 thing" if len(removed) == 1 else f"{len(removed)} things"
    print(f"removed {count}, {sized(sum(waste.size for waste in removed))}")


def _print_waste(leftovers: list[Waste], store: Store) -> None:
    from bench.maintenance.gc import CACHES, KINDS, RUNS

    descriptions = {**KINDS, CACHES: "what probes have measured", RUNS: "runs that no experiment of the suite refers to"}
    for kind, description in descriptions.items():
        of_kind = [waste for waste in leftovers if waste.kind == kind]
        if not of_kind:
            continue
        print(f"{sized(sum(waste.size for waste in of_kind)):>10}  {len(of_kind)} x {kind}: {description}")
        shown = of_kind if kind == RUNS else of_kind[:EXAMPLES]
        for waste in shown:
            about = f"  (of {waste.about})" if waste.about else ""
            print(f"{'':>12}{waste.path.relative_to(store.root)}  {sized(waste.size)}{about}")
        if len(of_kind) > len(shown):
            print(f"{'':>12}and {len(of_kind) - len(shown)} more")
    total = sized(sum(waste.size for waste in leftovers))
    print(f"{total:>10}  in all, of {store.root}" if leftovers else f"there is nothing in {store.root} to remove")
