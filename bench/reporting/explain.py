"""What one number of a table is computed from: runs and seeds, how and where each was trained, and the raw values."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.evaluation.scores import Scores, ScoresHeader, load, read_header
from bench.evaluation.sets import set_score
from bench.external.results import ExternalResult
from bench.metrics import set_metrics
from bench.reporting.results import SELECTION, clips_with_label
from bench.reporting.set_scores import why_none
from bench.store import checkpoint_files
from bench.store.provenance import own_packages
from bench.store.run import FINISHED
from bench.sweep.plan import PlannedRun
from reports.columns import Column
from reports.costs import COSTS
from reports.differences_table import differences_table
from reports.quantities import lasting, several, sized
from reports.results import Results
from reports.scores_table import scores_table
from reports.statistics import compare, paired, student
from reports.table import Cell, Row


def score(
    results: Results,
    planned_runs: Sequence[PlannedRun],
    external_results: Sequence[ExternalResult],
    variant: str,
    name: str,
    frames: tuple[int, int] | None = None,
    label: str | None = None,
    differences: bool = False,
) -> dict[str, Any]:
    """Everything behind the cell of a variant under the score `name` ("protocol/metric"), as plain values for JSON.

    results: of these runs, these external results and that label. frames: first and last, both included; the mean over the
    horizon if not given. differences: the cell of the table of differences to the first variant.
    """
    protocol, _, metric = name.partition("/")
    table_shown = (differences_table if differences else scores_table)(
        results, [metric], [protocol], [frames] if frames else []
    )
    column, index = table_shown.columns[-1], list(results.variants).index(variant)
    row = table_shown.rows[index]
    shown = clips_with_label(_first(planned_runs), label)
    of_set = metric if name in results.sets else ""
    runs = [_run(planned, column, shown, of_set) for planned in planned_runs if planned.label == variant]
    runs += [_external(external, column, shown, of_set) for external in external_results if external.name == variant]
    cell: dict[str, Any] = {
        "experiment": results.name,
        "scale": results.scale,
        "variant": variant,
        "score": name,
        "version": set_metrics()[metric].version if of_set else results.protocols.get(protocol),
        "of_set": bool(of_set),
        "frames": [column.first, column.last],
        "label": label,
        **_formatted(row.cells[-1], column),
        "data": _data(results),
        "notes": [note.text for note in table_shown.footnotes if note.mark and note.mark in row.marks]
        + ([results.sets[name].note] if of_set and results.sets[name].note else []),
        "runs": runs,
    }
    means = [run["mean"] for run in runs if run["mean"] is not None]
    if differences and index:
        return cell | {"difference": _difference(results, column, index, row)}
    # The mean of the score files must be the number that the table shows.
    assert not means or np.isclose(np.mean(means), row.cells[-1].value or 0, rtol=1e-6), (means, row.cells[-1])
    return cell | ({"interval": _interval(means)} if len(means) > 1 and not of_set else {})


def cost(results: Results, planned_runs: Sequence[PlannedRun], variant: str, name: str) -> dict[str, Any]:
    """Everything behind the cell of a variant in the table of what variants cost, as plain values for JSON."""
    title, format_cost, _ = COSTS[name]
    spent = {(row["key"], row["seed"]): row.get(name) for row in results.planned.get(variant, [])}
    mean = results.cost(name)[variant]
    return {
        "experiment": results.name,
        "scale": results.scale,
        "variant": variant,
        "cost": name,
        "title": title,
        "text": "–" if np.isnan(mean) else format_cost(mean),
        "value": _plain([mean])[0],
        "unit": {lasting: " s", sized: " bytes"}.get(format_cost, ""),
        "data": _data(results),
        "notes": [],
        "runs": [
            {
                **_identity(planned),
                "value": None if pd.isna(spent[planned.run.name, planned.seed]) else spent[planned.run.name, planned.seed],
                **_provenance(planned.run.provenance()),
            }
            for planned in planned_runs
            if planned.label == variant
        ],
    }


def _first(planned_runs: Sequence[PlannedRun]) -> ScoresHeader:
    """The header of some finished run's scores, which has the labels of the clips."""
    planned = next(planned for planned in planned_runs if planned.state == FINISHED)
    return read_header(planned.run.scores_file(planned.evaluations[0].key))


def _formatted(cell: Cell, column: Column) -> dict[str, Any]:
    """The number as text, its exact value, and how it was rounded."""
    metric = column.metric
    unrounded = None if cell.value is None else cell.value * metric.scale
    return {
        "title": column.title,
        "text": cell.text,
        "value": cell.value,
        "low": cell.low,
        "high": cell.high,
        "shown": {"unrounded": unrounded, "unit": metric.unit, "times": metric.scale, "decimals": metric.digits},
        "best": cell.best,
        "close": cell.close,
        "p": cell.p,
    }


def _run(planned: PlannedRun, column: Column, shown: np.ndarray, of_set: str) -> dict[str, Any]:
    """One run: how it ended, where it comes from, and its share of the number."""
    spec = planned.spec
    return {
        **_identity(planned),
        "mean": None,
        **(
            _scored(planned.run.scores_file(planned.evaluations[0].key), column, shown, of_set)
            if planned.state == FINISHED
            else {}
        ),
        **_provenance(planned.run.provenance()),
        "selection": SELECTION[spec.select] if spec.steps else "nothing to train",
        "checkpoint": checkpoint_files.selected_name(planned.run.path / "checkpoints", spec.select),
        "settings": spec.flat(),
    }


