"""A store of many finished runs, written straight into its directories: `python -m tests.many_runs FOLDER [SEEDS]`."""

import hashlib
import json
import shutil
import sys
import time
from dataclasses import asdict
from pathlib import Path

from bench.spec.component import Component
from bench.spec.experiment import Evaluation, Experiment
from bench.spec.runspec import RunSpec
from bench.store.run import FINISHED, Status
from bench.store.store import Store

EVALUATION = Evaluation(clips=8)
SPEC = RunSpec(
    Component("lmc", width=4, layers=1, slots=5), Component("memory_alignment", warmup=0),
    Component("digits", size=16, digit=8), context=9, horizon=2, batch=2, steps=6,
)  # fmt: skip
VARIANTS = {f"{slots} slots": SPEC.but(model=SPEC.model.but(slots=slots)) for slots in (5, 6, 7, 8)}
FILE = """
from bench.spec import Experiment
from tests.many_runs import EVALUATION, VARIANTS

def experiment(scale):
    return Experiment("Does it scale?", VARIANTS, seeds=tuple(range({seeds})), evaluation=EVALUATION)
"""
LINES = 20  # of metrics a run


def yardstick() -> float:
    """Processor seconds in which this machine writes down and hashes 10,000 specs: what else it does is judged by that."""
    began = time.process_time()
    for _ in range(10_000):
        hashlib.sha256(json.dumps(SPEC.to_json(), sort_keys=True).encode()).hexdigest()
    return time.process_time() - began


def write_experiment(folder: Path, seeds: int) -> Path:
    """many.py: four variants with so many seeds each."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "many.py").write_text(FILE.format(seeds=seeds))
    return folder / "many.py"


def write_store(folder: Path, seeds: int) -> Store:
    """Finished runs of that experiment, all the files that a real run leaves, with made-up scores."""
    import numpy as np

    from bench.evaluation.evaluate import metadata_of
    from bench.evaluation.scores import Scores
    from bench.metrics.protocols import PROTOCOLS, score_names

    store, random = Store(folder / "runs"), np.random.default_rng(0)
    data = SPEC.data.build()
    evaluation = EVALUATION.at(SPEC)
    metadata = {
        **metadata_of(data, evaluation, SPEC.context, 8),
        "protocols": {name: protocol.version for name, protocol in PROTOCOLS.items()},
        "lpips": "", "lpips_missing": "no backbone", "targets": "0123456789ab",
    }  # fmt: skip
    template = folder / "template"
    names = score_names()
    for number, (_, spec) in enumerate(Experiment("?", VARIANTS, tuple(range(seeds)), EVALUATION).runs()):
        run = store.run(spec)
        if number == 0:
            _files(template)
        shutil.copytree(template, run.path)
        (run.path / "spec.json").write_text(json.dumps(spec.to_json(), indent=1))
        values = random.normal(20, 1, (8, 2, len(names))).astype(np.float32)
        Scores(values, names, metadata).save(run.scores_file(evaluation.key))
    return store


def _files(folder: Path) -> None:
    """What is the same for all runs."""
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "predictions").mkdir()
    now = time.time()
    status = Status(FINISHED, SPEC.steps, trained=True, updated=now)
    provenance = {
        "command": "bench/worker/main.py runs/lmc-0 --evaluations []", "code": {"commit": "0" * 40, "diff": ""},
        "packages": {"python": "3.11", "torch": "2.13"}, "machine": {"host": "here", "processor": "x", "accelerators": []},
        "written": now, "fingerprint": "digits", "device": "cpu", "samples": 12, "shape": [1, 16, 16], "train_seconds": 1.5,
        "parameters": 1000, "flops": 10**6, "peak_memory_bytes": 10**8,
    }  # fmt: skip
    lines = [json.dumps({"step": n, "time": now, "loss/storing": 0.1, "loss/matching": 0.2}) for n in range(1, LINES + 1)]
    contents = {
        "status.json": json.dumps(asdict(status), indent=1), "provenance.json": json.dumps(provenance, indent=1),
        "identity.json": '"lmc-0-abcdef"', "metrics.jsonl": "\n".join(lines) + "\n", "log.txt": "done\n",
        "lease-0": json.dumps({"host": "here", "process": 1, "started": "1", "released": True}),
        "checkpoints/step-00000006-0123456789ab.pt": "weights",
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_text(content)


if __name__ == "__main__":
    where, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 500
    write_experiment(where, count)
    write_store(where, count)
