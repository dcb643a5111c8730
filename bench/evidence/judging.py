"""From the store to verdicts: what the finished runs of an experiment say of its claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bench.reporting.analysis import memories
from bench.reporting.results import results
from bench.spec.experiment import Experiment
from bench.sweep.plan import PlannedRun
from reports.claim import ALIGNMENT
from reports.claims import Alignments, Judged, alignments, judge
from reports.results import Results


def judged(
    experiment: Experiment,
    planned_runs: Sequence[PlannedRun],
    label: str | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[Results, list[Judged]]:
    """The scores, and every claim with its verdict. A BenchError where the experiment claims nothing.

    label: only clips that show this. tell: called with a line for each memory that has to be analysed first.
    """
    experiment.refuse_without_claims()
    protocols = dict.fromkeys(["standard", *(claim.protocol for claim in experiment.claims)])
    scored = results(experiment, planned_runs, list(protocols), label)
    return scored, judge(scored, experiment.claims, aligned(experiment, planned_runs, label, tell))


def aligned(
    experiment: Experiment,
    planned_runs: Sequence[PlannedRun],
    label: str | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> Alignments:
    """The alignment of the memories that claims are about, on the clips that show `label`; None: all clips."""
    about = {claim.better for claim in experiment.claims if claim.metric == ALIGNMENT}
    if not about:
        return {}
    analysed = memories([planned for planned in planned_runs if planned.label in about], tell)
    gains_by_run = alignments(analysed, about)
    if label is None or analysed.shown is None:
        return gains_by_run
    shows_it = np.array([clip_label == label for clip_label in analysed.shown.labels])
    return {run: gains[shows_it] for run, gains in gains_by_run.items() if shows_it.any()}
