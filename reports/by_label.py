"""Scores by what the clips show: on KTH and on the acting figures, by action."""

import numpy as np

from reports.columns import Column, with_unit
from reports.footnotes import Footnote, changed_settings
from reports.mean_cells import mean_cell, seeds_scored
from reports.results import Results, mean_of_known
from reports.table import Row, Table


def by_label(results: Results, score: str) -> Table | None:
    """A column per label: means over its clips, the horizon and the seeds. None where clips have no labels, or all the same."""
    if "label" not in results.scores or results.scores["label"].nunique() < 2:
        return None
    first = results.scores[["clip", "label"]].drop_duplicates("clip").set_index("clip")["label"]
    labels = np.array([str(first[clip]) for clip in results.clips])
    means, metric = results.clip_means(score), results.metric(score)
    names = sorted(set(labels))
    columns = tuple(Column(f"{score}/{name}", name, metric, score) for name in names)
    rows = []
    for number, variant in enumerate(results.variants):
        cells = []
        for name, column in zip(names, columns, strict=True):
            runs = mean_of_known(means[number][:, labels == name], axis=-1)
            cells.append(mean_cell(runs[~np.isnan(runs)], column))
        rows.append(Row(variant, seeds_scored(results, variant), tuple(cells)))
    counts = ", ".join(f"{(labels == name).sum()} of {name}" for name in names)
    title = f"{with_unit(score, metric)} by what the clips show"
    notes = (
        *changed_settings(results),
        Footnote(f"Clips: {counts}."),
        Footnote("±: 95% interval of the mean over seeds (Student's t)."),
    )
    return Table(title, columns, tuple(rows), notes)
