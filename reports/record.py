"""Scores of record: everything that a report of one experiment shows, in one compact file to keep in a repository.

A zip archive (LZMA) of one JSON and one array per score. Single scores are rounded to a tenth of the last digit that tables
print (0.001 dB), so that means move by far less. The same results write the same bytes; nothing in the file is executed.
"""

import json
import lzma
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reports.claim import Claim
from reports.claims import Alignments
from reports.files import write
from reports.results import Metadata, Metric, Results, seed_column

VERSION = 1
SUFFIX = ".zip"


@dataclass(frozen=True)
class Record:
    """An experiment's scores with what it claims and how it was made.

    alignments: of the claims about memories. commands: what to type to train the runs, and to keep the record.
    settings: variant -> its settings, of those in which variants differ.
    """

    results: Results
    claims: Sequence[Claim]
    alignments: Alignments
    commands: Mapping[str, str]
    settings: Mapping[str, Mapping[str, str]]


def save(record: Record, path: Path) -> Path:
    """Write the file, whole or not at all."""
    results = record.results
    scored = _scored(results)
    shape = (len(scored), len(results.clips), results.metadata.horizon)
    arrays = {}
    for number, column in enumerate(results.columns):
        scores = results.scores[column].to_numpy(np.float64).reshape(shape)
        arrays[f"score-{number}"] = _packed(scores, _step(results.metric(column)))
        if not np.isfinite(scores).all():
            arrays[f"missing-{number}"] = np.packbits(~np.isfinite(scores))
    for number, gains in enumerate(record.alignments.values()):
        arrays[f"alignment-{number}"] = gains.astype(np.float32)
    labels = results.scores.drop_duplicates("clip").set_index("clip")["label"] if "label" in results.scores else None
    document = {
        "version": VERSION,
        "name": results.name,
        "question": results.question,
        "scale": results.scale,
        "variants": list(results.variants),
        "outside": list(results.external),
        "metrics": {name: metric.plain() for name, metric in results.metrics.items()},
        "protocols": dict(results.protocols),
        "facts": asdict(results.metadata),
        "columns": results.columns,
        "scored": scored,
        "clips": results.clips.tolist(),
        "labels": None if labels is None else [str(labels[clip]) for clip in results.clips],
        "runs": json.loads(results.runs.to_json(orient="records", double_precision=15)),
        "claims": [asdict(claim) for claim in record.claims],
        "aligned": [[variant, seed] for variant, seed in record.alignments],
        "commands": dict(record.commands),
        "settings": {variant: dict(settings) for variant, settings in record.settings.items()},
    }
    return write(path, _archive(document, arrays))


