"""Arguments and options that several commands share, and what they stand for."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.common.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bench.spec.experiment import Experiment
    from bench.store.store import Store

ALL = "all"  # seeds
Name = Annotated[
    str, typer.Argument(metavar="EXPERIMENT", help="An experiment by name (`bench list experiments`) or a Python file.")
]
Scale = Annotated[
    str,
    typer.Option(
        metavar="SCALE",
        help="small: minutes on two cores. medium: 10 to 16 times as many iterations. paper: the published recipe.",
    ),
]
_SEEDS = "How many seeds (3 means 0, 1, 2), or which (0,7,9; one alone: 7,); all: what the store has, variant by variant."
Seeds = Annotated[str | None, typer.Option(metavar="N|LIST|all", help=f"{_SEEDS} Default: the experiment's.")]
StoredSeeds = Annotated[str | None, typer.Option(metavar="N|LIST|all", help=_SEEDS)]
Only = Annotated[str | None, typer.Option(metavar="VARIANTS", help="Only these variants, comma separated.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Change a setting in every variant that has it: model.slots=50, steps=100 (controls that train longer do so in "
        "proportion). Repeatable.",
    ),
]
MaxSeeds = Annotated[int | None, typer.Option(metavar="N", help="With --decide: the most seeds per claim. Default: 20.", min=1)]
Executor = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Where runs run: local (child processes), inline (this process), ray or slurm (clusters)."
    ),
]
On = Annotated[
    list[str] | None,
    typer.Option(
        "--on",
        metavar="NAME=VALUE",
        help="An option of the executor, such as partition=gpu or time=240 (`bench list executors`). Repeatable.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT", help="The Ray cluster to run on. Default: one on this machine, for as long as needed."),
]
Workers = Annotated[
    int, typer.Option(metavar="N", help="Runs at once. Default: one per GPU, or per processor core.", min=0, show_default=False)
]
PerGPU = Annotated[int, typer.Option("--per-gpu", metavar="N", help="Runs that share one GPU.", min=1)]
Threads = Annotated[
    int,
    typer.Option(
        help="Processor threads of each run. Default: its share of the cores that are free when it first starts, or fewer "
        "where more would not make it faster.",
        metavar="N",
        min=0,
        show_default=False,
    ),
]
Devices = Annotated[int, typer.Option(metavar="N", help="GPUs (without GPUs, processes) that train one run together.", min=1)]
Range = Annotated[
    list[str] | None,
    typer.Option(
        "--range",
        metavar="LOW..HIGH",
        help="Pixel values of black and white, where files do not state them: 0..255, -1..1, 0..65535.",
    ),
]
Layout = Annotated[
    str | None,
    typer.Option(
        metavar="AXES",
        help="Axis order of arrays, such as TNHW or NTHWC: N clips, T time, C channels, H height, W width.",
    ),
]


SetMetrics = Annotated[
    str | None,
    typer.Option("--metrics", metavar="NAMES", help="Also compute scores of the whole set of clips (slow): fvd."),
]


def set_metrics(text: str | None) -> tuple[str, ...]:
    """The metrics of whole sets that `fvd` names; BenchError for a name that is no such metric."""
    from bench.evaluation.sets import checked

    return checked([word.strip().lower() for word in (text or "").split(",") if word.strip()])


_named = {"store": ""}  # as this command's --store has it


def _everywhere(path: Path | None) -> Path | None:
    """--store is $BENCH_STORE for one command: tuned experiments are loaded by name, from what a search left in the store."""
    _named["store"] = str(path or "")
    if path:
        os.environ["BENCH_STORE"] = str(path.absolute())
    return path


StorePath = Annotated[
    Path | None,
    typer.Option("--store", metavar="DIR", callback=_everywhere, help="Where runs are kept. Default: $BENCH_STORE, or ./runs."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


@dataclass(frozen=True)
class Choice:
    """Which runs a command is about: an experiment at a scale, some of its seeds and variants, with changed settings."""

    name: str
    scale: str
    seeds: str | None = None
    only: str | None = None
    settings: Sequence[str] | None = None

    def experiment(self) -> Experiment:
        """The experiment that is described."""
        from bench.spec.loading import load

        experiment = load(self.name, self.scale)
        if self.only is not None:
            experiment = experiment.only(_labels(self.only, experiment.variants))
        if self.seeds and self.seeds != ALL:
            from bench.sweep.seeds import numbers

            experiment = replace(experiment, seeds=numbers(self.seeds))
        for setting in self.settings or []:
            if setting.startswith("data="):
                refuse_name_of_a_set(setting.removeprefix("data="), "--set data=")
        experiment = experiment.edited(list(self.settings)) if self.settings else experiment
        return with_all_seeds(experiment) if self.seeds == ALL else experiment

    @property
    def part(self) -> str:
        """In what the choice is not the whole experiment as it is declared: "only full, seeds 2"; empty where it is."""
        seeds = "" if self.seeds == ALL else self.seeds
        chosen = [f"only {self.only}" if self.only else "", f"seeds {seeds}" if seeds else "", *(self.settings or [])]
        return ", ".join(filter(None, chosen))

    def command(self, verb: str, anywhere: bool = False) -> str:
        """What to type to do `verb` with the same runs. anywhere: with a store of one's own, not the one named here."""
        arguments = ["bench", *verb.split(), self.name, *(["--scale", self.scale] if self.scale != "small" else [])]
        arguments += [*(["--seeds", self.seeds] if self.seeds else []), *(["--only", self.only] if self.only else [])]
        arguments += [word for setting in self.settings or [] for word in ("--set", setting)]
        return shlex.join(arguments) + ("" if anywhere else same_store())


