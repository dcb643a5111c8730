"""Published numbers beside ours: only under their own protocol, greyed, with their source, never ranked."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd

from reports.columns import Column
from reports.footnotes import Footnote
from reports.published import GENERATED, load, of_task
from reports.results import Metadata, Results, mean_of_known
from reports.table import Cell, Row, Table

# Published names of what our experiments call otherwise; the letters behind ConvLSTM and SimVP are sizes, ours are these.
NAMES = {
    "ConvLSTM-S": "ConvLSTM",
    "PredRNN++ (Causal LSTM)": "PredRNN++",
    "PredRNN.V2": "PredRNN-V2",
    "PredRNNv2": "PredRNN-V2",
    "SimVP+gSTA-S": "SimVP",
    "E3D-LSTM [OpenSTL": "E3D-LSTM (OpenSTL)",  # which computes less than the authors' does
}


def with_published(table: Table, results: Results, published: pd.DataFrame | None = None) -> Table:
    """The table with a greyed row for each published method of the same data set, context, horizon and protocol, which shows
    by how much the variant of that name differs if both are scores of the same test clips.

    published: rows as `reports.published.load` gives them, the suite's own file if not given.
    Columns of single frames and slices stay empty: what is published are means over the horizon, and over whole test sets.
    """
    if results.metadata.label or results.metadata.split != "test":
        part = (
            f"only clips of '{results.metadata.label}'"
            if results.metadata.label
            else f"clips of the {results.metadata.split} split"
        )
        return replace(table, footnotes=(*table.footnotes, Footnote(f"Nothing published stands beside {part}.")))
    alike = _alike(load() if published is None else published, results.metadata, [column.score for column in table.columns])
    other_clips = results.metadata.other_clips
    our_means = [{} if other_clips else _means(results, column) for column in table.columns]
    first = 1 + max((int(note.mark) for note in table.footnotes if note.mark.isdigit()), default=0)
    marks: dict[str, str] = {}
    rows = []
    for method, numbers in alike.groupby("method", sort=False):
        by_score = numbers.set_index("score")
        variant = _variant(str(method))
        cells = [_cell(column, by_score, means.get(variant)) for column, means in zip(table.columns, our_means, strict=True)]
        sources = dict.fromkeys(_source(number) for _, number in numbers.iterrows())
        row_marks = [marks.setdefault(text, str(first + len(marks))) for text in sources]
        unknown = " (cut unknown)" if _cut_unknown(numbers.iloc[0]) else ""
        rows.append(Row(f"{method}{unknown}", "published", tuple(cells), tuple(row_marks), published=True))
    protocols = " and ".join(dict.fromkeys(column.protocol for column in table.columns))
    metadata = results.metadata
    where = f"{metadata.context} to {metadata.horizon} frames of {metadata.dataset} under protocol {protocols}"
    summary = f"Greyed: published for {where}; not ranked." if rows else f"Nothing published is known for {where}."
    if rows and other_clips:
        summary += f" No difference to ours is shown: our clips are {other_clips}, and other clips have other scores."
    marked = [note for note in table.footnotes if note.mark] + [Footnote(text, mark) for text, mark in marks.items()]
    general = [note for note in table.footnotes if not note.mark]
    return replace(table, rows=(*table.rows, *rows), footnotes=(*marked, *general, Footnote(summary)))


def _means(results: Results, column: Column) -> dict[str, float]:
    """Our score of each variant that has one, the mean over its seeds; a table's cells may hold differences instead."""
    means = mean_of_known(results.seed_means(column.score, column.first, column.last), axis=1)
    return {variant: float(mean) for variant, mean in zip(results.variants, means, strict=True) if np.isfinite(mean)}


def _variant(method: str) -> str:
    """What our experiments call a published method: "ConvLSTM" for "ConvLSTM-S [OpenSTL 200 epoch]"."""
    name, _, training = method.partition(" [")
    by_whom = f"{name} [{training.partition(' ')[0]}"
    return NAMES.get(by_whom, NAMES.get(name, name))


def _alike(published: pd.DataFrame, metadata: Metadata, scores: Sequence[str]) -> pd.DataFrame:
    """What is published for the same task, one number (the surest) a method and `score` ("protocol/metric")."""
    of_this_task = of_task(published, metadata.dataset.partition(" ")[0], metadata.context, metadata.horizon)
    if metadata.cut:  # a number of other clips is another number; where the clips are not said, that is
        of_this_task = of_this_task[of_this_task["test_set"].isin(["", metadata.cut])]
    of_this_task = of_this_task.assign(score=of_this_task["protocol"] + "/" + of_this_task["metric"])
    of_these_scores = of_this_task[of_this_task["score"].isin(scores)]
    surest = of_these_scores.sort_values("confidence", key=lambda confidence: confidence != "high", kind="stable")
    cut_known = set(surest.loc[surest["test_set"] != "", "method"])  # of a method all numbers are of a known cut, or none
    surest = surest[(surest["test_set"] != "") | ~surest["method"].isin(cut_known)]
    return surest.drop_duplicates(["method", "score"]).sort_index()


def _cell(column: Column, published: pd.DataFrame, ours: float | None) -> Cell:
    """The published number of a column, and how far ours is from it unless it must not be compared: "28.61 (ours -0.35)"."""
    if column.score not in published.index or column.key != column.score:
        return Cell()
    value, scale, digits = float(published["value"][column.score]), column.metric.scale, column.metric.digits
    text = f"{value * scale:.{digits}f}"
    if ours is not None and not published["note"][column.score] and not _not_our_clips(cast(Any, published.loc[column.score])):
        text += f" (ours {(ours - value) * scale:+.{digits}f})"
    return Cell(value, text, mark=column.mark)


def _cut_unknown(number: "pd.Series[Any]") -> bool:
    """Whether the source does not say which clips its numbers are of, though papers cut this data set in several ways."""
    return number["dataset"] == "kth" and number["test_set"] == ""


def _not_our_clips(number: "pd.Series[Any]") -> str:
    """Why a published number is not, or may not be, of a test set that can be scored here; empty where it is."""
    if _cut_unknown(number):
        return "how its test clips are cut is not said"
    return "its test clips were generated, and are not those of ours" if number["test_set"] == GENERATED else ""


def _source(number: "pd.Series[Any]") -> str:
    """Where a number comes from, and what speaks against it."""
    doubt = "" if number["confidence"] == "high" else " (quoted by a second source)"
    note = f"; {number['note']}" if number["note"] else ""
    if unlike := _not_our_clips(number):
        note += f"; {unlike}"
    return f"{number['source']}{doubt}{note}."
