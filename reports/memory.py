"""How memories are used: which slots answer, how sharply, and whether storing and matching ask for the same ones."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reports.columns import Column
from reports.footnotes import SMALL_SCALE, Footnote
from reports.metric import Metric
from reports.results import Results
from reports.table import Cell, Row, Table, mean_cell


@dataclass(frozen=True)
class Addressing:
    """How one trained run addresses its memory on the test clips: float32 [clips, slots, h, w], slots sum to 1.

    matching: asked by the motion-matching encoder, which sees the context. storing: by the motion-context encoder, which sees
    the long clip; None where a model has none. long: by the motion-matching encoder, shown the long clip.
    recalled: the motion context that matching recalls, its mean over positions [clips, D].
    """

    variant: str
    seed: int
    matching: np.ndarray
    long: np.ndarray
    recalled: np.ndarray
    storing: np.ndarray | None = None


@dataclass(frozen=True)
class Shown:
    """The test clips, the same for every run.

    labels: what each one shows. labelled: what kind of thing that is. numbers: theirs in the test split. context: frames seen.
    frames: uint8 [shown, T, C, H, W], of the clips at `places`; as many frames as storing sees.
    """

    labels: Sequence[str]
    labelled: str
    numbers: Sequence[int]
    context: int
    frames: np.ndarray
    places: Sequence[int]


@dataclass(frozen=True)
class Memories:
    """All of an experiment. variants: those with a memory. missing: "variant, seed" -> why a run was not looked into."""

    variants: Sequence[str]
    runs: Sequence[Addressing]
    missing: Mapping[tuple[str, int], str]
    shown: Shown | None

    def of(self, variant: str) -> list[Addressing]:
        """The runs of a variant, one a seed."""
        return [run for run in self.runs if run.variant == variant]

    def first(self) -> dict[str, Addressing]:
        """Each variant's first run, which stands for it in figures; variants without one are left out."""
        return {variant: runs[0] for variant in self.variants if (runs := self.of(variant))}


def entropy(weights: np.ndarray, axis: int) -> np.ndarray:
    """In bits, of weights that sum to 1 along an axis."""
    known = np.maximum(weights.astype(np.float64), 1e-300)
    return -(weights * np.log2(known)).sum(axis)


def usage(weights: np.ndarray) -> np.ndarray:
    """How much each slot answers: the mean weight over clips and positions, [clips, slots, h, w] -> [slots]."""
    return weights.mean((0, 2, 3), dtype=np.float64)


def tops(weights: np.ndarray) -> np.ndarray:
    """At what share of the clips and positions each slot answers most: [clips, slots, h, w] -> [slots]."""
    return np.bincount(weights.argmax(1).ravel(), minlength=weights.shape[1]) / weights[:, 0].size


