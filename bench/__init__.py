"""The engine of lmc-bench: plans, trains, scores and records runs of video-prediction models.

From Python, `bench.results("ablation")` gives the scores and runs of an experiment as pandas DataFrames.
"""

from importlib import import_module
from typing import Any

__version__ = "0.2.0"


def results(experiment: str, **options: Any) -> Any:
    """What the store has of an experiment: `.scores`, `.runs` and `.means()`, as pandas DataFrames.

    Options are those of `bench.reporting.dataframes.dataframes`: scale, seeds, settings, protocols, store. It is imported when
    it is asked for, so that `import bench` costs nothing.
    """
    return import_module("bench.reporting.dataframes").dataframes(experiment, **options)
