"""What commands say of the copy of the store in MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.commands import _options
from reports.quantities import several

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.store.store import Store


def print_trouble(trouble: str, remedy: str = "`bench sync`") -> None:
    """Say why MLflow does not have everything, if that is so. remedy: the command that copies the rest, in backticks."""
    if trouble:
        print(f"MLflow does not have all runs ({trouble}); {remedy} copies everything later")


def announce_report(store: Store, experiment: str, folder: Path, paths: Sequence[Path], question: str, part: str = "") -> None:
    """Say where a report was written, and attach its files to the experiment in MLflow.

    experiment: its name in MLflow. part: what of the experiment the report shows, such as "walking"; empty for all of it.
    """
    from bench.tracking.attach import attach

    print(f"wrote {several(len(paths), 'file')} to {folder}; open {folder / 'index.html'}")
    if trouble := attach(store, experiment, paths, question, _options.command_line(), part):
        print(f"the report was not attached to MLflow ({trouble}); run the same command again to attach it")
