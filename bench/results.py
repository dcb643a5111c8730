"""From the store to what reports are made of: one table of per-frame scores, the runs, and the facts that go with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

import bench.metrics
from bench.errors import BenchError, did_you_mean, listed
from bench.experiment import Experiment
from bench.metrics import METRICS
from bench.plan import Item
from bench.scores import Scores, load
from bench.store import FINISHED
from reports.results import Facts, Metric, Results

COSTS = ("parameters", "flops", "train_seconds", "samples", "peak_memory_bytes", "command")
SELECTION = {"last": "the last checkpoint", "best": "the checkpoint with the best validation PSNR"}


def results(experiment: Experiment, items: Sequence[Item], protocols: Sequence[str], label: str | None = None) -> Results:
    """Everything that the store knows about an experiment's runs, with the scores of some protocols.

    label: only the clips that show this (on KTH an action); a label that no clip has is a BenchError.
    """
    scored = [(item, load(item.run.scores_file(item.evaluations[0].key))) for item in items if item.state == FINISHED]
    _comparable(scored)
    labels = list(experiment.variants)
    facts = scored[0][1].facts if scored else {}
    table = _scores(scored, labels, protocols)
    if label is not None:
        table = _showing(table, label)
    return Results(
        name=experiment.name,
        question=experiment.question,
        scale="paper" if experiment.scale == "paper" else "small",
        variants=labels,
        scores=table,
        runs=pd.DataFrame([_run(item) for item in items]),
        metrics={name: _metric(metric) for name, metric in METRICS.items()},
        protocols=facts.get("protocols", {}),
        facts=_facts(items, scored, table, label),
        training=_training(items),
    )


def _scores(scored: list[tuple[Item, Scores]], labels: list[str], protocols: Sequence[str]) -> pd.DataFrame:
    tables = []
    variants = pd.CategoricalDtype(labels, ordered=True)
    for item, scores in scored:
        clips, frames, _ = scores.values.shape
        columns: dict[str, Any] = {
            "variant": pd.Categorical.from_codes(np.full(clips * frames, labels.index(item.label), np.int16), dtype=variants),
            "seed": np.full(clips * frames, item.seed, np.int32),
            "clip": np.repeat(np.arange(clips, dtype=np.int32), frames),
            "frame": np.tile(np.arange(1, frames + 1, dtype=np.int16), clips),
        }
        if scores.facts.get("labels"):
            columns["label"] = pd.Categorical(np.repeat(scores.facts["labels"], frames))
        for name in scores.names:
            if name.partition("/")[0] in protocols:
                columns[name] = scores[name].reshape(-1)
        tables.append(pd.DataFrame(columns))
    if tables:
        return pd.concat(tables, ignore_index=True)
    return pd.DataFrame({"variant": pd.Categorical([], dtype=variants), "seed": [], "clip": [], "frame": []})


def _run(item: Item) -> dict[str, Any]:
    known = item.run.provenance()
    return {
        "variant": item.label,
        "seed": item.seed,
        "key": item.run.name,
        "state": item.state,
        "reason": "" if item.state == FINISHED else item.why,
        "deviations": "; ".join(known.get("deviations", [])),
        **{name: known.get(name) for name in COSTS},
        "commit": known.get("code", {}).get("commit"),
    }


def _comparable(scored: list[tuple[Item, Scores]]) -> None:
    """Refuse to put numbers side by side that were not measured alike."""
    for fact, cure in (
        ("targets", "on other clips"),
        ("protocols", "by another version of a protocol"),
        ("lpips", "with other LPIPS weights"),
    ):
        found = {json.dumps(scores.facts.get(fact)): item.label for item, scores in scored}
        if len(found) > 1:
            one, other = list(found.values())[:2]
            raise BenchError(f"'{one}' and '{other}' were scored {cure}; `bench rescore` scores all alike")


def _showing(table: pd.DataFrame, label: str) -> pd.DataFrame:
    known = [] if "label" not in table else [str(name) for name in table["label"].unique()]
    if label not in known:
        hint = did_you_mean(label, known) or f"; there are {listed(known)}"
        raise BenchError(f"no test clip is labelled '{label}'{hint}")
    return table[table["label"] == label].reset_index(drop=True)


def _facts(items: Sequence[Item], scored: list[tuple[Item, Scores]], table: pd.DataFrame, label: str | None) -> Facts:
    spec, evaluation = items[0].spec, items[0].evaluations[0]
    facts = scored[0][1].facts if scored else {}
    return Facts(
        dataset=spec.data.name,
        split=evaluation.split,
        fingerprint=facts.get("fingerprint", spec.fingerprint or "unknown"),
        context=spec.context,
        horizon=evaluation.horizon or spec.horizon,
        clips=int(table["clip"].nunique()),
        selection=SELECTION[spec.select],
        lpips=facts.get("lpips_missing", ""),
        notes=[*([f"Only clips of '{label}'."] if label else []), *_notes(facts)],
        trained=spec.horizon if (evaluation.horizon or 0) > spec.horizon else None,
    )


def _metric(metric: bench.metrics.Metric) -> Metric:
    direction: Literal["up", "down"] = "up" if metric.better == "higher" else "down"
    return Metric(direction, metric.unit.removeprefix("1e-3").strip(), metric.digits, metric.scale, metric.label)


def _notes(facts: dict[str, Any]) -> list[str]:
    """How the test clips were made, and what LPIPS was computed with."""
    lpips = [f"LPIPS by {facts['lpips']}."] if facts.get("lpips") else []
    return [*([f"Clips: {facts['data']}."] if facts.get("data") else []), *lpips]


def _training(items: Sequence[Item]) -> pd.DataFrame:
    rows = [
        (item.label, item.seed, int(line["step"]), name, value)
        for item in items
        for line in item.run.metrics()
        for name, value in line.items()
        if name not in ("step", "time")
    ]
    return pd.DataFrame(rows, columns=["variant", "seed", "step", "name", "value"])
