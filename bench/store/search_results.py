"""The goal of a search and its results, for experiments and reports; read without Optuna."""

from __future__ import annotations

import contextlib
import re
import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.common import trust
from bench.common.errors import BenchError
from bench.common.files import write_json
from bench.common.json_schemas import known_fields, made_of
from bench.common.reading import LARGE, Unreadable, inside, is_regular, json_in
from bench.common.search_names import SEARCH
from bench.common.urls import shown
from bench.spec.experiment import SCALES
from bench.spec.loading import canonical
from bench.spec.runspec import RunSpec
from bench.store import schemas
from bench.store.store import Store

STUDY_NAME = "[a-z0-9_]+"


@dataclass(frozen=True)
class Aim:
    """What a study searches and its objectives; it never changes.

    seeds: runs of each trial, whose mean counts. seed: where the sampler's randomness begins. settings: of every trial,
    as `--set` takes them.
    """

    space: str
    scale: str
    objectives: tuple[str, ...] = ("psnr",)
    seeds: int = 1
    seed: int = 0
    settings: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Aim:
        """The aim in a study's file, which another version may have written."""
        if not {"space", "scale", "objectives"} <= values.keys():
            raise BenchError("the search's description is damaged: it lacks its search space, scale or objectives")
        return made_of(cls, values)

    def command(self, study: str = "") -> str:
        """The command that starts this search, as a study of that name."""
        is_named = study not in ("", canonical(Path(self.space).stem))
        options = {f"--seeds {self.seeds}": self.seeds > 1, f"--seed {self.seed}": self.seed > 0, f"--study {study}": is_named}
        options |= {f"--set {shlex.quote(setting)}": True for setting in self.settings}
        search_arguments = f"{shlex.quote(self.space)} --scale {self.scale} --objective {','.join(self.objectives)}"
        return " ".join(["bench tune", search_arguments, *(option for option, needed in options.items() if needed)])


@dataclass(frozen=True)
class Candidate:
    """One of the best trials.

    search: its values in the study. confirmed: means over fresh seeds, once all have finished. diverged: the fresh seeds with
    which its training diverged.
    """

    trial: int
    settings: str
    spec: RunSpec
    search: list[float]
    seeds: list[int]
    confirmed: list[float] | None
    diverged: list[int] = field(default_factory=list)

    @property
    def settled(self) -> bool:
        """Whether fresh seeds have said what it is worth."""
        return bool(self.confirmed or self.diverged)


@dataclass(frozen=True)
class Result:
    """candidates: the one to use first. seconds: of training, of all trials and of confirming the best.

    base: what the space begins with, to compare with; None where it does not say, or an older version searched.
    """

    study: str
    scale: str
    objectives: list[str]
    trials: int
    seconds: float
    candidates: list[Candidate]
    base: RunSpec | None = None

    @property
    def spent(self) -> dict[str, float]:
        """The cost of the search, under the names that reports use."""
        return {"trials": self.trials, "tuning_seconds": self.seconds}


def folder(store: Store, study: str, scale: str) -> Path:
    """Where a study keeps its files."""
    return store.root / "tuning" / f"{study}-{scale}"


def journal(store: Store) -> Path:
    """Where Optuna's record of every study is, unless another storage was named."""
    return store.root / "tuning" / "journal.log"


def existing(store: Store) -> list[tuple[str, str]]:
    """(name, scale) of every study in a store, by name."""
    pairs = (folder.name.rpartition("-") for folder in _folders(store))
    return sorted((study, scale) for study, _, scale in pairs if re.fullmatch(STUDY_NAME, study) and scale in SCALES)


def other_searches_hint(store: Store) -> str:
    """The searches that a store does have, for a message that one is not there; nothing where it has none."""
    names = [study + f" --scale {scale}" * (scale != "small") for study, scale in existing(store)]
    return f" (there: {', '.join(names)})" if names else ""


def _folders(store: Store) -> list[Path]:
    return [folder for folder in inside(store.root / "tuning") if is_regular(folder / "study.json")]


class NothingFound(BenchError):
    """A search that has not found anything yet."""


def read_study_json(folder: Path, store: Store) -> dict[str, Any]:
    """What a study's study.json says; empty where there is none. One that is damaged is Unreadable."""
    path = folder / "study.json"
    return known_fields(json_in(path, store.root) or {}, schemas.STUDY, path)


def storage_of(store: Store) -> str:
    """The storage of the store's searches, as Optuna's tools take it; BenchError if there is none, or more than one.

    A database counts only if the user of this machine has named it himself.
    """
    storages = {read_study_json(folder, store).get("storage") for folder in _folders(store)}
    if not storages:
        raise BenchError(f"there are no searches in {store.root} yet; `bench tune lmc` makes one")
    if len(storages) > 1:
        addresses = ", ".join(sorted(shown(url) if url else str(journal(store)) for url in storages))
        raise BenchError(
            f"the searches of {store.root} are in several storages; `optuna-dashboard STORAGE` shows one: {addresses}"
        )
    url = storages.pop()
    if url and not trust.is_trusted_storage(url):
        raise trust.Untrusted(f"the searches of {store.root} are in {shown(url)}, which nobody on this machine has named")
    return url or str(journal(store))


def search_command(store: Store, study: str, scale: str) -> str:
    """The command that continues a study, or starts one of that name."""
    aim = Aim(study, scale)
    with contextlib.suppress(OSError):  # damaged: the usual command
        if aim_values := read_study_json(folder(store, study, scale), store).get("aim"):
            aim = Aim.from_json(aim_values)
    return aim.command(study) + _naming(store)


def report_command(store: Store, study: str, scale: str) -> str:
    """The command that shows what a study has found."""
    return f"bench report {SEARCH}{study}" + ("" if scale == "small" else f" --scale {scale}") + _naming(store)


def _naming(store: Store) -> str:
    """What to add to a command so that it finds a store; nothing for the one that is found by itself."""
    is_default_store = store.root == Path("runs").absolute()
    return "" if is_default_store else f" --store {shlex.quote(str(store.root))}"


def write(store: Store, result: Result) -> None:
    """Store a result; it replaces an older one of the same study."""
    values = asdict(result)
    store.root.mkdir(parents=True, exist_ok=True)
    values["base"] = result.base.to_json() if result.base else None
    values["candidates"] = [{**asdict(candidate), "spec": candidate.spec.to_json()} for candidate in result.candidates]
    write_json(folder(store, result.study, result.scale) / "result.json", values, store.root)


def read(store: Store, study: str, scale: str) -> Result:
    """What the study of that name has found; BenchError if it has found nothing yet."""
    path = folder(store, study, scale) / "result.json"
    values = known_fields(json_in(path, store.root, LARGE) or {}, schemas.RESULT, path)
    if not values.get("candidates"):
        searching = f"`{search_command(store, study, scale)}` searches"
        in_store = f"in {store.root}{other_searches_hint(store)}"
        raise NothingFound(f"no search '{study}' (scale {scale}) {in_store} has found anything yet; {searching}")
    try:
        candidates = [
            Candidate(**{**candidate, "spec": RunSpec.from_json(candidate["spec"])}) for candidate in values["candidates"]
        ]
        base = RunSpec.from_json(values["base"]) if values.get("base") else None
        return Result(**{**values, "candidates": candidates, "base": base})
    except (TypeError, KeyError) as error:
        raise Unreadable(path, f"is damaged: {error}") from error
