"""A watcher of the scheduler that notes in each run what the sweep calls it."""

from __future__ import annotations

from collections.abc import Iterable

from bench.store.labels import remember
from bench.sweep.plan import PlannedRun


class Labelling:
    """Notes the label of each run that it is given, that starts and that ends: `bench status` shows them.

    experiment: as MLflow calls it, such as ablation-small. planned_runs: some may be finished, for another experiment.
    """

    def __init__(self, experiment: str, planned_runs: Iterable[PlannedRun] = ()):
        self.experiment = experiment
        for planned in planned_runs:
            self.started(planned)

    def started(self, planned: PlannedRun) -> None:
        remember(planned.run, self.experiment, planned.label)

    def ended(self, planned: PlannedRun) -> None:
        self.started(planned)

    def tick(self) -> None:
        pass
