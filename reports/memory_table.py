"""The table of what memories do: one row a variant."""

from collections.abc import Callable, Sequence

import numpy as np

from reports.columns import Column
from reports.footnotes import SMALL_SCALE, Footnote, changed_settings
from reports.mean_cells import mean_cell
from reports.memory import Addressing, Memories, Shown, alike, entropy, usage
from reports.memory_kinds import information, information_by_chance, long_path, own_kind
from reports.metric import Metric
from reports.quantities import several
from reports.results import Results
from reports.table import Cell, Row, Table

Number = float | None
BITS, COSINE, CORRELATION, SHARE = Metric("up", "bits", 3), Metric("up", "", 4), Metric("up", "", 3), Metric("up", "", 2)
FEW_BITS = Metric("up", "1e-3 bits", 2, 1e3)
Measure = tuple[str, str, Metric, Callable[[Addressing], Number]]
# Columns: key, title, how it is written, what it is of a run. "same" and "chance" are of the clip itself and of other clips.
MEASURES: tuple[Measure, ...] = (
    ("matching_usage", "usage (bits)", BITS, lambda run: _usage_bits(run.matching)),
    ("matching_addressing", "address", BITS, lambda run: _addressing_bits(run.matching)),
    ("storing_usage", "storing: usage", BITS, lambda run: _usage_bits(run.storing)),
    ("storing_addressing", "address", BITS, lambda run: _addressing_bits(run.storing)),
    ("cosine", "cosine", COSINE, lambda run: _alike(run.storing, run.matching)),
    ("cosine_chance", "chance", COSINE, lambda run: _alike(run.storing, run.matching, chance=True)),
    ("correlation", "correlation", CORRELATION, lambda run: _alike(run.storing, run.matching, centred=True)),
    ("correlation_chance", "chance", CORRELATION, lambda run: _alike(run.storing, run.matching, centred=True, chance=True)),
    ("one_encoder", "one encoder", CORRELATION, lambda run: _alike(run.long, run.matching, centred=True)),
    ("one_encoder_chance", "chance", CORRELATION, lambda run: _alike(run.long, run.matching, centred=True, chance=True)),
)  # fmt: skip


def kind_measures(labels: Sequence[str]) -> tuple[Measure, ...]:
    """The columns that need to know what clips show; none where all show the same."""
    counts = np.unique(list(labels), return_counts=True)[1]
    if len(counts) < 2 or counts.min() < 2:  # a clip that is the only one of its kind has no kind to be near to
        return ()
    return (
        ("kind_bits", "of the kind (1e-3 bits)", FEW_BITS, lambda run: information(run.matching, labels)),
        ("kind_bits_chance", "chance", FEW_BITS, lambda run: information_by_chance(run.matching, labels)),
        ("own_kind", "own kind", SHARE, lambda run: own_kind(run.matching, long_path(run), labels)),
        ("own_kind_chance", "chance", SHARE, lambda run: 1 / len(counts)),
    )


def _usage_bits(weights: np.ndarray | None) -> Number:
    return None if weights is None else float(entropy(usage(weights), 0))


def _addressing_bits(weights: np.ndarray | None) -> Number:
    return None if weights is None else float(entropy(weights, 1).mean())


def _alike(path: np.ndarray | None, matching: np.ndarray, centred: bool = False, chance: bool = False) -> Number:
    """How alike another path and matching address a clip, as in `alike`; chance: how alike they address different clips."""
    if path is None:
        return None
    same_clip, different_clips = alike(path, matching, centred)
    return float((different_clips if chance else same_clip).mean())


