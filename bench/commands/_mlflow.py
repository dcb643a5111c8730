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
    """Say that MLflow could not be reached, if that is so. remedy: the command that copies everything later, in backticks."""
    if trouble:
        print(f"MLflow could not be reached ({trouble}); {remedy} copies everything later")


def announce_report(store: Store, experiment: str, folder: Path, paths: Sequence[Path], question: str, part: str = "") -> None:
    """Say where a report was written, and attach its files to the experiment in MLflow.

    experiment: its name in MLflow. part: of which part of the test clips the report is, such as "walking".
    """
    from bench.tracking.attach import attach

    print(f"wrote {several(len(paths), 'file')} to {folder}; open {folder / 'index.html'}")
    if trouble := attach(store, experiment, paths, question, _options.command_line(), part):
        print(f"MLflow has not got the report ({trouble}); the same command attaches it later")
