"""What `bench report` writes into a folder: tables, figures and the page; a terminal says meanwhile what is being done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.commands import _mlflow, _output

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.commands._selection import Selection
    from bench.store.store import Store
    from reports.claims import Judged
    from reports.memory import Memories
    from reports.results import Results


def write(chosen: Selection, store: Store, folder: Path, protocol: str, label: str | None, remade: str) -> None:
    """Write tables, figures and the page, with all protocols to choose from, and attach them to the experiment in MLflow."""
    from bench.metrics.protocols import PROTOCOLS
    from bench.reporting import gallery
    from bench.reporting.results import results, under
    from bench.tracking.tracker import experiment_name
    from reports.bundle import bundle

    chosen.verify()
    experiment, planned_runs, external_results = chosen.experiment, chosen.planned_runs, chosen.external_results
    with _output.doing() as tell:
        tell("reading scores")
        main_results = results(experiment, planned_runs, (protocol,), label, external_results, curves=True)
        others = under((name for name in PROTOCOLS if name != protocol), main_results, planned_runs, label, external_results)
        tell("choosing clips to show")
        shots = gallery.pictures(planned_runs, main_results, f"{protocol}/psnr", external_results)
        configurations, sizes = gallery.configurations(experiment), gallery.sizes(experiment)
        claims = judged(chosen, tell)[1] if experiment.claims else ()
        analysed = memories(chosen, tell)
        tell("drawing tables, figures and the page")
        paths = bundle(main_results, folder, protocol, others, configurations, shots, sizes, analysed, claims, remade)
    _mlflow.announce_report(store, experiment_name(experiment), folder, paths, experiment.question, label or "")


def judged(chosen: Selection, tell: Callable[[str], None]) -> tuple[Results, list[Judged]]:
    """The claims with their verdicts. tell: gets what is being done, such as the run whose memory is analysed."""
    from bench.evidence import judging

    tell("judging claims")
    return judging.judged(chosen.experiment, chosen.planned_runs, chosen.label, tell)


def memories(chosen: Selection, tell: Callable[[str], None]) -> Memories:
    """How memory slots are addressed. tell: gets the run whose memory is analysed."""
    from bench.reporting import analysis

    tell("looking into memories")
    return analysis.memories(chosen.planned_runs, tell)
