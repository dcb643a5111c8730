"""sync: the copy of the store in MLflow."""

from __future__ import annotations

from bench.commands import _options, _searches
from bench.common.errors import BenchError
from bench.common.search_names import SEARCH


def sync(
    name: _options.Name,
    scale: _options.Scale = "small",
    seeds: _options.Seeds = None,
    only: _options.Only = None,
    settings: _options.Set = None,
    store_path: _options.StorePath = None,
) -> None:
    """Copy the runs of an experiment or a search into MLflow.

    A search is named tune:lmc. Sends what is new, once, however often it is called. `bench run` and `bench tune` do it by
    themselves while MLflow can be reached.
    """
    from bench.sweep.plan import plan
    from bench.tracking import connection, tracker

    store = _options.store(store_path)
    if name.startswith(SEARCH):
        if seeds or only or settings:
            raise BenchError("--seeds, --only and --set choose runs of an experiment; a search is copied as a whole")
        question = ""
        called, planned_runs = _searches.runs(name.removeprefix(SEARCH), scale, store)
    else:
        experiment = _options.Choice(name, scale, seeds, only, settings).experiment()
        question = experiment.question
        called, planned_runs = tracker.experiment_name(experiment), plan(experiment, store)
    try:
        count = tracker.sync(store, called, planned_runs, question=question)
    except tracker.Refused as error:
        raise BenchError(f"MLflow does not have all runs: {error}; the others are there") from error
    except BenchError:
        raise
    except Exception as error:
        trouble = connection.format_error(error, store)
        raise BenchError(f"MLflow did not accept the runs: {trouble}; the same command continues once it does") from error
    print(f"{count} of {len(planned_runs)} runs had something new for {connection.shown_uri(store)}")
