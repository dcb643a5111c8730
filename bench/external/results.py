"""Scores of models that this suite did not train, kept under a name for `bench report --with`.

runs/guests/their-model-3f2a/TARGETS-seed-0.npz            scores, and where they come from
runs/guests/their-model-3f2a/TARGETS-seed-0-FRAMES.npy     the predicted frames, so that `bench rescore` needs nothing else

TARGETS is the digest of the true frames: a report shows only results with the same ones. FRAMES is the digest of the predicted
frames.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.common.errors import BenchError, did_you_mean, listed
from bench.evaluation.scores import Scores, load
from bench.store.store import Store


@dataclass(frozen=True)
class ExternalResult:
    """Kept scores. `about` says whose they are: name, seed, what (frames, checkpoint), path, hash, command, machine, ..."""

    path: Path
    scores: Scores

    @property
    def about(self) -> dict[str, Any]:
        return dict(self.scores.metadata["guest"])

    @property
    def name(self) -> str:
        return str(self.about["name"])

    @property
    def seed(self) -> int:
        return int(self.about["seed"])

    @property
    def source(self) -> str:
        """A sentence for the footnotes."""
        about = self.about
        origin = f"{about['what']} {about['given']}" + (f", {about['unfinished']}" if about.get("unfinished") else "")
        if about["given"] == about["hash"]:
            return f"Not of this experiment: scored from {origin}."
        return f"Not trained here: scored from {origin} (sha256 {about['hash']})."

    @property
    def frames(self) -> Path:
        """The predicted frames, uint8 or float32 [clip, frame, C, H, W]."""
        return self.path.with_name(f"{self.path.stem}-{self.about['hash']}.npy")


def folder(store: Store, name: str) -> Path:
    """The folder of all scores and frames under that name."""
    plain = "-".join("".join(sign if sign.isalnum() else " " for sign in name.lower()).split())
    return store.root / "guests" / f"{plain[:40]}-{hashlib.sha256(name.encode()).hexdigest()[:4]}"


def scores_path(store: Store, name: str, seed: int, scores: Scores) -> Path:
    """Where scores of that name and seed on the same clips are kept."""
    return folder(store, name) / f"{scores.metadata['targets']}-seed-{seed}.npz"


def keep(store: Store, scores: Scores, frames: Path, **about: Any) -> ExternalResult:
    """Keep scores with the frames they are of; replaces the scores of that name and seed on these clips.

    frames: a file in that name's folder, which is moved to its final path. about: name, seed, what, given, path, hash; the
    provenance (code, machine) is added.
    """
    from bench.store.provenance import collect

    scores = replace(scores, metadata={**scores.metadata, "guest": {**about, **collect()}})
    external = ExternalResult(scores_path(store, about["name"], about["seed"], scores), scores)
    frames.replace(external.frames)
    scores.save(external.path)
    for former in external.path.parent.glob(f"{external.path.stem}-*.npy"):
        if former != external.frames:
            former.unlink(missing_ok=True)
    return external


def find(store: Store, names: Sequence[str], targets: str | None, owner: str, remedy: str) -> list[ExternalResult]:
    """All seeds of the named external results on the clips with that digest; a BenchError for a name without any.

    owner, remedy: for its message: whose clips these are, and the command that scores frames on them.
    """
    external_results = []
    for name in dict.fromkeys(names):
        of_name = _all_of(store, name)
        fitting = [external for external in of_name if external.scores.metadata.get("targets") == targets]
        if not fitting:
            clips, frames = of_name[0].scores.values.shape[:2]
            raise BenchError(
                f"'{name}' was scored on other clips than {owner}: on {clips} clips of {frames} frames, digest "
                f"{of_name[0].scores.metadata.get('targets')} and not {targets}; {remedy}"
            )
        external_results += fitting
    return external_results


def _all_of(store: Store, name: str) -> list[ExternalResult]:
    """Every result under a name, by seed; a BenchError if there is none."""
    paths = sorted(folder(store, name).glob("*-seed-*.npz"))
    if not paths:
        kept_names = {str(load(path).metadata["guest"]["name"]) for path in (store.root / "guests").glob("*/*-seed-*.npz")}
        others = f"there are {listed(sorted(kept_names))}; " if kept_names else ""
        remedy = f"; {others}`bench eval --predictions DIR --name {name!r}` keeps some"
        raise BenchError(f"no scores are kept as '{name}'{did_you_mean(name, kept_names) or remedy}")
    return sorted((ExternalResult(path, load(path)) for path in paths), key=lambda external: external.seed)
