"""On which seeds two variants are compared: those that both have, which may be fewer than their rows show."""

from collections import Counter
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
    columns_by_seeds: dict[str, dict[str, list[Column]]] = {}  # variant -> seeds -> columns
    for column, reference in zip(columns, references, strict=True):
        for variant, seeds in [] if reference is None else _fewer(results, column, reference):
            text = f"on seed{'s' if len(seeds) > 1 else ''} {ranges(seeds)} alone"
            columns_by_seeds.setdefault(variant, {}).setdefault(text, []).append(column)
    labels = set(map(_label, columns))
    return {
        variant: f"Compared with {name} {_clauses(columns_by_seeds[variant], labels)}."
        for variant in results.variants
        if variant in columns_by_seeds
    }


def _clauses(columns_by_seeds: dict[str, list[Column]], all_labels: set[str]) -> str:
    """The metrics are named where the seeds are not the same for all of them, and the frames where they differ within one."""
    labels_by_seeds = {seeds: dict.fromkeys(map(_label, columns)) for seeds, columns in columns_by_seeds.items()}
    if len(labels_by_seeds) == 1 and set(*labels_by_seeds.values()) == all_labels:
        return next(iter(labels_by_seeds))
    counts = Counter(label for labels in labels_by_seeds.values() for label in labels)
    names_by_seeds = {
        seeds: dict.fromkeys(
            column.title if counts[_label(column)] > 1 and column.key != column.score else _label(column) for column in columns
        )
        for seeds, columns in columns_by_seeds.items()
    }
    return "; ".join(f"{seeds} in {', '.join(names)}" for seeds, names in names_by_seeds.items())


def _label(column: Column) -> str:
    return shown(column.score, column.metric)


def _fewer(results: Results, column: Column, reference: int) -> Iterator[tuple[str, list[int]]]:
    """The variants that are compared with the reference on fewer seeds than their own mean is over, and on which."""
    scored = np.isfinite(results.seed_means(column.score, column.first, column.last))  # [variants, seeds]
    paired = scored | results.for_every_seed(scored.sum(1))[:, None]
    both = paired & paired[reference]
    for number in np.flatnonzero(both.any(1) & (scored & ~both).any(1)):
        yield results.variants[int(number)], [results.seeds[position] for position in np.flatnonzero(both[number])]