def command_line() -> str:
    """The command as the user typed it."""
    return shlex.join(["bench", *sys.argv[1:]])


def refuse_name_of_a_set(name: str, before: str = "") -> None:
    """BenchError for a name that `bench prepare --name` has given: it is an option of the data set, not its name.

    before: what is typed before the name of a data set.
    """
    from bench.data.preparing.listing import sets_called
    from bench.spec import catalog

    if name not in catalog.names("datasets") and (kinds := sets_called(name)):
        spelled = " or ".join(f"`{before}{kind} --set data.name={name}`" for kind in kinds)
        raise BenchError(f"there is no data set '{name}', but a prepared set has that name: did you mean {spelled}?")


def with_all_seeds(chosen: Experiment) -> Experiment:
    """The experiment with every seed that this command's store has of its variants."""
    from bench.store.store import Store
    from bench.sweep.seeds import widened

    return widened(chosen, Store())


def _labels(text: str, labels: Collection[str]) -> list[str]:
    """The labels that a list names, of which some may hold commas themselves."""
    parts, chosen = text.split(","), []
    while parts:
        count = next((n for n in range(len(parts), 1, -1) if ",".join(parts[:n]).strip() in labels), 1)
        chosen.append(",".join(parts[:count]).strip())
        parts = parts[count:]
    return chosen


def same_store() -> str:
    """What to add to a command so that it finds this one's store; nothing where none was named."""
    return f" --store {shlex.quote(_named['store'])}" if _named["store"] else ""


def format_options(**options: Any) -> str:
    """Options as they are typed, each after a space: ` --decide --max-seeds 9`; those that are None or False are left out."""
    typed = {f" --{name.replace('_', '-')}": value for name, value in options.items() if value is not None}
    return "".join(name if value is True else f"{name} {value:g}" for name, value in typed.items() if value is not False)


def store(path: Path | None) -> Store:
    """The store at `path`, or the default one."""
    from bench.store.store import Store

    opened = Store(path)
    if opened.root.exists() and not opened.root.is_dir():
        raise BenchError(f"{opened.root} is a file, and a store is a folder; choose one with --store or BENCH_STORE")
    return opened
