"""explain: the runs, seeds and values that one number of a table is computed from."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from bench.commands import _options, _output, _selection
from bench.common.errors import BenchError, did_you_mean, listed


def explain(
    name: _options.Name,
    variant: Annotated[str, typer.Argument(metavar="VARIANT", help="The row, as the table names it.")],
    metric: Annotated[
        str,
        typer.Argument(
            metavar="METRIC", help="The column: psnr, or as CSV and JSON name it: standard/psnr@5. Or a cost: train_seconds."
        ),
    ],
    frame: Annotated[
        str | None, typer.Option(metavar="T|T-T", help="One frame or a slice (11-20). Default: the mean over the horizon.")
    ] = None,
    protocol: _selection.Protocol = "standard",
    differences: _selection.Differences = False,
    external_results: _selection.With = None,
    label: _selection.Label = None,
    scale: _options.Scale = "small",
    seeds: _options.Seeds = None,
    only: _options.Only = None,
    settings: _options.Set = None,
    store_path: _options.StorePath = None,
    as_json: _options.Json = False,
) -> None:
    """Show what a number in a table is made of.

    `bench explain ablation full psnr` takes the options of the `bench report` that has printed the number, and prints the value
    before rounding, the runs and seeds it is made of, their commit, command, machine, data and checkpoint, and the raw values.
    --json adds each clip's.
    """
    from bench.commands import _explanation
    from bench.reporting.explain import cost, score
    from reports.costs import COSTS

    names, protocols, frame = _one_cell(metric, protocol, frame)
    cost_name = names[0] if names[0] in COSTS else ""
    if cost_name and (frame or differences or label):
        raise BenchError(f"{cost_name} is a cost of whole runs: --frame, --differences and --label do not go with it")
    choice = _options.Choice(name, scale, seeds, only, settings)
    experiment, store = choice.experiment(), _options.store(store_path)
    training = choice.command("run")
    selection = _selection.select(experiment, store, protocols, label, external_results or [], training, names)
    variants = selection.results.variants
    if variant not in variants:
        hint = did_you_mean(variant, variants) or f"; it has {listed(variants)}"
        raise BenchError(f"{experiment.name} has no variant '{variant}'{hint}")
    spans = _selection.frames(frame, selection.results.metadata.horizon)
    if len(spans) > 1:
        raise BenchError(f"a cell is of one frame or of one slice, got --frame {frame}")
    span = next(((frames, frames) if isinstance(frames, int) else frames for frames in spans), None)
    try:
        if cost_name:
            cell = cost(selection.results, selection.planned_runs, variant, cost_name)
        else:
            key = selection.results.score_of(protocols[0], names[0])
            cell = score(
                selection.results, selection.planned_runs, selection.external_results, variant, key, span, label, differences
            )
    except ValueError as error:
        raise BenchError(str(error)) from error
    if variant in experiment.variants:
        cell["again"] = replace(choice, only=variant).command("run")
    if as_json:
        _output.print_json(cell)
    elif cost_name:
        _explanation.print_cost(cell)
    else:
        _explanation.print_score(cell)


def _one_cell(metric: str, protocol: str, frame: str | None) -> tuple[list[str], tuple[str, ...], str | None]:
    """The one metric or cost, the one protocol and the frames that are named; a BenchError where a table has no such cell."""
    from bench.metrics import METRICS, set_metrics
    from reports.costs import COSTS

    protocol, metric, frame = _column(metric, protocol, frame)
    if protocol in {set_metric.protocol for set_metric in set_metrics().values()}:  # such a metric implies its protocol
        protocol = "standard"
    requested = metric.strip().lower().replace("-", "_")
    if (
        requested not in (*METRICS, *COSTS)
        and not did_you_mean(requested, METRICS)
        and (hint := did_you_mean(requested, COSTS))
    ):
        raise BenchError(f"there is no metric and no cost '{metric}'{hint}")
    names = [requested] if requested in COSTS else _selection.metrics(metric)
    protocols = _selection.protocols(protocol)
    if names[0] in set_metrics() and (frame or len(names) > 1):
        raise BenchError(f"no single frame has {METRICS[names[0]].label}: it is a number of the whole set of clips")
    if len(names) > 1 or len(protocols) > 1:
        raise BenchError("name one metric and one protocol: a cell has one of each")
    return names, protocols, frame


def _column(metric: str, protocol: str, frame: str | None) -> tuple[str, str, str | None]:
    """(protocol, metric, frames) that `standard/psnr@5` names."""
    prefix, slash, score = metric.rpartition("/")
    metric, at, frames = score.partition("@")
    return (prefix if slash else protocol), metric, (frames if at else frame)
