"""Everything at once: a folder with the tables, the figures and the page of an experiment."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from reports import memory_figures
from reports.bibliography import bibtex
from reports.claims import Judged
from reports.claims_figure import claims_figure
from reports.claims_grid import claims_text
from reports.claims_table import claims_table
from reports.columns import horizon_slices
from reports.costs import cost_table, with_warnings
from reports.differences_table import differences_table
from reports.figures import against_costs, against_sizes, per_frame, training
from reports.files import write
from reports.memory import Memories
from reports.memory_table import kind_measures, memory_table
from reports.page import Picture, choices, page
from reports.printing import printing
from reports.published_rows import with_published
from reports.render import render
from reports.results import Results
from reports.scores_table import scores_table
from reports.table import Table, over_horizon

COMPARED_COSTS = ("parameters", "flops", "train_seconds", "rollout_seconds_per_clip")  # that quality is drawn against
COSTS_CAPTION = (
    "Quality against what it costs: each variant's mean, against parameters, FLOPs and times as far as they are known"
)
SUFFIXES = {"markdown": "md", "latex": "tex", "tabular": "tabular.tex", "csv": "csv", "json": "json"}
PUBLISHED, SPENT, MEMORY = "Beside published numbers", "What each variant costs", "What the memories do"
CLAIMED = "What is claimed"
CLAIMS_CAPTION = (
    "Every claim with its gain: one dash a seed, the mean, and the interval that stays valid however often one looks; "
    "dashed: what is claimed at least; shaded: the margin within which nothing differs"
)
FILES = {PUBLISHED: "published", MEMORY: "memory"}  # tables that not every report has
Figures = dict[str, tuple[str, str, Figure]]
"""File name -> (heading of the page, caption, figure)."""


def bundle(
    results: Results,
    folder: Path,
    protocol: str = "standard",
    others: Iterable[Results] = (),
    configurations: Mapping[str, Mapping[str, Any]] | None = None,
    pictures: Sequence[Picture] = (),
    sizes: Mapping[str, float] | None = None,
    memories: Memories | None = None,
    claims: Sequence[Judged] = (),
    command: str = "",
) -> list[Path]:
    """Write the tables under one protocol in every format, the figures for print, and index.html. Returns what was written.

    others: as for `choices`. configurations, pictures: as for `page`. sizes: as for `sweep`.
    memories: of the variants that have one, if any has. claims: what the experiment claims, judged.
    command: what makes this report again.
    """
    horizon = results.metadata.horizon
    figures: Figures = {"claims": (CLAIMED, CLAIMS_CAPTION, claims_figure(results, claims))} if claims else {}
    figures |= _curves(results, protocol, sizes) | (_memory_figures(results, memories) if memories and memories.runs else {})
    with printing({name: figure for name, (_, _, figure) in figures.items()}, folder) as printed:
        compared = scores_table(results, protocols=(protocol,), frames=horizon_slices(10, horizon) if horizon > 10 else ())
        compared, differences = (
            with_warnings(scores, results) for scores in (compared, differences_table(results, protocols=(protocol,)))
        )
        chosen = choices(results, compared, others)
        paths = printed()
    further: dict[str, Table] = {}
    with_rows = with_published(over_horizon(compared), results)
    if any(row.published for row in with_rows.rows):
        further[PUBLISHED] = with_rows
    if memories and memories.variants:
        further[MEMORY] = memory_table(results, memories)
    tables = {"scores": compared, "differences": differences, "costs": cost_table(results)}
    tables |= {FILES[heading]: content for heading, content in further.items()}
    paths += write_tables(tables, folder)
    if claims:
        paths += [
            write(folder / f"claims.{suffix}", claims_text(results, claims, format).encode())
            for format, suffix in SUFFIXES.items()
        ]
    paths += [write(folder / f"{picture.name}.{picture.kind}", picture.data) for picture in pictures if picture.name]
    first = {CLAIMED: claims_table(results, claims)} if claims else {}
    drawn = printed_sections(figures, folder)
    text = page(results, compared, differences, chosen, configurations, pictures, further, drawn, first, command)
    paths.append(write(folder / "references.bib", f"{bibtex(_cited(results, configurations or {}))}\n".encode()))
    return [*paths, write(folder / "index.html", text.encode())]


def write_tables(tables: Mapping[str, Table], folder: Path) -> list[Path]:
    """Write each table in every format of files, by its name. Returns what was written."""
    return [
        write(folder / f"{name}.{suffix}", render(content, format).encode())
        for name, content in tables.items()
        for format, suffix in SUFFIXES.items()
    ]


def _cited(results: Results, configurations: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The models and data sets of the variants, and the metrics of the scores."""
    of_variants = [
        str(settings[part]) for part in ("model", "data") for settings in configurations.values() if part in settings
    ]
    return [*of_variants, *(score.partition("/")[2] for score in results.columns)]


def printed_sections(figures: Figures, folder: Path) -> dict[str, list[Picture]]:
    """The printed figures as the page shows them, by heading."""
    sections: dict[str, list[Picture]] = {}
    for name, (heading, caption, _) in figures.items():
        if heading:
            drawing = (folder / f"{name}.svg").read_bytes()
            sections.setdefault(heading, []).append(Picture(caption, "svg+xml", drawing))
    return sections


def _curves(results: Results, protocol: str, sizes: Mapping[str, float] | None) -> Figures:
    """Scores per frame (the page draws those itself), while training, against costs and sizes."""
    scores = [score for score in results.columns if score.startswith(f"{protocol}/") and results.scores[score].notna().any()]
    figures: Figures = {"frames": ("", "", per_frame(results, scores))} if scores else {}
    for score in scores[:1]:  # the metric that comes first stands for quality
        if sizes:
            figures["sizes"] = ("Memory size", "Quality over the number of slots", against_sizes(results, score, sizes))
        costs = [cost for cost in COMPARED_COSTS if (results.cost(cost).drop(list(results.untrained)) > 0).any()]
        if costs:
            figures["against_costs"] = (SPENT, COSTS_CAPTION, against_costs(results, score, costs))
    if results.training is not None and not results.training.empty:
        figures["training"] = ("Training", "Losses and validation scores over the steps", training(results))
    return figures


def _memory_figures(results: Results, memories: Memories) -> Figures:
    usage = memory_figures.slot_usage(results, memories)
    aligned = memory_figures.alignment(results, memories)
    recalled = memory_figures.projection(memories)
    figures: Figures = {
        "memory_usage": (MEMORY, "How evenly slots are used, and which ones win; entropy of usage over each panel", usage),
        "memory_alignment": (MEMORY, "Whether storing and matching address alike for the same clip", aligned),
        "memory_contexts": (MEMORY, "Recalled motion contexts, mean over positions, on their two principal axes", recalled),
    }
    if memories.shown and kind_measures(memories.shown.labels):
        caption = (
            f"Left: how much more (red) or less (blue) each slot answers clips of one {memories.shown.labelled} than those of "
            "all; right: of clips of each (down), the share whose context addresses most like long clips of each (across) do"
        )
        figures["memory_kinds"] = (MEMORY, caption, memory_figures.kinds(memories))
    for number, variant in enumerate(memories.first()):
        caption = (
            f"Addresses of {variant}: weight of each slot (across, matching's most used first) at each position (down), "
            f"for the first clip of each {memories.shown.labelled if memories.shown else 'kind'}"
        )
        figures[f"memory_addresses_{number}"] = (MEMORY, caption, memory_figures.addresses(memories, variant))
    return figures
