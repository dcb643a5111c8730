"""How trained memories are used: which slots they address on fixed test clips, and what they recall for them.

Measured once a run, from its checkpoint, and kept in the run directory, so that the next report needs neither torch nor data.
"""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common.arrays import npz
from bench.common.errors import BenchError
from bench.common.files import replacing
from bench.spec.experiment import Evaluation
from bench.spec.runspec import RunSpec
from bench.store import checkpoint_files
from bench.store.run import FINISHED, Run
from bench.sweep.plan import PlannedRun
from reports.memory import Addressing, Memories, Shown

VERSION = 1  # of what is measured; files of another version are measured again
CLIPS = 128  # evenly spread over the scored ones
SHOWN = 6  # at most so many of them are drawn
AT_ONCE = 8  # clips that the encoders see together
STEPS = 3  # the last ones of the context, whose motion gives the clip's direction; over more steps things bounce
STILL = 0.02  # of a frame's side: a shorter motion has no direction
Arrays = dict[str, NDArray[Any]]


def memories(planned_runs: Sequence[PlannedRun], tell: Callable[[str], None] = lambda line: None) -> Memories:
    """How every finished LMC-Memory among the runs uses its memory, and why one is missing.

    tell: called with a line for each run that has to be measured first: seconds at small scale, minutes at paper scale.
    """
    concerned = [planned for planned in planned_runs if has_memory(planned.spec)]
    runs: list[Addressing] = []
    missing: dict[tuple[str, int], str] = {}
    shown: Shown | None = None
    for number, planned in enumerate(concerned, 1):
        try:
            arrays = _arrays_of(planned, f"{number} of {len(concerned)}", tell)
        except BenchError as error:
            missing[planned.label, planned.seed] = str(error)
            continue
        paths = (arrays["matching"], arrays["long"], arrays["recalled"], arrays.get("storing"))
        runs.append(Addressing(planned.label, planned.seed, *paths))
        shown = shown or _shown(arrays)
    return Memories([*dict.fromkeys(planned.label for planned in concerned)], runs, missing, shown)


def has_memory(spec: RunSpec) -> bool:
    """Whether a run's model has a memory to analyse."""
    return spec.model.name == "lmc" and bool(spec.options_of("model").get("memory"))


def directions(context: NDArray[np.float32]) -> list[str]:
    """Where each clip's centre of brightness goes over the last three steps of its context [B, T, C, H, W], by quarters.

    Works for objects on a black background; "nowhere" for a motion below 2% of the frame's side.
    """
    before, now = _centres(context[:, max(-1 - STEPS, -context.shape[1])]), _centres(context[:, -1])
    names = []
    for down, right in now - before:
        across = abs(right) >= abs(down)
        way = ("right" if right > 0 else "left") if across else ("down" if down > 0 else "up")
        names.append("nowhere" if np.hypot(down, right) < STILL else way)
    return names


def _centres(frames: NDArray[np.float32]) -> NDArray[np.float64]:
    """Centres of brightness of frames [B, C, H, W] as (y, x) in parts of the height and width: [B, 2]."""
    light = frames.sum(1, dtype=np.float64)
    total = np.maximum(light.sum((1, 2)), 1e-9)
    height, width = light.shape[1:]
    y = (light.sum(2) @ np.arange(height)) / total / height
    x = (light.sum(1) @ np.arange(width)) / total / width
    return np.stack([y, x], 1)


def _arrays_of(planned: PlannedRun, progress: str, tell: Callable[[str], None]) -> Arrays:
    """The measured arrays of a run, from its directory; measured now if there are none or they are of another version."""
    if planned.state != FINISHED:
        raise BenchError(f"{planned.state}: {planned.why}")
    evaluation = planned.evaluations[0]
    path = planned.run.path / "analysis" / f"memory-{evaluation.key}.npz"
    identity = {"version": VERSION, "checkpoint": _checkpoint(planned.run)}
    try:
        with npz(path, root=planned.run.path) as file:
            stored: Arrays = dict(file)
        stored_identity = json.loads(str(stored["identity"]))
        if stored_identity["version"] == VERSION and identity["checkpoint"] in ("", stored_identity["checkpoint"]):
            return stored
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass  # never measured, or a damaged file: both are made now
    tell(f"looking into memory {progress}: {planned.label}, seed {planned.seed}")
    arrays = _measured(planned.run, evaluation)
    arrays["identity"] = np.array(json.dumps({"version": VERSION, "checkpoint": _checkpoint(planned.run)}))
    with (
        contextlib.suppress(OSError),
        replacing(path, planned.run.path) as temporary,
    ):  # in a store that is read-only or full, the next report measures again
        np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]
    return arrays


def _checkpoint(run: Run) -> str:
    """The file that a finished run is judged by; its name holds a hash of its content. Empty where there is none."""
    return checkpoint_files.selected_name(run.path / "checkpoints", run.spec.select) or ""


def _measured(run: Run, evaluation: Evaluation) -> Arrays:
    """Addresses [clips, slots, h, w] by path, recalled motion contexts [clips, D], and the clips that figures show."""
    import torch

    from bench.common.machine import default_device
    from bench.evaluation.evaluate import clips_to_score
    from bench.external.models import find
    from bench.store.store import Store

    spec = run.spec
    data = spec.data.build()
    frames = spec.context + (evaluation.horizon or 0)
    count = clips_to_score(data, evaluation, spec.context)
    numbers = [int(number) for number in np.linspace(0, count - 1, min(count, CLIPS)).round()]
    device = default_device()
    model: Any = find(str(run.path), Store(run.path.parent)).build(data.shape, device)
    memory = model.memory
    long = min(spec.options_of("learner").get("long") or spec.context + spec.horizon, frames)
    parts: dict[str, list[NDArray[Any]]] = {}
    ways: list[str] = []

    def keep(name: str, part: torch.Tensor) -> None:
        parts.setdefault(name, []).append(part.float().cpu().numpy())

    def clips_of(chosen: Sequence[int]) -> torch.Tensor:
        return torch.cat([data.clips(evaluation.split, number, number + 1, frames) for number in chosen])

    with torch.inference_mode():
        for first in range(0, len(numbers), AT_ONCE):
            clips = clips_of(numbers[first : first + AT_ONCE])
            ways += directions(clips[:, : spec.context].numpy())
            clips = clips.to(device)
            queried = memory.query(clips[:, : spec.context], "matching")
            keep("matching", memory.address(queried))
            keep("recalled", memory.recall(queried).mean((2, 3)))
            keep("long", memory.address(memory.query(clips[:, :long], "matching")))
            if memory.motion_context_encoder is not None:
                keep("storing", memory.address(memory.query(clips[:, :long], "storing")))
    clip_labels = data.labels(evaluation.split, frames, count)
    labels = [clip_labels[number] for number in numbers] if clip_labels else ways
    positions = sorted({labels.index(label) for label in labels})[:SHOWN]
    metadata = {"labelled": "label" if clip_labels else "direction of the last steps", "context": spec.context}
    return {name: np.concatenate(arrays) for name, arrays in parts.items()} | {
        "frames": clips_of([numbers[position] for position in positions])[:, :long].mul(255).round().to(torch.uint8).numpy(),
        "places": np.array(positions),
        "numbers": np.array(numbers),
        "labels": np.array(labels),
        "facts": np.array(json.dumps(metadata)),
    }


def _shown(arrays: Arrays) -> Shown:
    metadata = json.loads(str(arrays["facts"]))
    lists = {name: arrays[name].tolist() for name in ("labels", "numbers", "places")}
    return Shown(frames=arrays["frames"], **lists, **metadata)
