"""Which seeds an experiment's variants have, beyond those that it declares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count, islice, takewhile

from bench.spec.experiment import Experiment
from bench.spec.runspec import RunSpec
from bench.store.store import Store


def widened(experiment: Experiment, store: Store) -> Experiment:
    """With the further seeds that the store has of each variant, as far as they follow each other: 0, 1, 2, ..."""
    found: dict[str, tuple[int, ...]] = {}
    for label, spec in experiment.variants.items():
        if spec.steps > 0:
            found[label] = tuple(takewhile(partial(_is_there, store, spec), beyond(experiment.seeds)))
    return with_seeds(experiment, found)


def _is_there(store: Store, spec: RunSpec, seed: int) -> bool:
    return store.run(spec.but(seed=seed)).path.exists()


def with_seeds(experiment: Experiment, more: Mapping[str, Sequence[int]]) -> Experiment:
    """With further seeds of some variants, which others need not have."""
    further = {label: set(seeds) for label, seeds in experiment.further.items()}
    for label, seeds in more.items():
        if label in experiment.variants:
            further.setdefault(label, set()).update(seeds)
    left = {label: tuple(sorted(seeds - set(experiment.seeds))) for label, seeds in further.items()}
    return replace(experiment, further={label: seeds for label, seeds in left.items() if seeds})


def seeds_of(experiment: Experiment, label: str) -> set[int]:
    """All seeds that are planned of a variant."""
    return {*experiment.seeds, *experiment.further.get(label, ())}


def fresh(taken: set[int], number: int) -> tuple[int, ...]:
    """The first seeds that are not taken yet."""
    return tuple(islice(beyond(taken), number))


def beyond(taken: Sequence[int] | set[int]) -> Iterator[int]:
    """0, 1, 2, ... without those that are taken."""
    return (seed for seed in count() if seed not in taken)