def load(path: Path) -> Record:
    """What `save` wrote; a ValueError if the file is something else, or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            document = json.loads(archive.read("record.json"))
            if document["version"] != VERSION:
                raise ValueError(f"{path} was written by another version ({document['version']}, not {VERSION})")
            arrays = {
                name.removesuffix(".npy"): np.load(BytesIO(archive.read(name)), allow_pickle=False)
                for name in archive.namelist()
                if name.endswith(".npy")
            }
        return _record(document, arrays)
    except FileNotFoundError:
        raise ValueError(f"there are no scores of record {path}") from None
    except (OSError, KeyError, TypeError, zipfile.BadZipFile, lzma.LZMAError, EOFError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} holds no scores of record, or is damaged ({type(error).__name__})") from error


def _record(document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Record:
    metrics = {name: Metric(**values) for name, values in document["metrics"].items()}
    scored = [(str(variant), int(seed)) for variant, seed in document["scored"]]
    columns = {
        column: _unpacked(arrays[f"score-{number}"], arrays.get(f"missing-{number}"), _step(metrics[column.partition("/")[2]]))
        for number, column in enumerate(document["columns"])
    }
    results = Results(
        name=document["name"],
        question=document["question"],
        scale=document["scale"],
        variants=document["variants"],
        scores=_table(document, scored, columns),
        runs=pd.DataFrame(document["runs"]),
        metrics=metrics,
        protocols=document["protocols"],
        metadata=_metadata(document["facts"]),
        external=document["outside"],
    )
    aligned = {
        (str(variant), int(seed)): arrays[f"alignment-{number}"] for number, (variant, seed) in enumerate(document["aligned"])
    }
    return Record(results, [_claim(claim) for claim in document["claims"]], aligned, document["commands"], document["settings"])


def _metadata(values: Mapping[str, Any]) -> Metadata:
    facts = {name: value for name, value in values.items() if name != "lpips"}  # of older records; `missing` took its place
    return Metadata(**{**facts, "changed": tuple(values.get("changed", ()))})


def _claim(values: Mapping[str, Any]) -> Claim:
    spans = {name: tuple(values[name]) if values[name] else None for name in ("frames", "more_than")}
    return Claim(**{**values, **spans})


def _scored(results: Results) -> list[tuple[str, int]]:
    """(variant, seed) of every run with scores, in the order of their rows; a ValueError unless all are of the same clips."""
    scores, frames = results.scores, results.metadata.horizon
    pairs = scores[["variant", "seed"]].drop_duplicates()
    clips = np.tile(np.repeat(results.clips, frames), len(pairs))
    counted = np.tile(np.arange(1, frames + 1), len(pairs) * len(results.clips))
    if not (np.array_equal(scores["clip"], clips) and np.array_equal(scores["frame"], counted)):
        raise ValueError(f"the runs of '{results.name}' are not all scored on the same clips and frames")
    return [(str(variant), int(seed)) for variant, seed in pairs.itertuples(index=False)]


def _table(document: Mapping[str, Any], scored: Sequence[tuple[str, int]], columns: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """One row per variant, seed, clip and frame, as `Results` wants it."""
    clips, frames = document["clips"], document["facts"]["horizon"]
    kind = pd.CategoricalDtype(document["variants"], ordered=True)
    rows_per_run = len(clips) * frames
    codes = [document["variants"].index(variant) for variant, _ in scored]
    table: dict[str, Any] = {
        "variant": pd.Categorical.from_codes(np.repeat(np.array(codes, np.int16), rows_per_run), dtype=kind),
        "seed": np.repeat(seed_column([seed for _, seed in scored]), rows_per_run),
        "clip": np.tile(np.repeat(np.array(clips, np.int32), frames), len(scored)),
        "frame": np.tile(np.arange(1, frames + 1, dtype=np.int16), len(scored) * len(clips)),
    }
    if document["labels"]:
        labels = pd.Categorical(document["labels"])
        coded = np.tile(np.repeat(labels.codes, frames), len(scored))
        table["label"] = pd.Categorical.from_codes(coded, dtype=labels.dtype)
    return pd.DataFrame(table | {name: values.reshape(-1) for name, values in columns.items()})


def _step(metric: Metric) -> float:
    """A tenth of the last digit that tables print of a metric, in the unit of its scores."""
    return 10.0 ** -(metric.digits + 1) / metric.scale


def _packed(scores: np.ndarray, step: float) -> np.ndarray:
    """Scores [runs, clips, frames] in steps, as differences from frame to frame, their bytes apart: uint8 [bytes, ...]."""
    steps = np.rint(np.where(np.isfinite(scores), scores, 0) / step).astype(np.int64)
    moved = np.diff(steps, axis=-1, prepend=0)
    kind = "<i2" if np.abs(moved).max(initial=0) < 2**15 else "<i8"
    return np.moveaxis(moved.astype(kind)[..., None].view(np.uint8), -1, 0).copy()


def _unpacked(packed: np.ndarray, missing: np.ndarray | None, step: float) -> np.ndarray:
    """The scores, to the step; float32 [runs, clips, frames], NaN where there was none."""
    kind = {2: "<i2", 8: "<i8"}[len(packed)]
    moved = np.ascontiguousarray(np.moveaxis(packed, 0, -1)).view(kind)[..., 0]
    scores = (moved.cumsum(-1, dtype=np.int64) * step).astype(np.float32)
    if missing is not None:
        scores[np.unpackbits(missing, count=scores.size).reshape(scores.shape).astype(bool)] = np.nan
    return scores


def _archive(document: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of the file; members bear no date."""
    data = BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr(_member("record.json"), json.dumps(document, indent=1, allow_nan=False))
        for name, array in arrays.items():
            member = BytesIO()
            np.save(member, array, allow_pickle=False)
            archive.writestr(_member(f"{name}.npy"), member.getvalue())
    return data.getvalue()


def _member(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)  # dated 1980
    member.compress_type = zipfile.ZIP_LZMA
    return member