def alike(one: np.ndarray, other: np.ndarray, centred: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Cosine of two paths' addresses [clips, slots, h, w], mean over positions: [clips] of the same clip, and its chance level
    [clips], the mean with all other clips.

    centred: of what differs from equal weights, which is the correlation over slots.
    """
    ours, theirs = (_directions(path, centred) for path in (one, other))
    positions, clips = ours.shape[2], len(ours)
    same = np.einsum("csp,csp->c", ours, theirs) / positions
    all_clips = np.einsum("csp,sp->c", ours, theirs.sum(0)) / positions
    return same, (all_clips - same) / (clips - 1) if clips > 1 else np.full(1, np.nan)


def _directions(weights: np.ndarray, centred: bool) -> np.ndarray:
    """Addresses as vectors of length 1: [clips, slots, positions]. Equal weights, centred, have no direction: zeros."""
    flat = weights.reshape(*weights.shape[:2], -1).astype(np.float64)
    flat = flat - flat.mean(1, keepdims=True) if centred else flat
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)


Number = float | None
BITS, COSINE, CORRELATION = Metric("up", "bits", 3), Metric("up", "", 4), Metric("up", "", 3)
# Columns: key, title, how it is written, what it is of a run. "same" and "chance" are of the clip itself and of other clips.
MEASURES: tuple[tuple[str, str, Metric, Callable[[Addressing], Number]], ...] = (
    ("matching_usage", "usage (bits)", BITS, lambda run: _usage_bits(run.matching)),
    ("matching_addressing", "address", BITS, lambda run: _addressing_bits(run.matching)),
    ("storing_usage", "storing: usage", BITS, lambda run: _usage_bits(run.storing)),
    ("storing_addressing", "address", BITS, lambda run: _addressing_bits(run.storing)),
    ("cosine", "cosine", COSINE, lambda run: _alike(run.storing, run.matching, 0, False)),
    ("cosine_chance", "chance", COSINE, lambda run: _alike(run.storing, run.matching, 1, False)),
    ("correlation", "correlation", CORRELATION, lambda run: _alike(run.storing, run.matching, 0, True)),
    ("correlation_chance", "chance", CORRELATION, lambda run: _alike(run.storing, run.matching, 1, True)),
    ("one_encoder", "one encoder", CORRELATION, lambda run: _alike(run.long, run.matching, 0, True)),
    ("one_encoder_chance", "chance", CORRELATION, lambda run: _alike(run.long, run.matching, 1, True)),
)  # fmt: skip


def _usage_bits(weights: np.ndarray | None) -> Number:
    return None if weights is None else float(entropy(usage(weights), 0))


def _addressing_bits(weights: np.ndarray | None) -> Number:
    return None if weights is None else float(entropy(weights, 1).mean())


def _alike(one: np.ndarray | None, other: np.ndarray, which: int, centred: bool) -> Number:
    return None if one is None else float(alike(one, other, centred)[which].mean())


def memory_table(results: Results, memories: Memories) -> Table:
    """Per variant with a memory: entropies of usage and addressing, and how alike the paths address; means over seeds."""
    columns = (
        Column("slots", "slots", Metric("up", "", 0)),
        *(Column(key, title, metric) for key, title, metric, _ in MEASURES),
    )
    notes: dict[str, str] = {}
    rows = []
    for variant in memories.variants:
        runs = memories.of(variant)
        said = [f"Seed {seed}: {why.rstrip('.')}." for (label, seed), why in memories.missing.items() if label == variant]
        if runs and runs[0].storing is None:
            said.append("It has no motion-context encoder: only the motion-matching encoder can be asked.")
        marks = tuple(notes.setdefault(text, str(len(notes) + 1)) for text in said)
        planned = len(runs) + sum(label == variant for label, _ in memories.missing)
        seeds = str(planned) if len(runs) == planned else f"{len(runs)} of {planned}"
        rows.append(Row(variant, seeds, (_slots(runs), *_cells(runs, columns[1:])), marks))
    marked = [Footnote(text, mark) for text, mark in notes.items()]
    general = [Footnote(text) for text in _how_to_read(results, memories)]
    return Table("What the memories do", columns, tuple(rows), (*marked, *general))


def _cells(runs: Sequence[Addressing], columns: Sequence[Column]) -> list[Cell]:
    cells = []
    for column, (_, _, _, measure) in zip(columns, MEASURES, strict=True):
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
    shown, facts = memories.shown, results.facts
    slots = sorted({run.matching.shape[1] for run in memories.runs})
    most = ", ".join(f"{np.log2(count):.3f} for {count}" for count in slots)
    several = any(len(memories.of(variant)) > 1 for variant in memories.variants)
    return [
        *([SMALL_SCALE] if results.scale == "small" else []),
        f"Data: {facts.dataset}, {facts.split} split, {len(shown.numbers)} clips (fingerprint {facts.fingerprint}).",
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
        "±: 95% interval of the mean over seeds (Student's t)." if several else "n = 1 seed: no interval.",
    ]
