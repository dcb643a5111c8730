"""What `bench eval` shows: every score, or the reason why it is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.commands import _output
from reports.quantities import several

if TYPE_CHECKING:
    from bench.evaluation.scores import Scores


def as_dict(scores: Scores, protocols: Sequence[str]) -> dict[str, Any]:
    """For a script: each metric's mean and per-frame means, null with a reason where there is none."""
    import numpy as np

    document: dict[str, Any] = {
        "clips": len(scores.values),
        "horizon": scores.values.shape[1],
        "facts": scores.metadata,
        "protocols": {protocol: {} for protocol in protocols},
    }
    means, missing = scores.means(), scores.missing()
    for name in scores.names:
        protocol, _, metric = name.partition("/")
        if protocol in protocols:
            per_frame = scores[name].mean(0, dtype=np.float64).tolist()
            entry: dict[str, Any] = {"mean": means.get(name), "per_frame": [v if np.isfinite(v) else None for v in per_frame]}
            document["protocols"][protocol][metric] = entry | ({"reason": missing[name]} if name in missing else {})
    for name, set_score in scores.metadata.get("sets", {}).items():
        entry = {key: set_score.get(key) for key in ("value", "protocol", "version", "by")}
        document.setdefault("sets", {})[name] = entry | ({"reason": set_score["missing"]} if set_score["missing"] else {})
    return document


def print_scores(scores: Scores, protocols: Sequence[str]) -> None:
    """For people: a table of means, and why what is missing is missing."""
    from bench.common.whole_tables import table_of
    from bench.metrics import frame_metrics, set_metrics

    metrics = frame_metrics()
    heads = [metric.heading for metric in metrics.values()]
    table = table_of(["protocol", *heads], right=heads)
    means = scores.means()
    for protocol in protocols:
        cells = [(means.get(f"{protocol}/{name}"), metric) for name, metric in metrics.items()]
        table.add_row(protocol, *("–" if value is None else metric.written(value) for value, metric in cells))
    _output.console().print(table)
    print(f"means over {several(len(scores.values), 'clip')} and {several(scores.values.shape[1], 'predicted frame')}")
    reasons: dict[str, list[str]] = {}
    for name, reason in scores.missing().items():
        if name.partition("/")[0] in protocols:
            reasons.setdefault(reason, []).append(name)
    for reason, names in reasons.items():
        metric_names = {name.partition("/")[2] for name in names}
        whole = len(metric_names) == 1 and scores.metadata.get(f"{min(metric_names)}_missing")
        print(f"{metrics[min(metric_names)].label + ' is empty' if whole else 'no mean of ' + _grouped(names)}: {reason}")
    for name, set_score in scores.metadata.get("sets", {}).items():
        metric = set_metrics()[name]
        clips = f"the set of {several(len(scores.values), 'clip')}, protocol {set_score['protocol']}"
        has_value = "value" in set_score
        message = f"{metric.written(set_score['value'])} of {clips}" if has_value else f"no score: {set_score['missing']}"
        print(f"{metric.label}: {message}")


def _grouped(names: Sequence[str]) -> str:
    """standard/psnr, standard/ssim, openstl/psnr -> "standard psnr, ssim; openstl psnr"."""
    by_protocol: dict[str, list[str]] = {}
    for name in names:
        protocol, _, metric = name.partition("/")
        by_protocol.setdefault(protocol, []).append(metric)
    return "; ".join(f"{protocol} {', '.join(metrics)}" for protocol, metrics in by_protocol.items())
