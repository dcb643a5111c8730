"""From the store to scores of record: the scores of an experiment that a repository keeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bench.common.errors import BenchError
from bench.evidence.judging import aligned
from bench.reporting.results import results
from bench.reporting.variant_settings import configurations
from bench.spec.experiment import Experiment
from bench.sweep.plan import PlannedRun
from reports.record import Record

METRICS = ("psnr", "ssim", "lpips")
DROPPED = ("command", "reason")  # of the runs: they may name folders of the machine


def record(
    experiment: Experiment,
    planned_runs: Sequence[PlannedRun],
    commands: dict[str, str],
    tell: Callable[[str], None] = lambda line: None,
) -> Record:
    """The scores of the metrics that tables show, under the standard protocol, and those that claims are about.

    commands: what made the runs, by what they do. tell: called with a line for each memory that has to be analysed first.
    """
    protocols = dict.fromkeys(["standard", *(claim.protocol for claim in experiment.claims)])
    scored = results(experiment, planned_runs, list(protocols))
    claimed = {claim.score for claim in experiment.claims}
    score_names = [name for name in scored.columns if name in claimed or name in {f"standard/{metric}" for metric in METRICS}]
    keys = [str(name) for name in scored.scores.columns if "/" not in str(name)]
    names = {name.partition("/")[2] for name in score_names}
    small = replace(
        scored,
        scores=scored.scores[keys + score_names],
        runs=scored.runs.drop(columns=list(DROPPED), errors="ignore").assign(reason=""),
        metrics={name: metric for name, metric in scored.metrics.items() if name in names},
        sets={},
    )
    if not len(small.scores):
        raise BenchError(f"no run of {experiment.name} has scores that could be kept")
    return Record(small, experiment.claims, aligned(experiment, planned_runs, tell=tell), commands, _differing(experiment))


def _differing(experiment: Experiment) -> dict[str, dict[str, str]]:
    """Variant -> its settings, without those that are the same for all."""
    settings_by_variant = configurations(experiment)
    names = dict.fromkeys(name for settings in settings_by_variant.values() for name in settings)
    differ = [name for name in names if len({str(settings.get(name, "–")) for settings in settings_by_variant.values()}) > 1]
    return {
        variant: {name: str(settings.get(name, "–")) for name in differ} for variant, settings in settings_by_variant.items()
    }
