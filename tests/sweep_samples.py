"""What the tests of whole sweeps share: an experiment of twelve short runs, and a `bench run` of it as a process."""

import os
import subprocess
import sys
from pathlib import Path

from bench.common import lease
from bench.evaluation import scores
from bench.spec.experiment import Evaluation, Experiment
from bench.spec.loading import load
from bench.store.store import Store
from bench.sweep.plan import plan

TWELVE = """
from bench.spec import Evaluation, Experiment
from tests.conftest import TINY

def experiment(scale):
    base = TINY.but(steps=150, validate_every=25)
    variants = {"five": base, "six": base.but(model=base.model.but(slots=6)), "seven": base.but(model=base.model.but(slots=7))}
    return Experiment("Does it survive?", variants, seeds=(0, 1, 2, 3), evaluation=Evaluation(clips=3))
"""


def twelve(folder: Path) -> Path:
    """The experiment's file in a folder."""
    path = folder / "twelve.py"
    path.write_text(TWELVE)
    return path


def bench(*words: object, store: Path, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """A `bench` command as a process group of its own, on a store."""
    root = str(Path(__file__).parent.parent)
    environment = {**os.environ, "BENCH_STORE": str(store), "PYTHONPATH": root, "PYTHONSAFEPATH": "1"}
    command = [*prefix, sys.executable, "-m", "bench.cli", *map(str, words)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def states(path: Path, store: Path) -> list[str]:
    """The state of every planned run."""
    return [planned.state for planned in plan(load(str(path)), Store(store))]


def outcome(path: Path, store: Path) -> dict[str, bytes]:
    """The scores of every run, bit for bit."""
    experiment: Experiment = load(str(path))
    outcomes = {}
    for planned in plan(experiment, Store(store)):
        evaluation: Evaluation = planned.evaluations[0]
        outcomes[f"{planned.label} {planned.seed}"] = scores.load(planned.run.scores_file(evaluation.key)).values.tobytes()
    return outcomes


def owners(store: Path) -> dict[str, int]:
    """Run directory -> the process of this host that owns it now; ids of the dead are left out, they may be others' by now."""
    return {folder.name: int(holder.rpartition(" ")[2]) for folder in store.glob("*-*/") if (holder := lease.holder(folder))}
