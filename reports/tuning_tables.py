"""A hyperparameter search as tables: the best settings, what mattered, how the best was found, every trial."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from reports.columns import Column, header, shown
from reports.footnotes import SMALL_SCALE, Footnote
from reports.mean_cells import mean_cell
from reports.metric import Metric
from reports.quantities import lasting
from reports.table import Cell, Row, Table
from reports.tuning import COMPLETE, PRUNED, Confirmed, Searched, lacking, setting, written

BEST, MATTERED, FOUND, TRIALS = "Best settings", "Parameter importances", "Optimization history", "Trials"
PARALLEL, FRONT = "Parallel coordinates", "Pareto front"  # figures alone
SECTIONS = (BEST, MATTERED, FOUND, PARALLEL, FRONT, TRIALS)  # of the page, in this order
FILES = {BEST: "best", MATTERED: "importances", FOUND: "history", TRIALS: "trials"}
KINDS = 6  # of a setting's values that are named one by one
PLAIN = Metric("up")


def search_tables(searched: Searched) -> dict[str, Table]:
    """Heading -> table, those that the search allows; the last one, of all trials, says what is lacking."""
    makers = {BEST: best_table, MATTERED: importance_table, FOUND: history_table, TRIALS: trials_table}
    return {heading: table for heading, make in makers.items() if (table := make(searched)).rows}


def best_table(searched: Searched) -> Table:
    """The best trials with their settings: what they scored in the search, and on seeds that it has not seen."""
    best = list(searched.confirmed) or [_unconfirmed(searched, trial) for trial in searched.front]
    with_settings = set(searched.settings.index)
    shown_trials = [candidate for candidate in best if candidate.trial in with_settings]
    scores = [
        Column(f"{kind} {name}", f"{kind} {header(name, metric)}", metric)
        for name, metric in searched.objectives.items()
        for kind in ("search", "confirmed")
    ]
    rows = [
        Row(
            f"trial {candidate.trial}",
            str(len(candidate.seeds)) if candidate.means else f"0 of {len(candidate.seeds)}" if candidate.seeds else "0",
            (*_settings(searched, candidate.trial), *_confirmed(searched, candidate)),
            ("1",) if candidate.diverged else (),
        )
        for candidate in shown_trials
    ]
    notes = _how_confirmed(searched, best)
    if len(rows) > 1 and best[0].means and all(candidate.settled for candidate in best):  # fresh seeds have chosen the first
        cells, confirmed = list(rows[0].cells), len(searched.settings.columns) + 1
        cells[confirmed] = _bold(cells[confirmed])
        rows[0] = replace(rows[0], cells=tuple(cells))
        notes.append("Bold: the best on fresh seeds.")
    table = _table(searched, BEST, [*_setting_columns(searched), *scores], rows, notes, subject="best")
    if not any(row.marks for row in rows):
        return table
    behind = ", and so ranks behind those that do not" if any(candidate.means for candidate in best) else ""
    diverges = Footnote(f"Diverged when it was trained again on fresh seeds{behind}.", "1")
    return replace(table, footnotes=(diverges, *table.footnotes))


def _bold(cell: Cell) -> Cell:
    return replace(cell, best=True)


def _unconfirmed(searched: Searched, trial: int) -> Confirmed:
    row = dict(searched.trials.set_index("trial").loc[trial])
    return Confirmed(trial, (), {name: float(row[name]) for name in searched.objectives}, {}, {})


def _confirmed(searched: Searched, candidate: Confirmed) -> list[Cell]:
    """Per objective the value of the search, and the mean over fresh seeds."""
    cells = []
    for name, metric in searched.objectives.items():
        cells.append(_score(metric, candidate.search.get(name, np.nan)))
        runs = np.array(candidate.runs.get(name, ()), float)
        if candidate.means and len(runs) == len(candidate.seeds) and (metric.unit or metric.digits):
            cells.append(mean_cell(runs, Column(name, name, metric)))
        else:
            cells.append(_score(metric, candidate.means.get(name, np.nan)))
    return cells


def _how_confirmed(searched: Searched, best: Sequence[Confirmed]) -> list[str]:
    seeds = sorted({seed for candidate in best if candidate.means for seed in candidate.seeds})
    trials = len(searched.complete)
    luck = f" The best of {trials} trials is also the luckiest: this score is too good." if trials > 1 else ""
    sentences = [f"Search: the score by which it was found.{luck}"]
    if searched.chosen_by:
        sentences.insert(0, f"Best: {searched.chosen_by}, among the trials of the Pareto front.")
    if not seeds:
        return sentences
    many = "±: 95% interval of the mean over seeds (Student's t)." if len(seeds) > 1 else "One seed: no confidence interval."
    return [*sentences, f"Confirmed: trained again on fresh seeds ({', '.join(map(str, seeds))}).", many]


def importance_table(searched: Searched) -> Table:
    """How much of the score's variation each setting explains, what was tried of it, and what the best trial has."""
    columns = [Column("importance", "importance (%)", PLAIN), Column("tried", "tried", PLAIN), Column("best", "best", PLAIN)]
    names = sorted(searched.settings.columns, key=lambda name: -searched.importances.get(name, -1))
    best = searched.front[:1]
    rows = [
        Row(
            str(name),
            "",
            (
                Cell(share, f"{share:.0%}".rstrip("%")) if (share := searched.importances.get(name)) is not None else Cell(),
                Cell(text=_tried(searched, name)),
                *(_setting(searched.settings.at[trial, name]) for trial in best),
            ),
        )
        for name in names
        if searched.importances
    ]
    score = shown(searched.first, searched.objectives[searched.first])
    notes = [
        f"Importance: the share of the variation of {score} between the {len(searched.complete)} complete trials that "
        f"a setting explains, by {searched.evaluator}."
    ]
    if unexplained := [str(name) for name in names if name not in searched.importances]:
        notes.append(f"Not known of {', '.join(unexplained)}: not every complete trial has it, or all have the same.")
    return _table(searched, MATTERED, columns, rows, notes, subject="setting")


