"""Why an experiment has nothing to report, and the command that changes it."""

from __future__ import annotations

import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any

from bench.common.errors import BenchError
from bench.spec import catalog
from bench.spec.runspec import KINDS, RunSpec
from reports.quantities import several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.spec.experiment import Experiment
    from bench.store.store import Store
    from bench.sweep.plan import PlannedRun


def causes_and_remedies(experiment: Experiment, planned_runs: Sequence[PlannedRun], store: Store, training: str) -> list[str]:
    """In words: what failed and how to try it again, and which settings the store has instead.

    training: the command that trains the experiment's runs.
    """
    causes, remedies = _failures(planned_runs, training)
    if not remedies:
        remedies.append(f"`{training}` trains them")
    if options := _other_settings(experiment, store):
        remedies.append(f"finished runs of it have other settings: add `{options}`")
    return [*causes, *remedies]


def _failures(planned_runs: Sequence[PlannedRun], training: str) -> tuple[list[str], list[str]]:
    """What failed, by the first run of each reason; and the commands that try it again."""
    from bench.store import failures
    from bench.store.labels import retrain_options
    from bench.store.run import BLOCKED, DIVERGED, FAILED
    from bench.sweep.plan import unique

    by_reason: dict[str, list[PlannedRun]] = {}
    for planned in unique(planned_runs):
        if planned.state in (FAILED, DIVERGED, BLOCKED):
            by_reason.setdefault(f"{planned.state}: {planned.why}", []).append(planned)
    causes = [
        f"{several(len(alike), 'run')} ({alike[0].label}, seed {alike[0].seed}{', ...' if len(alike) > 1 else ''}) {reason}"
        for reason, alike in by_reason.items()
    ]
    failed = [(planned, planned.run.status().kind) for alike in by_reason.values() for planned in alike]
    kinds = sorted({kind for _, kind in failed} & set(failures.KINDS) - {failures.Failure.DAMAGED})
    remedies = [f"`{training} --retry {kind}` tries again what failed by {kind}" for kind in kinds]
    damaged = [planned for planned, kind in failed if kind == failures.Failure.DAMAGED]
    return causes, remedies + [
        f"`{training} {retrain_options(planned.label, planned.seed)}` trains it anew" for planned in damaged
    ]


def _other_settings(experiment: Experiment, store: Store) -> str:
    """The options with which the most finished runs of this experiment's variants were made; empty where there are none."""
    from bench.store.labels import labels
    from bench.store.run import FINISHED

    name = f"{experiment.name}-{experiment.scale}"
    counts: Counter[str] = Counter()
    for run in store.runs():
        label = labels(run).get(name)
        if label in experiment.variants and run.status().state == FINISHED:
            counts[_options(experiment, str(label), run.spec)] += 1
    counts.pop("", None)
    return counts.most_common(1)[0][0] if counts else ""


def _options(experiment: Experiment, label: str, spec: RunSpec) -> str:
    """What to type to get this spec from a variant; empty where no options do."""
    settings = [f"{name}={value}" for name, value in _changes(experiment, label, spec).items()]
    try:
        edited = experiment.edited(settings) if settings else experiment
    except BenchError:
        return ""
    if edited.variants[label].but(seed=spec.seed).key != spec.key:
        return ""
    words = [word for setting in settings for word in ("--set", setting)]
    if spec.seed not in experiment.seeds and spec.steps:
        words += ["--seeds", "all"]
    return shlex.join(words)


def _changes(experiment: Experiment, label: str, spec: RunSpec) -> dict[str, Any]:
    """The settings in which a spec differs from a variant, by the names that `--set` takes."""
    variant = experiment.variants[label]
    before = variant.settings()
    for part, kind in KINDS.items():
        if before[part] != (name := getattr(spec, part).name):  # naming a part sets its options to their defaults
            before |= {f"{part}.{option}": value for option, value in catalog.defaults(kind, name).items()}
    changes = {name: value for name, value in spec.settings().items() if name != "seed" and before.get(name) != value}
    if "steps" in changes and variant.steps:  # a number of steps is for the first variant; others keep their proportion
        changes["steps"] = round(spec.steps * experiment.base_steps / variant.steps)
    return changes
