"""A question about video prediction, and the named runs whose comparison answers it."""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args

import experiments
from bench.errors import BenchError, did_you_mean, listed
from bench.spec import RunSpec

Scale = Literal["small", "paper"]
MEANT_FOR_ALL = ("data", "context", "horizon")  # the other settings are no matter of what is not trained
TUNED = "tuned_"  # begins the names of experiments with what `bench tune` has found
SCALES: tuple[str, ...] = get_args(Scale)


@dataclass(frozen=True)
class Evaluation:
    """How a trained model is scored; its identity is separate from training, so that a new score never retrains.

    clips: how many clips of the split, None for all. horizon: frames predicted, None for as many as in training.
    keep_predictions: store every predicted frame (float16), so that new scores need no model.
    """

    clips: int | None = None
    horizon: int | None = None
    split: Literal["val", "test"] = "test"
    keep_predictions: bool = False

    def __post_init__(self) -> None:
        for name in ("clips", "horizon"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise BenchError(f"an evaluation's {name} must be a number from 1 up, or None; got {value!r}")
        if self.split not in ("val", "test"):
            raise BenchError(f"an evaluation's split is 'val' or 'test', got {self.split!r}")

    def at(self, spec: RunSpec) -> Evaluation:
        """The evaluation of one run, its horizon filled in."""
        return self if self.horizon else _with_horizon(self, spec.horizon)

    def over(self, horizon: int) -> Evaluation:
        """The same over another horizon."""
        return replace(self, horizon=horizon)

    @cached_property
    def key(self) -> str:
        """A name for the files of this evaluation; whether predictions are kept does not change what is measured."""
        identity = {k: v for k, v in asdict(self).items() if k != "keep_predictions"}
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
        return f"{self.split}-{self.horizon}-{digest}"


@cache
def _with_horizon(evaluation: Evaluation, horizon: int) -> Evaluation:
    """One object for all runs that share it, so that its key is reckoned once."""
    return replace(evaluation, horizon=horizon)


@dataclass(frozen=True)
class Experiment:
    """Named variants (label -> RunSpec) and the seeds each is trained with, in the order of the table they become.

    searched: what was spent on finding a variant's settings (`trials`, `tuning_seconds`); the others were not searched for.
    """

    question: str
    variants: Mapping[str, RunSpec]
    seeds: tuple[int, ...] = (0,)
    evaluation: Evaluation = Evaluation()
    name: str = ""
    scale: str = "small"
    searched: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        variants, seeds = self.variants, self.seeds
        named = isinstance(variants, Mapping) and all(isinstance(label, str) for label in variants)
        if not named or not variants or not all(isinstance(spec, RunSpec) for spec in variants.values()):
            raise BenchError(f"an experiment's variants are RunSpecs by their labels, {{'full': LMC}}; got {variants!s:.80}")
        if isinstance(seeds, Sequence) and not isinstance(seeds, str):
            object.__setattr__(self, "seeds", tuple(seeds))
        numbers = isinstance(self.seeds, tuple) and all(isinstance(seed, int) and seed >= 0 for seed in self.seeds)
        if not numbers or not seeds or len(set(seeds)) < len(seeds):
            raise BenchError(f"an experiment's seeds are different numbers from 0 up, (0, 1, 2); got {seeds!r}")
        if not isinstance(self.evaluation, Evaluation):
            raise BenchError(f"an experiment's evaluation is an Evaluation, got {self.evaluation!r}")

    def runs(self) -> list[tuple[str, RunSpec]]:
        """(label, spec with its seed) of every planned run, in declared order, all variants of one seed before the next.

        What is not trained (0 steps) is the same for every seed and runs once.
        """
        pairs = ((seed, label, spec) for seed in self.seeds for label, spec in self.variants.items())
        return [(label, spec.but(seed=seed)) for seed, label, spec in pairs if spec.steps > 0 or seed == self.seeds[0]]

    def only(self, labels: Sequence[str]) -> Experiment:
        """The experiment reduced to some variants, in declared order."""
        for label in labels:
            if label not in self.variants:
                hint = did_you_mean(label, self.variants)
                raise BenchError(f"{self.name} has no variant '{label}'{hint or '; it has ' + listed(self.variants)}")
        return replace(self, variants={label: self.variants[label] for label in self.variants if label in labels})

    def edited(self, settings: Sequence[str]) -> Experiment:
        """Every `--set` applied to every variant that it fits; one that fits no variant is refused."""
        edited = dict(self.variants)
        for setting in settings:
            refusals: list[BenchError] = []
            if setting.partition("=")[0].strip() == "seed":
                raise BenchError(f"--set {setting}: seeds are chosen with --seeds, for all variants alike")
            for_all = setting.partition("=")[0].partition(".")[0].strip() in MEANT_FOR_ALL
            concerned = [label for label, spec in edited.items() if for_all or spec.steps > 0]
            for label in concerned:
                try:
                    edited[label] = edited[label].edited(setting)
                except BenchError as error:
                    refusals.append(error)
            if len(refusals) == len(concerned):
                raise refusals[0] if refusals else BenchError(f"--set {setting} concerns training, and no variant is trained")
        self._refuse_twins(edited)
        return replace(self, variants=edited)

    def _refuse_twins(self, edited: Mapping[str, RunSpec]) -> None:
        """Two variants that an edit has made the same would stand in the table under names that lie."""
        first: dict[str, str] = {}
        for label, spec in edited.items():
            twin = first.setdefault(spec.key, label)
            if twin != label and self.variants[twin].key != self.variants[label].key:
                raise BenchError(f"--set makes '{label}' the same as '{twin}'; leave one of them out with --only")


def load(name: str, scale: str = "small") -> Experiment:
    """The experiment of that name, or in that Python file: what its function `experiment(scale)` returns."""
    if scale not in SCALES:
        raise BenchError(f"there is no scale '{scale}'{did_you_mean(scale, SCALES) or '; there are ' + listed(SCALES)}")
    if canonical(name).startswith(TUNED) and not name.endswith(".py"):
        tuned = importlib.import_module("experiments.tuned").tuned(canonical(name).removeprefix(TUNED), scale)
        return replace(tuned, name=canonical(name), scale=scale)
    importlib.import_module("numpy")  # before torch: while that imports numpy itself, from C, a Ctrl-C is lost
    module = module_of(Path(name), "experiment") if name.endswith(".py") else _from_name(name)
    make: Callable[[str], Experiment] | None = getattr(module, "experiment", None)
    if make is None:
        raise BenchError(f"{name} defines no function `experiment(scale)`; experiments/ablation.py shows one")
    try:
        made = make(scale)
    except BenchError:
        raise
    except Exception as error:
        if not name.endswith(".py"):
            raise
        raise BenchError(f"`experiment(scale)` of {name} does not work: {type(error).__name__}: {error}") from error
    if not isinstance(made, Experiment):
        raise BenchError(f"`experiment(scale)` of {name} must return an Experiment, got {type(made).__name__}")
    return replace(made, name=Path(name).stem if name.endswith(".py") else canonical(name), scale=scale)


def names() -> list[str]:
    """The experiments that come with the suite: files of experiments/ that define `experiment`."""
    folder = Path(str(experiments.__file__)).parent
    return sorted(path.stem for path in folder.glob("*.py") if "\ndef experiment(" in path.read_text())


def describe(name: str) -> str:
    """The question an experiment of the suite answers: the first line of its file, read without importing it."""
    source = (Path(str(experiments.__file__)).parent / f"{name}.py").read_text()
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def canonical(name: str) -> str:
    """A name as its file spells it."""
    return name.lower().replace("-", "_")


def _from_name(name: str) -> ModuleType:
    if canonical(name) not in names():
        hint = did_you_mean(canonical(name), names()) or "; there are " + listed(names())
        raise BenchError(f"there is no experiment '{name}'{hint} (a file of your own is named with its .py)")
    return importlib.import_module(f"experiments.{canonical(name)}")


def module_of(path: Path, what: str) -> ModuleType:
    """The module in a Python file of one's own; `what` it should hold, for the message if there is none."""
    if not path.is_file():
        raise BenchError(f"there is no {what} file {path}")
    source = importlib.util.spec_from_file_location(f"own_{path.stem}", path)  # a name that nothing else has
    assert source is not None and source.loader is not None
    module = sys.modules[source.name] = importlib.util.module_from_spec(source)  # where dataclasses look for it
    sys.path.insert(0, str(path.parent.resolve()))  # so that the file may import its neighbours, as a script could
    try:
        source.loader.exec_module(module)
    except BenchError:
        raise
    except Exception as error:
        raise BenchError(f"{path} does not load: {type(error).__name__}: {error}") from error
    return module


def evaluation_from_json(values: Mapping[str, Any]) -> Evaluation:
    """The Evaluation whose `asdict` was written."""
    return Evaluation(**{f.name: values[f.name] for f in fields(Evaluation) if f.name in values})
