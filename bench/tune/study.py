"""A study: the record of a search, kept in Optuna's storage so that any process can continue it.

runs/tuning/journal.log             every study of the store, unless another storage was named
runs/tuning/lmc-small/study.json    what is searched, and where the record is
runs/tuning/lmc-small/lease-N       the `bench tune` that is at it
runs/tuning/lmc-small/result.json   what was found
"""

from __future__ import annotations

import contextlib
import logging
import re
import uuid
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from bench.common import trust
from bench.common.errors import BenchError
from bench.common.files import write_json
from bench.common.json_schemas import fitting
from bench.common.reading import inside, is_regular
from bench.spec.experiment import Evaluation
from bench.store import schemas, search_results
from bench.store.failures import Failure
from bench.store.run import RUN_NAME
from bench.store.search_results import (
    STUDY_NAME,
    Aim,
    NothingFound,
    journal,
    other_searches_hint,
    read_study_json,
    search_command,
)
from bench.store.store import Store
from bench.tune.objectives import OBJECTIVES
from bench.tune.storage import first_line, open_record, refuse_secrets

CLIPS = {"small": 128, "medium": 240, "paper": 1000}  # of the validation split that judge a trial
HORIZONS = {"medium": 30}  # frames over which they do; at other scales as many as a trial trains with
COUNTED = (Failure.DIVERGED, Failure.MEMORY, Failure.CONFIGURATION)
"""Failures that the settings cause, which finish a trial."""
RETRIED = frozenset(Failure) - frozenset(COUNTED)
"""Failures that the next search tries again."""
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
SURPLUS = "surplus"

optuna.logging.set_verbosity(optuna.logging.WARNING)
logging.getLogger("alembic").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Study:
    """A search and its record. owner: marks the trials whose runs are in this store, since stores may share a record."""

    name: str
    aim: Aim
    store: Store
    folder: Path
    owner: str
    url: str | None
    optuna_study: optuna.Study

    @cached_property
    def evaluation(self) -> Evaluation:
        """How finished runs are judged."""
        return evaluation(self.aim)

    def trials(self) -> list[FrozenTrial]:
        """All trials by number, not to be changed."""
        trials = self.optuna_study.get_trials(deepcopy=False)
        for trial in trials:
            fitting(trial.user_attrs, schemas.TRIAL, journal(self.store), f"trial {trial.number}")
        return trials

    def ours(self, trial: FrozenTrial) -> bool:
        """Whether a trial's runs are in this store; a trial without an owner was interrupted while it was made."""
        return trial.user_attrs.get("owner", self.owner) == self.owner

    def ranking(self) -> list[FrozenTrial]:
        """Complete trials with different settings, best first; of several objectives the Pareto front, by the first of them."""
        complete = [trial for trial in self.trials() if trial.state == TrialState.COMPLETE]
        if len(self.aim.objectives) > 1 and complete:
            front = {trial.number for trial in self.optuna_study.best_trials}
            complete = [trial for trial in complete if trial.number in front]
        higher = OBJECTIVES[self.aim.objectives[0]].better == "higher"
        complete.sort(key=lambda trial: (-trial.values[0] if higher else trial.values[0], trial.number))
        return list({str(trial.user_attrs["runs"]): trial for trial in reversed(complete)}.values())[::-1]


def evaluation(aim: Aim) -> Evaluation:
    """How finished runs are judged: on the validation split alone."""
    return Evaluation(clips=CLIPS[aim.scale], horizon=HORIZONS.get(aim.scale), split="val")


def counts_towards_budget(trial: FrozenTrial) -> bool:
    """Whether a trial counts towards the budget: complete, pruned, or failed by its own settings."""
    return trial.state in FINISHED and (trial.state != TrialState.FAIL or trial.user_attrs.get("kind") in COUNTED)


def format_settings(trial: optuna.Trial | FrozenTrial) -> str:
    """The settings of a trial: lr=0.002 slots=50."""
    short = {name: f"{value:.3g}" if isinstance(value, float) else str(value) for name, value in trial.params.items()}
    return " ".join(f"{name}={value}" for name, value in short.items())


