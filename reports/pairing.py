"""On which seeds two variants are compared: those that both have, which may be fewer than their rows show."""

from collections.abc import Iterator, Sequence

import numpy as np

from reports.columns import Column, shown
from reports.footnotes import ranges
from reports.results import Results


def pairing_remarks(results: Results, columns: Sequence[Column], references: Sequence[int | None], name: str) -> dict[str, str]:
    """A sentence for each variant whose comparison rests on fewer seeds than its row shows.

    references: column by column the number of the variant that the others are compared with, None where they are not.
    name: what the sentence calls it. "Compared with the best on seed 0 alone."
    """
    labels_by_seeds: dict[str, dict[str, dict[str, None]]] = {}  # variant -> seeds -> labels of metrics, as an ordered set
    for column, reference in zip(columns, references, strict=True):
        for variant, seeds in [] if reference is None else _fewer(results, column, reference):
            text = f"on seed{'s' if len(seeds) > 1 else ''} {ranges(seeds)} alone"
            labels_by_seeds.setdefault(variant, {}).setdefault(text, {})[shown(column.score, column.metric)] = None
    labels = {shown(column.score, column.metric) for column in columns}
    return {
        variant: f"Compared with {name} {_clauses(labels_by_seeds[variant], labels)}."
        for variant in results.variants
        if variant in labels_by_seeds
    }


def _clauses(labels_by_seeds: dict[str, dict[str, None]], all_labels: set[str]) -> str:
    """The metrics are named where the seeds are not the same for all of them."""
    if len(labels_by_seeds) == 1 and set(*labels_by_seeds.values()) == all_labels:
        return next(iter(labels_by_seeds))
    return "; ".join(f"{seeds} in {', '.join(labels)}" for seeds, labels in labels_by_seeds.items())


def _fewer(results: Results, column: Column, reference: int) -> Iterator[tuple[str, list[int]]]:
    """The variants that are compared with the reference on fewer seeds than their own mean is over, and on which."""
    scored = np.isfinite(results.seed_means(column.score, column.first, column.last))  # [variants, seeds]
    paired = scored | results.for_every_seed(scored.sum(1))[:, None]
    both = paired & paired[reference]
    for number in np.flatnonzero(both.any(1) & (scored & ~both).any(1)):
        yield results.variants[int(number)], [results.seeds[position] for position in np.flatnonzero(both[number])]
