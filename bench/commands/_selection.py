"""Which numbers are meant: the options that `report` and `explain` share, so that both speak of the same cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bench.common.errors import BenchError, did_you_mean, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.external.results import ExternalResult
    from bench.spec.experiment import Experiment
    from bench.store.store import Store
    from bench.sweep.plan import PlannedRun
    from reports.claims import Judged
    from reports.memory import Memories
    from reports.results import Results

Content = TypeVar("Content")
Protocol = Annotated[
    str,
    typer.Option(
        metavar="NAMES",
        help="Scoring conventions (`bench list protocols`). With several, comma separated, each cell names its own.",
    ),
]
Protocols = Annotated[
    str | None,
    typer.Option("--protocol", metavar="NAMES", help="Only these, comma separated (`bench list protocols`). Default: all."),
]
Label = Annotated[
    str | None, typer.Option(metavar="LABEL", help="Only clips that show this: on KTH an action, such as walking.")
]
With = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        metavar="NAME",
        help="Add a row for scores that `bench eval --name` has kept, of a model trained elsewhere. Repeatable.",
    ),
]
Differences = Annotated[bool, typer.Option("--differences", help="Show each variant's paired difference to the first one.")]


@dataclass
class Selection:
    """Runs of an experiment and their scores, as a report sees them: one whose scores are damaged has failed by that."""

    experiment: Experiment
    planned_runs: list[PlannedRun]
    external_results: list[ExternalResult]
    protocols: Sequence[str]
    label: str | None
    metrics: Sequence[str] = ()

    @cached_property
    def results(self) -> Results:
        """Read when first asked for: hundreds of runs take seconds."""
        from bench.metrics import set_metrics
        from bench.reporting.results import results

        of_sets = [name for name in self.metrics if name in set_metrics()] or None
        return self._read(
            lambda runs: results(self.experiment, runs, self.protocols, self.label, self.external_results, sets=of_sets)
        )

    def _read(self, read: Callable[[list[PlannedRun]], Content]) -> Content:
        """What is read of the runs that are not damaged."""
        from bench.reporting.damage import read_undamaged

        self.planned_runs, content = read_undamaged(self.planned_runs, read)
        return content

    def verify(self) -> None:
        """Read every byte of all scores first, for a report that shows all of them."""
        from bench.reporting.damage import verified

        self.planned_runs = verified(self.planned_runs)

    def judged(self, tell: Callable[[str], None]) -> tuple[Results, list[Judged]]:
        """The claims with their verdicts. tell: gets what is being done, such as the run whose memory is analysed."""
        from bench.evidence.judging import judged

        tell("judging claims")
        return self._read(lambda runs: judged(self.experiment, runs, self.label, tell))

    def memories(self, tell: Callable[[str], None]) -> Memories:
        """How memory slots are addressed. tell: gets the run whose memory is analysed."""
        from bench.reporting.analysis import memories

        tell("looking into memories")
        return memories(self.planned_runs, tell)


def select(
    experiment: Experiment, store: Store, protocols: Sequence[str], label: str | None, names: Sequence[str], training: str,
    metrics: Sequence[str] = (),
) -> Selection:  # fmt: skip
    """What the store has of an experiment, and of external results by name; a BenchError if no run is finished.

    training: the command that trains the experiment's runs. metrics: those that are asked for.
    """
    from bench.commands._unfinished import causes_and_remedies
    from bench.reporting.damage import readable_runs
    from bench.reporting.sources import find_external_results

    planned_runs = readable_runs(experiment, store, lambda runs: causes_and_remedies(experiment, runs, store, training))
    return Selection(experiment, planned_runs, find_external_results(store, planned_runs, names), protocols, label, metrics)


def metrics(text: str) -> list[str]:
    """The metrics that `psnr,ssim` names; a BenchError for what is none."""
    from bench.metrics import METRICS

    names = list(dict.fromkeys(word.strip().lower().replace("-", "_") for word in text.split(",") if word.strip()))
    if not names:
        raise BenchError(f"--metrics takes some of {listed(METRICS)}, and got none")
    for word in names:
        if word not in METRICS:
            raise BenchError(f"there is no metric '{word}'{did_you_mean(word, METRICS) or '; there are ' + listed(METRICS)}")
    return names


def protocols(text: str) -> tuple[str, ...]:
    """The protocols that `standard,openstl` names; a BenchError for what is none."""
    from bench.metrics.protocols import checked

    return checked(word.strip() for word in text.split(","))


def frames(text: str | None, horizon: int) -> list[int | tuple[int, int]]:
    """The frames and slices that `1,5,10`, `1-5,6-10`, `every:5` or `all` names."""
    from reports.columns import every_nth_frame

    if not text:
        return []
    if text == "all":
        return list(every_nth_frame(1, horizon))
    try:
        if text.startswith("every:"):
            step = int(text.removeprefix("every:"))
            if not 1 <= step <= horizon:
                raise BenchError(
                    f"--frames {text}: there are 1 to {horizon} frames, so every 1st to every {horizon}th can be shown"
                )
            return list(every_nth_frame(step, horizon))
        chosen: list[int | tuple[int, int]] = []
        for word in text.split(","):
            first, dash, last = word.partition("-")
            chosen.append((int(first), int(last)) if dash else int(first))
            if dash and int(first) > int(last):
                raise BenchError(f"--frames {word}: a slice begins with its first frame, {last}-{first}")
        return list(dict.fromkeys(chosen))
    except ValueError:
        raise BenchError(f"--frames takes 1,5,10 or 1-5,6-10 or every:5 or all, got '{text}'") from None