def _identity(planned: PlannedRun) -> dict[str, Any]:
    return {
        "seed": planned.seed,
        "run": planned.run.name,
        "path": str(planned.run.path),
        "state": planned.state,
        "why": planned.why,
    }


def _external(external: ExternalResult, column: Column, shown: np.ndarray, of_set: str) -> dict[str, Any]:
    """A result that was not trained here: where its scores come from, and its share of the number."""
    return {
        "seed": external.seed,
        "run": external.path.stem,
        "path": external.about["path"],
        "state": FINISHED,
        "why": external.source,
        **_scored(external.path, column, shown, of_set),
        **_provenance(external.about),
    }


def _provenance(provenance: dict[str, Any]) -> dict[str, Any]:
    code = provenance.get("code", {})
    return {
        "deviations": provenance.get("deviations", []),
        "commit": code.get("commit"),
        "dirty": bool(code.get("diff")),
        "command": provenance.get("command"),
        "machine": provenance.get("machine", {}),
        "device": provenance.get("device"),
        "packages": provenance.get("packages", {}),
        "plug_ins": own_packages(provenance.get("packages", {})),
        "own_code": provenance.get("own_code", {}),
        "written": provenance.get("written"),
        "earlier": provenance.get("earlier", []),
    }


def _scored(path: Path, column: Column, shown: np.ndarray, of_set: str) -> dict[str, Any]:
    """A run's share of the number, from its score file. of_set: the metric, if it is one of the whole set of clips."""
    scores = load(path)
    metadata = {
        "scores": str(path),
        "fingerprint": scores.metadata.get("fingerprint"),
        "targets": scores.metadata.get("targets"),
    }
    return metadata | (_set_value(scores, of_set, shown) if of_set else _values(scores, column, shown))


def _set_value(scores: Scores, metric: str, shown: np.ndarray) -> dict[str, Any]:
    """The score of the whole set, and by how much resampling its clips moves it."""
    recorded, features = scores.metadata.get("sets", {}).get(metric, {}), scores.sets.get(metric)
    recomputed = set_score(metric, features, shown) if features else None
    value = _plain([recomputed.value])[0] if recomputed else None
    return {
        "mean": value,
        "deviation_over_clips": _plain([recomputed.replicates.std(ddof=1)])[0] if recomputed else None,
        "clips": len(shown),
        "protocol_version": recorded.get("version"),
        "by": recorded.get("by") or None,
        "missing": None if value is not None else recorded.get("missing") or why_none(len(shown)),
    }


def _values(scores: Scores, column: Column, shown: np.ndarray) -> dict[str, Any]:
    """The mean of a run, its mean at each frame and that of each clip."""
    metric, values = column.score.partition("/")[2], scores[column.score][shown, column.first - 1 : column.last]
    clips = values.mean(1, dtype=np.float64)  # one clip that is not finite leaves the run without a mean, as in the table
    lost = int((~np.isfinite(clips)).sum())
    not_finite = f"not finite on {lost} of {several(len(clips), 'clip')}" if lost else None
    return {
        "mean": _plain([clips.mean()])[0],
        "clips": int(np.isfinite(clips).sum()),
        "per_frame": _plain(values.mean(0, dtype=np.float64)),
        "per_clip": dict(zip(map(int, shown), _plain(clips), strict=True)),
        "protocol_version": scores.metadata.get("protocols", {}).get(column.protocol),
        "by": scores.metadata.get(metric) or None,
        "missing": scores.metadata.get(f"{metric}_missing") or not_finite,
    }


def _plain(values: Any) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _interval(means: Sequence[float]) -> dict[str, Any]:
    """The parts of a confidence interval's half-width: t x deviation / sqrt(seeds)."""
    return {"seeds": len(means), "deviation": float(np.std(means, ddof=1)), "t": student(len(means) - 1)}


def _difference(results: Results, column: Column, index: int, row: Row) -> dict[str, Any]:
    """What a paired difference to the first variant is computed from."""
    if column.score in results.sets:
        return _set_difference(results, column, index, row)
    means = results.paired_means(column.score, column.first, column.last)
    pair = paired(means[index], means[0])
    by_seed = zip(results.seeds, means[index] - means[0], strict=True)
    seeds = [seed for seed, clip_differences in by_seed if np.isfinite(clip_differences).any()]
    difference = compare([pair])[0]
    return {
        "to": results.variants[0],
        "per_seed": dict(zip(seeds, pair.mean(1).tolist(), strict=True)) if difference else {},
        "clips": pair.shape[1],
        "effect": difference and difference.effect,
        "p_alone": difference and difference.p,
        "p": row.cells[-1].p,
    }


def _set_difference(results: Results, column: Column, index: int, row: Row) -> dict[str, Any]:
    """The same of a score of the whole set of clips."""
    scores = results.paired_set(column.score)
    difference, by_seed = scores.difference(index, 0), zip(results.seeds, scores.values[index] - scores.values[0], strict=True)
    return {
        "to": results.variants[0],
        "per_seed": {seed: float(value) for seed, value in by_seed if np.isfinite(value)},
        "clips": results.metadata.clips,
        "effect": None,
        "p_alone": difference and difference.p,
        "p": row.cells[-1].p,
    }


def _data(results: Results) -> dict[str, Any]:
    metadata = results.metadata
    names = ("dataset", "split", "fingerprint", "context", "horizon", "clips", "notes")
    return {name: getattr(metadata, name) for name in names}