def memory_table(results: Results, memories: Memories) -> Table:
    """Per variant with a memory: entropies of usage and addressing, and how alike the paths address; means over seeds."""
    measures = (*MEASURES, *(kind_measures(memories.shown.labels) if memories.shown else ()))
    columns = (
        Column("slots", "slots", Metric("up", "", 0)),
        *(Column(key, title, metric) for key, title, metric, _ in measures),
    )
    notes: dict[str, str] = {}
    rows = []
    for variant in memories.variants:
        runs = memories.of(variant)
        sentences = [f"Seed {seed}: {why.rstrip('.')}." for (label, seed), why in memories.missing.items() if label == variant]
        if runs and runs[0].storing is None:
            sentences.append("It has no motion-context encoder: only the motion-matching encoder can be asked.")
        marks = tuple(notes.setdefault(text, str(len(notes) + 1)) for text in sentences)
        planned = len(runs) + sum(label == variant for label, _ in memories.missing)
        seeds = str(planned) if len(runs) == planned else f"{len(runs)} of {planned}"
        rows.append(Row(variant, seeds, (_slots(runs), *_cells(runs, columns[1:], measures)), marks))
    marked = [Footnote(text, mark) for text, mark in notes.items()]
    general = [Footnote(text) for text in _how_to_read(results, memories)]
    return Table(
        "What the memories do",
        columns,
        tuple(rows),
        (*marked, *changed_settings(results), *general),
        name=f"{results.name}-memory",
    )


def _cells(runs: Sequence[Addressing], columns: Sequence[Column], measures: Sequence[Measure]) -> list[Cell]:
    cells = []
    for column, (_, _, _, measure) in zip(columns, measures, strict=True):
        values = [value for run in runs if (value := measure(run)) is not None]
        cells.append(mean_cell(np.array(values), column) if values else Cell())
    return cells


def _slots(runs: Sequence[Addressing]) -> Cell:
    if not runs:
        return Cell()
    slots = runs[0].matching.shape[1]
    return Cell(slots, f"{slots}", seeds=len(runs))


def _how_to_read(results: Results, memories: Memories) -> list[str]:
    if memories.shown is None:
        return [SMALL_SCALE] if results.scale == "small" else []
    shown, metadata = memories.shown, results.metadata
    slots = sorted({run.matching.shape[1] for run in memories.runs})
    most = ", ".join(f"{np.log2(count):.3f} for {count}" for count in slots)
    has_intervals = any(len(memories.of(variant)) > 1 for variant in memories.variants)
    return [
        *([SMALL_SCALE] if results.scale == "small" else []),
        f"Data: {metadata.dataset}, {metadata.split} split, {several(len(shown.numbers), 'clip')} "
        f"(fingerprint {metadata.fingerprint}).",
        f"Matching: the motion-matching encoder asks, which sees the {shown.context} frames of context. Storing: the "
        f"motion-context encoder asks, which sees the long clip, {shown.frames.shape[1]} frames, and serves training alone.",
        "Usage: entropy of the slots' mean weights, in bits. Address: mean entropy of the weights at one position of a clip. "
        f"Both are those of matching first, then those of storing, and at most log2 of the slots ({most}); what usage exceeds "
        "address by is what an address tells of its clip and position.",
        "Cosine: how alike storing and matching address at the same position of the same clip (the alignment); chance: of "
        "different clips. Addresses are soft, so their cosine is near 1 whatever they say; correlation over the slots is the "
        "cosine of what differs from equal weights.",
        "One encoder: that correlation for the motion-matching encoder alone, shown the long clip and the context. It needs no "
        "alignment, and is what a variant without a motion-context encoder can be compared by.",
        *_how_to_read_kinds(shown),
        "±: 95% interval of the mean over seeds (Student's t)." if has_intervals else "n = 1 seed: no confidence interval.",
    ]


def _how_to_read_kinds(shown: Shown) -> list[str]:
    if not kind_measures(shown.labels):
        return []
    kinds = len(set(shown.labels))
    return [
        f"Kind: the {shown.labelled} of a clip, {kinds} of them. Of the kind: what a slot that answers tells of it, "
        f"in thousandths of a bit (mutual information, at most {1000 * np.log2(kinds):.0f}); chance: kinds dealt at random.",
        "Own kind: the share of clips whose context addresses the memory most like the long clips of their own kind do "
        "(without the clip itself; every kind counts alike).",
    ]
