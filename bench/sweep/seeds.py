"""Seeds of an experiment's variants in addition to those that it declares."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count, islice, takewhile

from bench.spec.experiment import Experiment
from bench.spec.runspec import RunSpec
from bench.store.store import Store


def widened(experiment: Experiment, store: Store, recorded: Collection[str] = ()) -> Experiment:
    """The experiment with the further seeds of each variant in the store, as far as they are consecutive: 0, 1, 2, ...

    recorded: names of runs that count as if the store had them.
    """
    further_seeds: dict[str, tuple[int, ...]] = {}
    for label, spec in experiment.variants.items():
        if spec.steps > 0:
            further_seeds[label] = tuple(takewhile(partial(_exists, store, recorded, spec), beyond(experiment.seeds)))
    return with_seeds(experiment, further_seeds)


def _exists(store: Store, recorded: Collection[str], spec: RunSpec, seed: int) -> bool:
    run = store.run(spec.but(seed=seed))
    return run.name in recorded or run.path.exists()


def with_seeds(experiment: Experiment, extra_seeds: Mapping[str, Sequence[int]]) -> Experiment:
    """The experiment with further seeds of some of its variants."""
    further = {label: set(seeds) for label, seeds in experiment.further.items()}
    for label, seeds in extra_seeds.items():
        if label in experiment.variants:
            further.setdefault(label, set()).update(seeds)
    undeclared = {label: tuple(sorted(seeds - set(experiment.seeds))) for label, seeds in further.items()}
    return replace(experiment, further={label: seeds for label, seeds in undeclared.items() if seeds})


def seeds_of(experiment: Experiment, label: str) -> set[int]:
    """All seeds that are planned of a variant."""
    return {*experiment.seeds, *experiment.further.get(label, ())}


def fresh(used: set[int], number: int) -> tuple[int, ...]:
    """The first unused seeds."""
    return tuple(islice(beyond(used), number))


def beyond(used: Sequence[int] | set[int]) -> Iterator[int]:
    """0, 1, 2, ... without the used ones."""
    return (seed for seed in count() if seed not in used)
