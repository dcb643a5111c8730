"""The whole report as one HTML file: opens from disk, asks the network for nothing, prints."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader

from reports.columns import FrameSpans
from reports.costs import cost_table, with_warnings
from reports.figures import distinct
from reports.results import Results
from reports.scores_table import scores_table
from reports.statistics import student
from reports.style import DASHES, line_styles
from reports.table import Cell, Table, notes_once, over_horizon
from reports.tuning import Searched
from reports.tuning_tables import SECTIONS

SVG_DASHES = ("", "7 2", "2 2", "8 2 2 2")  # style.DASHES, one by one


@dataclass(frozen=True)
class Picture:
    """An image to show in the page. kind: "png", "gif" or "svg+xml"; data: the file's bytes.

    name: what its own file is called beside the page; none is written where it is empty.
    """

    title: str
    kind: str
    data: bytes
    name: str = ""

    @property
    def address(self) -> str:
        return f"data:image/{self.kind};base64,{base64.b64encode(self.data).decode()}"


def page(
    results: Results,
    scores: Table,
    differences: Table,
    choices: Mapping[str, Any],
    configurations: Mapping[str, Mapping[str, Any]] | None = None,
    pictures: Sequence[Picture] = (),
    more: Mapping[str, Table] | None = None,
    figures: Mapping[str, Sequence[Picture]] | None = None,
    first: Mapping[str, Table] | None = None,
    command: str = "",
) -> str:
    """The page as text.

    scores, differences: the tables of `results` that it opens with, under one protocol. choices: see there.
    configurations: variant -> its settings ("model.slots": 100); only settings that differ are shown.
    pictures: strips and animations. more: heading -> a further table, such as one with published rows.
    first: as `more`, of the sections right after the scores.
    command: what makes the report again.
    figures: heading -> curves and maps, below the table of that heading or in a section of their own.
    """
    tables = {
        **(first or {}),
        "Differences to the first": differences,
        **(more or {}),
        "What each variant costs": cost_table(results),
    }
    noted = notes_once({"": scores, **tables})
    return _filled(
        kind="Experiment",
        name=results.name,
        title=results.question,
        scale=results.scale,
        scores=over_horizon(noted.pop("")),
        sections=_sections(noted, figures or {}),
        origin=origin(results.runs),
        command=command,
        data={
            "protocols": choices,
            "variants": list(results.variants),
            "horizon": results.metadata.horizon,
            "spans": [f"{first}-{last}" for first, last in _spans(scores)],
            "looks": [
                {
                    "colour": "currentColor" if style.colour == "#000000" else style.colour,
                    "dash": SVG_DASHES[DASHES.index(style.dash)],
                }
                for style in line_styles(results.variants).values()
            ],
        },
        variants=results.variants,
        settings=_differing(configurations or {}, results.variants),
        runs=_shown_runs(results.runs),
        pictures=pictures,
    )


def search_page(
    searched: Searched,
    tables: Mapping[str, Table],
    figures: Mapping[str, Sequence[Picture]],
    runs: pd.DataFrame,
    command: str = "",
) -> str:
    """The page of a hyperparameter search as text.

    tables, figures: heading -> table and figures, as far as the search allows. runs: of all trials, as `Results.runs`, but
    with a `trial` in place of the variant. command: what makes the report again.
    """
    sections = _sections(notes_once(tables), figures)
    return _filled(
        kind="Search",
        name=searched.name,
        title=searched.question,
        scale=searched.scale,
        sections={heading: sections[heading] for heading in SECTIONS if heading in sections},
        origin=origin(runs),
        command=command,
        data={},
        runs=_shown_runs(runs),
    )


def _filled(**values: Any) -> str:
    """The template with these values in it."""
    environment = Environment(loader=PackageLoader("reports"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["anchor"] = lambda heading: "-".join(heading.lower().split())
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # metrics in their order
    return environment.get_template("page.html").render(**values)


def _sections(
    tables: Mapping[str, Table], figures: Mapping[str, Sequence[Picture]]
) -> dict[str, tuple[Table | None, Sequence[Picture]]]:
    """Heading -> its table, if any, and its figures."""
    return {heading: (tables.get(heading), figures.get(heading, ())) for heading in dict.fromkeys([*tables, *figures])}


def origin(runs: pd.DataFrame) -> str:
    """When, at which commit and on what the runs were made, if recorded: "Runs of 2026-11-28, commit 1a2b3c4, on ..."."""
    days = sorted(_distinct(runs, "date"))
    when = f"Runs of {days[0]}" + (f" to {days[-1]}" if days[-1] != days[0] else "") if days else ""
    commits = [" ".join((commit[:7], *commit.split()[1:])) for commit in _distinct(runs, "commit")]
    code = f"commit{'s' if len(commits) > 1 else ''} {', '.join(commits)}" if commits else ""
    machines = _distinct(runs, "machine")
    return ", ".join(filter(None, [when, code, f"on {' and '.join(machines)}" if machines else ""]))


def _distinct(runs: pd.DataFrame, column: str) -> list[str]:
    return list(dict.fromkeys(runs[column].dropna())) if column in runs else []


def choices(results: Results, scores: Table, others: Iterable[Results] = ()) -> dict[str, Any]:
    """What the page's reader chooses between, for its script: the cells and curves of every metric by protocol.

    scores: the table of `results` under one protocol, with the slices that are wanted of all of them.
    others: the same results under further protocols, taken one at a time: each can be of 20 million rows.
    """
    chosen = {scores.columns[0].protocol: _protocol(results, scores)}
    for further in map(partial(_further, frames=_spans(scores)), others):  # a loop over `others` would hold two of them at once
        chosen |= further
    return chosen


def _further(results: Results, frames: FrameSpans) -> dict[str, Any]:
    protocols = dict.fromkeys(score.partition("/")[0] for score in results.columns)
    tables = {name: with_warnings(scores_table(results, protocols=(name,), frames=frames), results) for name in protocols}
    return {name: _protocol(results, scores) for name, scores in tables.items()}


def _spans(scores: Table) -> list[tuple[int, int]]:
    """The slices of the horizon that a table shows beside it."""
    return [(column.first, column.last) for column in scores.columns if column.score == scores.columns[0].score][1:]


def _protocol(results: Results, scores: Table) -> dict[str, Any]:
    """What there is to choose under one protocol: per metric the cells of the horizon and its slices, and curves per frame."""
    metrics: dict[str, Any] = {}
    plotted = distinct(results, [column.score for column in scores.columns if column.key == column.score])
    for number, column in enumerate(scores.columns):
        name, whole = column.score.partition("/")[2], column.key == column.score
        if whole:
            frames = _frames(results, column.score)
            shown = {"digits": column.metric.digits, "scale": column.metric.scale, "up": column.metric.direction == "up"}
            metrics[name] = {"title": column.title, **shown, "plotted": column.score in plotted, "cells": {}, **frames}
        span = "" if whole else f"{column.first}-{column.last}"
        metrics[name]["cells"][span] = [_json_cell(row.cells[number]) for row in scores.rows]
        if column.score in results.sets:
            metrics[name]["cells"] |= {
                f"{first}-{last}": [_json_cell(Cell())] * len(scores.rows) for first, last in _spans(scores)
            }
    return {
        "metrics": metrics,
        "labels": [{"seeds": row.seeds, "marks": list(row.marks)} for row in scores.rows],
        "notes": [[note.mark, note.text] for note in scores.footnotes],
    }


def _json_cell(cell: Cell) -> dict[str, Any]:
    return {"value": cell.value, "text": cell.text, "best": cell.best, "close": cell.close, "details": cell.details}


def _frames(results: Results, score: str) -> dict[str, list[list[float | None]]]:
    """Per variant and frame the mean over seeds and half its 95% interval (None with one seed), to 12 digits: it rounds."""
    means = results.frame_means(score)  # [variants, seeds, frames]
    finite = ~np.isnan(means)
    count = finite.sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(finite, means, 0).sum(1) / count
        std = np.sqrt(np.where(finite, (means - mean[:, None]) ** 2, 0).sum(1) / (count - 1))
        widths = np.vectorize(lambda seeds: student(int(seeds) - 1) if seeds > 1 else np.nan)(count)
        half = widths * std / np.sqrt(count)
    return {"mean": _rounded(mean), "half": _rounded(half)}


def _rounded(values: np.ndarray) -> list[list[float | None]]:
    return [[float(f"{value:.12g}") if np.isfinite(value) else None for value in row] for row in values]


def _shown_runs(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs as text, what names them first; numbers in six digits, empty where there is no value."""
    first = [name for name in ("variant", "trial", "seed", "state", "reason", "deviations", "key") if name in runs]
    ordered = runs[[*first, *(column for column in runs.columns if column not in first)]]

    def as_text(value: Any) -> str:
        return "" if pd.isna(value) else f"{value:.6g}" if isinstance(value, float) else str(value)

    return ordered.map(as_text)


def _differing(configurations: Mapping[str, Mapping[str, Any]], variants: Sequence[str]) -> dict[str, dict[str, str]]:
    """Setting -> its value for each variant, for the settings in which variants differ."""
    names = list(dict.fromkeys(name for settings in configurations.values() for name in settings))
    values = {name: {variant: str(configurations.get(variant, {}).get(name, "–")) for variant in variants} for name in names}
    return {
        name: by_variant for name, by_variant in values.items() if len({by_variant[variant] for variant in configurations}) > 1
    }
