"""A watcher of the scheduler that stores the sweep's label in each run."""

from __future__ import annotations

from collections.abc import Iterable

from bench.store.labels import remember
from bench.sweep.plan import PlannedRun


class Labelling:
    """Stores the label of each planned run, and again when a run starts and ends; `bench status` shows it.

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
