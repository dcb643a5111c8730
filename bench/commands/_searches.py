"""Searches of `bench tune` by name, for the commands that take one in an experiment's place: tune:lmc."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.commands import _options
from bench.common.errors import BenchError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from rich.table import Table

    from bench.store.store import Store
    from bench.sweep.plan import PlannedRun

SEARCH = "tune:"  # begins their names


def typed(verb: str, name: str, scale: str, more: str = "") -> str:
    """What to type to do `verb` with that, as messages quote it."""
    return f"`{_options.Choice(name, scale).command(verb)}{more}`"


def runs(study: str, scale: str, store: Store) -> tuple[str, list[PlannedRun]]:
    """What a study is called in MLflow, and its runs; BenchError where there is no such study."""
    from bench.spec.loading import canonical
    from bench.tune.confirm import everything
    from bench.tune.study import called, find

    search = find(store, canonical(study), scale)
    return called(search.name, search.aim.scale), everything(search)


def show(study: str, scale: str, out: Path | None, form: str | None, store: Store) -> None:
    """What `bench report` prints of a study or writes."""
    from bench.spec.loading import canonical
    from bench.store.search_results import making
    from bench.tune.study import find
    from bench.tune.tables import searched
    from reports.csv_cells import harmless
    from reports.tuning import confirmed_table, markdown, trials_table
    from reports.tuning_figures import everything

    search = searched(find(store, canonical(study), scale))
    if out and out.suffix:
        raise BenchError(f"a search is reported to a folder of tables and pictures, not to a file; got --out {out}")
    if form not in (None, "terminal", "markdown", "csv"):
        raise BenchError(f"a search is reported as terminal, markdown or csv, got --format {form}")
    if not len(search.trials):
        raise BenchError(f"the study '{study}' has no trials yet; `{making(store, canonical(study), scale)}` asks for some")
    if out:
        written = everything(search, out)
        print(f"wrote {len(written)} files to {out}: {', '.join(sorted({path.stem for path in written}))}")
        return
    tables = [table for table in (trials_table(search), confirmed_table(search)) if len(table)]
    for table in tables:
        if form == "markdown":
            print(markdown(table))
        elif form == "csv":
            print(harmless(table).to_csv(index=False))
        else:
            _options.console().print(_grid(table), highlight=False)
    if search.importances and form in (None, "terminal"):
        print("importance: " + ", ".join(f"{name} {share:.0%}" for name, share in search.importances.items()))
        print(f"{typed('report', SEARCH + study, scale, ' --out DIR')} writes tables and pictures")


def _grid(table: pd.DataFrame) -> Table:
    from rich import box
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in table.columns:
        grid.add_column(str(column), justify="left" if column == "ended" else "right", overflow="fold")
    for row in table.to_numpy():
        grid.add_row(*map(str, row))
    return grid