def called(name: str, scale: str) -> str:
    """What a study is called in Optuna and in MLflow."""
    return f"tune-{name}-{scale}"


def begin(store: Store, name: str, aim: Aim, url: str | None = None) -> Study:
    """The study of that name, made if there is none; BenchError if it has another aim.

    url: of an Optuna storage (postgresql://host/database) in place of the store's journal.
    """
    if not re.fullmatch(STUDY_NAME, name):
        raise BenchError(f"--study takes letters, digits and underscores, got '{name}'")
    folder = search_results.folder(store, name, aim.scale)
    study_json = read_study_json(folder, store)
    store.root.mkdir(parents=True, exist_ok=True)
    if url is not None:
        refuse_secrets(url)
        trust.remember_storage(url)
    url = url or study_json.get("storage")
    storage = open_record(store, url, create=True)
    directions: list[Any] = ["maximize" if OBJECTIVES[word].better == "higher" else "minimize" for word in aim.objectives]
    try:
        record = optuna.create_study(
            study_name=called(name, aim.scale), storage=storage, directions=directions, load_if_exists=True
        )
    except ValueError as error:
        raise BenchError(f"the search '{name}' cannot be used: {error}") from error
    except Exception as error:  # whatever Optuna makes of a record that is damaged
        raise BenchError(f"the record of the search '{name}' (scale {aim.scale}) is damaged: {first_line(error)}") from error
    if "aim" in record.user_attrs:
        _same(name, Aim.from_json(record.user_attrs["aim"]), aim)
    else:
        record.set_user_attr("aim", asdict(aim))
    owner = study_json.get("owner") or uuid.uuid4().hex[:12]
    write_json(folder / "study.json", {"aim": asdict(aim), "owner": owner, "storage": url}, store.root)
    return Study(name, aim, store, folder, owner, url, record)


def find(store: Store, name: str, scale: str) -> Study:
    """The existing study of that name; BenchError if there is none."""
    folder = search_results.folder(store, name, scale)
    study_json = read_study_json(folder, store)
    if not {"aim", "owner"} <= study_json.keys():
        in_store = f"in {store.root}{other_searches_hint(store)}"
        raise BenchError(
            f"there is no search '{name}' (scale {scale}) {in_store}; `{search_command(store, name, scale)}` makes it"
        )
    url = study_json.get("storage")
    try:
        record = optuna.load_study(study_name=called(name, scale), storage=open_record(store, url))
    except BenchError:
        raise
    except KeyError:
        raise BenchError(f"the record of the search '{name}' (scale {scale}) is gone from its storage") from None
    except Exception as error:  # whatever Optuna makes of a record that somebody else has written
        raise BenchError(f"the record of the search '{name}' (scale {scale}) is damaged: {first_line(error)}") from error
    return Study(name, Aim.from_json(study_json["aim"]), store, folder, study_json["owner"], url, record)


def run_names(store: Store) -> set[str]:
    """The names of the runs that the searches of a store refer to; BenchError if the record of one cannot be read."""
    names: set[str] = set()
    for folder in inside(store.root / "tuning"):
        name, _, scale = folder.name.rpartition("-")
        if is_regular(folder / "study.json"):
            names.update(run for trial in find(store, name, scale).trials() for run in runs_of(trial))
        if is_regular(folder / "result.json"):
            with contextlib.suppress(NothingFound):
                for candidate in search_results.read(store, name, scale).candidates:
                    names.update(store.run(candidate.spec.but(seed=seed)).name for seed in candidate.seeds)
    return names


def runs_of(trial: FrozenTrial) -> list[str]:
    """The names of a trial's runs; anything else is ignored, since a shared record may hold any text."""
    named = trial.user_attrs.get("runs", ())
    if not isinstance(named, list | tuple):
        return []
    return [name for name in named if isinstance(name, str) and RUN_NAME.fullmatch(name) and "/" not in name]


def _same(name: str, existing: Aim, requested: Aim) -> None:
    if existing != requested:
        existing_command, requested_command = existing.command(name), requested.command(name)
        raise BenchError(
            f"the search '{name}' belongs to `{existing_command}`, not to `{requested_command}`; "
            "--study NAME starts another one"
        )
