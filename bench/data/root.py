"""Where prepared data sets are stored. Paths are no part of a run's identity, so this is no option of a data set."""

import os
from pathlib import Path


def data_root() -> Path:
    """$BENCH_DATA, or `data` in the current folder; one folder per data set in it."""
    return Path(os.environ.get("BENCH_DATA") or "data")