def _tried(searched: Searched, name: str) -> str:
    """The values of a setting that were tried: from the least to the largest, or one by one."""
    values = searched.settings[name].dropna()
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().all() and len(numbers.unique()) > KINDS:
        drawn = ", logarithmic" if name in searched.logarithmic else ""
        return f"{setting(float(numbers.min()))} to {setting(float(numbers.max()))}{drawn}"
    kinds = sorted(numbers.unique()) if numbers.notna().all() else sorted(map(str, values.unique()))
    more = f" and {len(kinds) - KINDS} more" if len(kinds) > KINDS else ""
    return ", ".join(map(setting, kinds[:KINDS])) + more


def history_table(searched: Searched) -> Table:
    """The trials that were better than all before them: what each gained, and after how much training."""
    metric = searched.objectives[searched.first]
    columns = [
        Column(searched.first, header(searched.first, metric), metric),
        Column("gain", "gain", metric),
        Column("trained", "training time until then", PLAIN),
    ]
    best, spent = searched.best_so_far, searched.trials.set_index("trial")["trained"].fillna(0).cumsum()
    rows, before = [], np.nan
    for trial, value in zip(best.index, best, strict=True):
        if value != before:
            gain = Cell() if np.isnan(before) else Cell(abs(value - before), written(metric, abs(value - before)))
            rows.append(Row(str(trial), "", (_score(metric, value), gain, _duration(spent[trial]))))
        before = value
    counts = searched.trials["state"].value_counts()
    trials_text = ", ".join(f"{counts[state]} {state}" for state in counts.index)
    return _table(searched, FOUND, columns, rows, [f"Each row is better than all trials before it. Trials: {trials_text}."])


