"""The seeds of an experiment's variants: as they are named, and those in addition to the declared ones."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count, islice, takewhile

from bench.common.errors import BenchError
from bench.spec.experiment import MOST_SEEDS, Experiment
from bench.spec.runspec import RunSpec
from bench.store.store import Store


def numbers(text: str, option: str = "--seeds") -> tuple[int, ...]:
    """The seeds that `3` or `0,7,9` stands for. option: what it is called where it was given."""
    try:
        seeds = tuple(int(word) for word in text.split(",") if word.strip())
    except ValueError:
        raise BenchError(f"{option} takes a count (3), a list (0,7,9) or all, got '{text}'") from None
    if not seeds or min(seeds) < 0 or (len(seeds) == 1 and "," not in text and seeds[0] < 1):
        alone = "; seed 0 alone is written '0,'" if text.strip() == "0" else ""
        raise BenchError(f"{option} takes a count of at least 1, or a list of numbers from 0 up, got '{text}'{alone}")
    if max(seeds) >= 2**32 or ("," not in text and seeds[0] > MOST_SEEDS):
        raise BenchError(f"{option} takes a count of at most {MOST_SEEDS:,}, or numbers below 2^32, got '{text:.40}'")
    if len(set(seeds)) < len(seeds):
        raise BenchError(f"{option} names a seed twice: '{text}'")
    return seeds if "," in text else tuple(range(seeds[0]))


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
