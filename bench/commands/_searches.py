"""Searches of `bench tune` by name, for the commands that take one in an experiment's place: tune:lmc."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.commands import _mlflow, _options, _output
from bench.common.errors import BenchError
from bench.common.search_names import SEARCH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.store.store import Store
    from bench.sweep.plan import PlannedRun
    from bench.tune.study import Study
    from reports.tuning import Searched


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


def settings(study: str, scale: str, numbers: Sequence[str], store: Store) -> dict[str, Any]:
    """What `bench show` prints of a study: each trial's settings as differences from the first; one trial's in full; or what
    differs between two.

    numbers: numbers of trials, at most two.
    """
    from bench.commands._settings import differing, whole_settings
    from bench.common.errors import did_you_mean, listed
    from bench.spec.loading import canonical
    from bench.spec.runspec import RunSpec
    from bench.tune.study import find, runs_of

    record = find(store, canonical(study), scale)
    trials = {str(trial.number): trial for trial in record.trials() if "spec" in trial.user_attrs}
    specs = {number: RunSpec.from_json(trial.user_attrs["spec"]) for number, trial in trials.items()}
    numbers = [word.lower().removeprefix("trial").strip() for word in numbers]
    for number in numbers:
        if number not in specs:
            hint = did_you_mean(number, specs) or f"; there are {listed(specs)}"
            raise BenchError(f"{SEARCH}{record.name} has no settings of a trial '{number}'{hint}")
    match numbers:
        case [number]:
            return {"trial": int(number), "settings": whole_settings(specs[number]), "runs": runs_of(trials[number])}
        case [first, second]:
            return {"differs": differing(specs[first], specs[second], [f"trial {first}", f"trial {second}"])}
    if not specs:
        raise BenchError(f"{SEARCH}{record.name} has no trial with settings yet")
    base, *others = specs
    changes = {
        int(number): {name: now for name, (_, now) in differing(specs[base], specs[number]).items()} for number in others
    }
    return {"search": record.name, "scale": record.aim.scale, "trials": {int(base): whole_settings(specs[base]), **changes}}


def show(study: str, scale: str, out: Path | None, form: str, store: Store) -> None:
    """What `bench report` prints of a study, or writes to a file. form: of the text; empty for a folder of everything."""
    from bench.common.console import has_bold
    from bench.common.display import plain
    from bench.common.files import write_bytes
    from bench.spec.loading import canonical
    from bench.store.search_results import search_command
    from bench.tune.study import find
    from bench.tune.tables import searched
    from reports.render import grid, render_all
    from reports.table import notes_once
    from reports.tuning_tables import FILES, TRIALS, search_tables

    record = find(store, canonical(study), scale)
    search = searched(record)
    if not len(search.trials):
        raise BenchError(
            f"the search '{study}' has no trials yet; `{search_command(store, canonical(study), scale)}` asks for some"
        )
    if out and not form:
        _everything(record, search, out)
        return
    tables = {FILES[heading]: table for heading, table in search_tables(search).items()}
    console = _output.console()
    if out:
        write_bytes(out, plain(render_all(tables, form, FILES[TRIALS])).encode())
        print(f"wrote {out}")
    elif form == "terminal":
        for table in notes_once(dict(reversed(tables.items()))).values():  # the best last: it stands above the next prompt
            console.print(grid(table, console.width if console.is_terminal else None, has_bold(console)), highlight=False)
        drawn, in_full = typed("report", SEARCH + study, scale, " --out DIR"), typed("show", SEARCH + study, scale, " TRIAL")
        print(f"{drawn} writes a page, tables and figures; {in_full} prints all settings of a trial")
    else:
        _output.print_as_it_is(render_all(tables, form, FILES[TRIALS]))


def _everything(study: Study, search: Searched, folder: Path) -> None:
    """Write tables, figures and the page of a search, and attach them to its experiment in MLflow."""
    import shlex

    import pandas as pd

    from bench.common.display import published
    from bench.reporting.damage import readable
    from bench.reporting.run_rows import run_row
    from bench.tune.confirm import everything
    from bench.tune.study import called
    from reports.search_bundle import search_bundle

    planned_runs = [readable(planned) for planned in everything(study)]
    rows = pd.DataFrame([run_row(planned) for planned in planned_runs]).rename(columns={"variant": "trial"})
    specs = [planned.spec for planned in planned_runs]
    cited = [*(spec.model.name for spec in specs), *(spec.data.name for spec in specs), *search.objectives]
    remade = published(_options.Choice(SEARCH + study.name, study.aim.scale).command("report", anywhere=True))
    with _output.doing() as tell:
        tell("drawing tables, figures and the page")
        paths = search_bundle(search, folder, rows, cited, f"{remade} --out {shlex.quote(folder.name)}")
    _mlflow.announce_report(study.store, called(study.name, study.aim.scale), folder, paths, search.question)