def trials_table(searched: Searched) -> Table:
    """Every trial: its scores, its settings, how it ended. Best first, then pruned, then the rest."""
    rank = {COMPLETE: 0, PRUNED: 1}
    ordered = searched.trials.assign(rank=[rank.get(state, 2) for state in searched.trials["state"]])
    down = searched.objectives[searched.first].direction == "down"
    ordered = ordered.sort_values(["rank", searched.first, "trial"], ascending=[True, down, True])
    unfinished = set(ordered["trial"][ordered["state"] != COMPLETE])
    reached = {trial: curve.iloc[-1] for trial, curve in searched.curves.groupby("trial") if trial in unfinished}
    objective = searched.objectives[searched.first]
    columns = [
        *(Column(name, header(name, metric), metric) for name, metric in searched.objectives.items()),
        *_setting_columns(searched),
        Column("ended", "ended", PLAIN, is_text=True),
        *([Column("last", f"last {header(searched.first, objective).rstrip(' ↑↓')}", objective)] if reached else []),
        Column("trained", "training time", PLAIN),
    ]
    marks: dict[str, str] = {}
    rows = []
    for row in ordered.to_dict("records"):
        trial, complete = int(row["trial"]), row["state"] == COMPLETE
        last = reached.get(trial)
        scores = [_score(metric, row[name] if complete else np.nan) for name, metric in searched.objectives.items()]
        if trial in searched.front:
            scores = list(map(_bold, scores))
        end = row["state"] + (f" at step {last['step']:.0f}" if last is not None else "")
        cells = (*scores, *_settings(searched, trial), Cell(text=end))
        cells += (_score(objective, np.nan if last is None else last["value"]),) if reached else ()
        why = row["reason"] if not complete and row["reason"] not in ("", row["state"]) else ""
        mark = (marks.setdefault(f"{why[:1].upper()}{why[1:].rstrip('.')}.", str(len(marks) + 1)),) if why else ()
        rows.append(Row(str(trial), "", (*cells, _duration(row["trained"])), mark))
    bold = "best"
    if searched.chosen_by and searched.front:
        bold = "on the Pareto front: no other trial is as good in every objective and better in one"
        bold += f". Best: trial {searched.front[0]}, {searched.chosen_by}"
    notes = [f"Bold: {bold}."] if searched.front else []
    if reached:
        notes.append("Last: the score that was logged last of a trial that did not end; it is no score of a trained model.")
    table = _table(searched, TRIALS, columns, rows, [*notes, *lacking(searched)])
    return replace(table, footnotes=(*(Footnote(text, mark) for text, mark in marks.items()), *table.footnotes))


def _table(
    searched: Searched,
    heading: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    notes: Sequence[str],
    subject: str = "trial",
) -> Table:
    general = [*([SMALL_SCALE] if searched.scale == "small" else []), *notes, *searched.notes]
    name = f"tune-{searched.name}-{FILES[heading]}"
    return Table(heading, tuple(columns), tuple(rows), tuple(map(Footnote, general)), subject, name)


def _setting_columns(searched: Searched) -> list[Column]:
    """Settings may be called anything, also as our own columns are."""
    ours = {"trial", "best", "ended", "last", "trained", "notes", "seeds", *searched.objectives}
    return [Column(f"setting {name}" if name in ours else str(name), str(name), PLAIN) for name in searched.settings.columns]


def _settings(searched: Searched, trial: int) -> list[Cell]:
    return [_setting(searched.settings.at[trial, name]) for name in searched.settings.columns]


def _setting(value: object) -> Cell:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return Cell()
    if isinstance(value, str):
        return Cell(text=value)
    return Cell(float(value), setting(value)) if isinstance(value, int | float | np.number) else Cell(text=str(value))


def _score(metric: Metric, value: float) -> Cell:
    return Cell() if pd.isna(value) else Cell(float(value), written(metric, float(value)))


def _duration(value: float) -> Cell:
    return Cell() if pd.isna(value) else Cell(float(value), lasting(float(value)))
