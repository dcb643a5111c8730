"""What `bench report` writes into a folder: tables, figures and the page; a terminal says meanwhile what is being done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.commands import _mlflow, _output

if TYPE_CHECKING:
    from pathlib import Path

    from bench.commands._selection import Selection
    from bench.store.store import Store


def write(chosen: Selection, store: Store, folder: Path, remade: str, part: str) -> None:
    """Write tables, figures and the page, with all protocols to choose from, and attach them to the experiment in MLflow.

    remade: the command that writes them again. part: what of the experiment it shows, such as "walking"; empty for all of it.
    """
    from bench.metrics.protocols import PROTOCOLS
    from bench.reporting import gallery, variant_settings
    from bench.reporting.results import results, under
    from bench.tracking.tracker import experiment_name
    from reports.bundle import bundle

    chosen.verify()
    experiment, planned_runs, external_results = chosen.experiment, chosen.planned_runs, chosen.external_results
    protocol, label = chosen.protocols[0], chosen.label
    with _output.doing() as tell:
        tell("reading scores")
        main_results = results(experiment, planned_runs, (protocol,), label, external_results, curves=True)
        others = under((name for name in PROTOCOLS if name != protocol), main_results, planned_runs, label, external_results)
        tell("choosing clips to show")
        shots = gallery.pictures(planned_runs, main_results, f"{protocol}/psnr", external_results)
        configurations, sizes = variant_settings.configurations(experiment), variant_settings.sizes(experiment)
        claims = chosen.judged(tell)[1] if experiment.claims else ()
        memories = chosen.memories(tell) if label is None else None  # they are measured over clips of all labels
        tell("drawing tables, figures and the page")
        paths = bundle(main_results, folder, protocol, others, configurations, shots, sizes, memories, claims, remade)
    _mlflow.announce_report(store, experiment_name(experiment), folder, paths, experiment.question, part)
