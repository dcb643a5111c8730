"""Everything at once: a folder with the tables, the figures and the page of an experiment."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.ablation import ablation
from reports.beside import with_published
from reports.figures import against_cost, per_frame, sweep, training
from reports.files import write
from reports.ledger import ledger
from reports.page import Picture, page
from reports.render import render
from reports.results import Results
from reports.style import save
from reports.table import slices, table

COSTS = ("parameters", "flops", "train_seconds")  # what quality is drawn against
SUFFIXES = {"markdown": "md", "latex": "tex", "csv": "csv", "json": "json"}


def bundle(
    results: Results,
    folder: Path,
    protocol: str = "standard",
    configurations: Mapping[str, Mapping[str, Any]] | None = None,
    pictures: Sequence[Picture] = (),
    sizes: Mapping[str, float] | None = None,
) -> list[Path]:
    """Write the tables under one protocol in every format, the figures for print, and index.html. Returns what was written.

    configurations, pictures: as for `page`. sizes: as for `sweep`.
    """
    horizon = results.facts.horizon
    compared = table(results, protocols=(protocol,), frames=slices(10, horizon) if horizon > 10 else ())
    tables = {"scores": compared, "differences": ablation(results, protocols=(protocol,)), "costs": ledger(results)}
    beside = with_published(table(results, protocols=(protocol,)), results)
    if any(row.published for row in beside.rows):
        tables["published"] = beside
    written = [
        write(folder / f"{name}.{suffix}", render(made, format).encode())
        for name, made in tables.items()
        for format, suffix in SUFFIXES.items()
    ]
    scores = [score for score in results.columns if score.startswith(f"{protocol}/") and results.scores[score].notna().any()]
    figures = {"frames": per_frame(results, scores)} if scores else {}
    if results.training is not None and not results.training.empty:
        figures["training"] = training(results)
    for score in scores[:1]:  # the metric that comes first stands for quality
        figures |= {f"against_{cost}": against_cost(results, score, cost) for cost in COSTS if (results.cost(cost) > 0).any()}
        if sizes:
            figures["sizes"] = sweep(results, score, sizes)
    for name, figure in figures.items():
        written += save(figure, folder, name)
    more = {"Beside published numbers": tables["published"]} if "published" in tables else {}
    return [*written, write(folder / "index.html", page(results, configurations, pictures, more).encode())]
