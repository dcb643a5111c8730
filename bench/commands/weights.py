"""weights: what LPIPS needs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

weights_app = typer.Typer(help="The AlexNet backbone that LPIPS needs.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(weights_app, name="weights")


@weights_app.command()
def status() -> None:
    """Whether LPIPS can be computed here."""
    from bench.metrics import weights

    available, told = weights.lpips_state()
    print(f"LPIPS by {told}" if available else f"no LPIPS: {told}")
    print(f"its place: {weights.path()}")
    sys.exit(0 if available else 1)


@weights_app.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="torchvision's AlexNet file, brought from elsewhere.")],
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Take other weights too; every footnote will name their hash.")
    ] = False,
) -> None:
    """Put a file in the backbone's place, checked."""
    from bench.metrics import weights

    print(f"added {weights.add(file, unverified)}; `bench rescore EXPERIMENT` fills in LPIPS")


@weights_app.command()
def fetch() -> None:
    """Download the backbone (233 MB), checked."""
    from bench.metrics import weights

    print(f"fetched {weights.fetch()}; `bench rescore EXPERIMENT` fills in LPIPS")
