"""rescore: scores of trained runs, computed again."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import _options, _output, _searches, _selection
from bench.common.errors import BenchError
from bench.common.search_names import SEARCH

ScoredAgain = Annotated[
    list[str] | None,
    typer.Option(
        "--with", metavar="NAME", help="Also score again what `bench eval --name` has kept under this name. Repeatable."
    ),
]


def rescore_(
    name: Annotated[
        str, typer.Argument(metavar="EXPERIMENT", help="Whose finished runs are scored again; or a search: tune:lmc.")
    ],
    protocol: _selection.Protocols = None,
    metrics: _options.SetMetrics = None,
    external_results: ScoredAgain = None,
    scale: _options.Scale = "small",
    seeds: _options.Seeds = None,
    only: _options.Only = None,
    settings: _options.Set = None,
    store_path: _options.StorePath = None,
) -> None:
    """Compute scores again, without training.

    From the predictions that runs have kept, else from their checkpoints. Fills in LPIPS once its backbone is there. --metrics
    fvd adds the score of the whole set of clips and leaves those of frames as they are. --with scores again what `bench eval
    --name` has kept.
    """
    from bench.common.machine import default_device
    from bench.external.rescore import rescore, rescore_external
    from bench.metrics.protocols import PROTOCOLS, checked
    from bench.reporting.sources import find_external_results
    from bench.sweep.plan import plan, unique

    chosen = checked(protocol.split(",") if protocol else PROTOCOLS)
    sets = _options.set_metrics(metrics) or None
    if sets and protocol:
        raise BenchError("--metrics names scores of the whole set of clips, which have protocols of their own: no --protocol")
    store = _options.store(store_path)
    choice = _options.Choice(name, scale, seeds, only, settings)
    if name.startswith(SEARCH):
        if seeds or only or settings:
            raise BenchError("--seeds, --only and --set choose runs of an experiment; a search is scored again as a whole")
        planned_runs = unique(_searches.runs(name.removeprefix(SEARCH), scale, store)[1])
    else:
        planned_runs = unique(plan(choice.experiment(), store))
    trained = [planned for planned in planned_runs if planned.run.status().trained]
    if not trained:
        training = f"bench tune {name.removeprefix(SEARCH)} ..." if name.startswith(SEARCH) else choice.command("run")
        raise BenchError(f"no run of {name} (scale {scale}) is trained yet; `{training}` trains them")
    device = default_device()
    with _output.progress("", aside=False) as on_clips:
        for number, planned in enumerate(trained, 1):
            on_clips(0, 0, planned.label)
            for evaluation in planned.evaluations:
                source = rescore(planned.run, evaluation, chosen, device, sets, on_clips)
                print(f"[{number}/{len(trained)}] {planned.label}, seed {planned.seed}: scored again from {source}", flush=True)
        for external in find_external_results(store, planned_runs, external_results or []):
            on_clips(0, 0, external.name)
            rescore_external(external, planned_runs[0], chosen, device, sets, on_clips)
            print(f"{external.name}, seed {external.seed}: scored again from kept predictions", flush=True)
