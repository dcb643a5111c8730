"""Saves all state that the next step depends on, so that a killed run resumes exactly where it was.

A file's name carries the hash of its content (`step-00000400-1f3a9c2b77de.pt`), so damage is
detected, and a run resumes from the newest intact file.
"""

from __future__ import annotations

import io
import logging
import random
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.common.errors import BenchError
from bench.common.files import write_bytes
from bench.common.machine import available_memory
from bench.common.reading import Unreadable, content
from bench.converters.state_dict import other_names, wrong_type
from bench.spec.runspec import RunSpec
from bench.store import checkpoint_files
from bench.store.labels import retrain_command
from bench.store.run import Run

KEEP = 2  # newest checkpoints: one to resume from, one in case that is damaged
log = logging.getLogger(__name__)


class Damaged(BenchError):
    """A checkpoint whose content is not what was written."""


def save(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write the state of a run at a step, then remove older ones; the best of each that stays is kept."""
    path = _write(folder, "step", step, state)
    newest_states, best_ones = (checkpoint_files.newest_first(folder, word) for word in ("step", "best"))
    needed = {next((best for best in best_ones if _step(best) <= _step(newest)), None) for newest in newest_states[:KEEP]}
    _remove([*newest_states[KEEP:], *(best for best in best_ones if best not in needed)])
    return path


def save_best(folder: Path, step: int, state: dict[str, Any]) -> Path:
    """Write the state with the best validation score so far. The previous one stays until `save`, since a run that is
    killed in between resumes from a checkpoint that needs it."""
    return _write(folder, "best", step, state)


def forget_best_after(folder: Path, step: int) -> None:
    """Remove best weights of later steps; the process that wrote them was killed before it saved such a step."""
    _remove(path for path in checkpoint_files.newest_first(folder, "best") if _step(path) > step)


def forget_former_best(folder: Path) -> None:
    """Keep only the newest best weights, once training is complete and no earlier step is resumed from."""
    _remove(checkpoint_files.newest_first(folder, "best")[1:])


def trained_as(spec: RunSpec, shape: tuple[int, ...]) -> dict[str, Any]:
    """What weights do not tell of themselves, so that a file is understood outside its run. shape: (C, H, W) of frames."""
    return {
        "model": spec.model.as_read,
        "context": spec.context,
        "horizon": spec.horizon,
        "shape": list(shape),
        "precision": spec.precision,
    }


def _step(path: Path) -> int:
    return int(path.name.split("-")[1])


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _write(folder: Path, word: str, step: int, state: dict[str, Any]) -> Path:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    encoded = buffer.getvalue()
    path = folder / checkpoint_files.name(word, step, encoded)
    write_bytes(path, encoded, folder.parent)  # the run's directory is not made again where somebody has deleted it
    return path


def newest(folder: Path) -> dict[str, Any] | None:
    """The newest intact checkpoint, or None. A damaged one is reported and skipped."""
    return _first_whole(checkpoint_files.newest_first(folder, "step"))


def selected(folder: Path, select: str) -> dict[str, Any]:
    """The checkpoint that a finished run is evaluated with: the last, or the one with the best validation score."""
    state = _first_whole(checkpoint_files.selected(folder, select))
    if state is None:
        raise Damaged(f"there is no readable checkpoint in {folder}; {retrain_command(Run(folder.parent))}")
    return state


def _first_whole(paths: list[Path]) -> dict[str, Any] | None:
    for path in paths:
        try:
            return read(path)
        except Damaged as error:
            log.warning("%s; falling back to the checkpoint before it", error)
            path.replace(path.with_suffix(".damaged"))
    return None


def read(path: Path) -> dict[str, Any]:
    """The content of one of our checkpoint files, checked against the hash in its name. Nothing in it is executed."""
    match = checkpoint_files.NAME.fullmatch(path.name)
    try:
        encoded = content(path, available_memory(), path.parent.parent if match else None)
    except OSError as error:
        if match and not isinstance(error, Unreadable):
            raise  # the system's, and perhaps gone at the next try
        raise BenchError(f"cannot read the checkpoint {path}: {error.strerror}") from error
    if match and checkpoint_files.digest(encoded) != match[3]:
        raise Damaged(f"the checkpoint {path.name} is damaged: its content does not match the hash in its name")
    if (declared_bytes := _unpacked(encoded)) > len(encoded):
        raise BenchError(f"{path} declares {declared_bytes:,} bytes in a file of {len(encoded):,}; weights are never packed")
    try:
        state = torch.load(io.BytesIO(encoded), map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise BenchError(f"{path} cannot be read as a checkpoint of weights alone: {reason}") from error
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise (Damaged if match else BenchError)(f"{path} holds a {type(state).__name__}, not weights by their names")
    return state


def _unpacked(encoded: bytes) -> int:
    """Bytes that the members of a checkpoint declare together, if it is a zip file, as torch.save writes it."""
    try:
        with zipfile.ZipFile(io.BytesIO(encoded)) as packed:
            return sum(member.file_size for member in packed.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return 0  # the older format of torch.save, or no checkpoint


def random_state(device: torch.device) -> dict[str, Any]:
    """The state of every random number generator that a run on this device uses, in types that can be read back without
    executing anything."""
    version, numbers, gauss = random.getstate()
    twister: dict[str, Any] = np.random.get_state(legacy=False)
    return {
        "python": (version, list(numbers), gauss),
        "numpy": {**twister, "state": {**twister["state"], "key": twister["state"]["key"].tolist()}},
        "torch": torch.get_rng_state(),
        "cuda": [torch.cuda.get_rng_state(device)] if device.type == "cuda" else [],
    }


def restore_random(state: dict[str, Any], device: torch.device) -> None:
    """Restore every generator to the state that `random_state` returned; the GPU's also where it is another one by now.

    Older checkpoints have the states of all GPUs that were visible, in their order.
    """
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    twister = state["numpy"]
    np.random.set_state({**twister, "state": {**twister["state"], "key": np.array(twister["state"]["key"], np.uint32)}})
    torch.set_rng_state(state["torch"])
    if state["cuda"] and device.type == "cuda":
        number = device.index or 0
        torch.cuda.set_rng_state(state["cuda"][number if number < len(state["cuda"]) else 0], device)


def load_weights(model: nn.Module, weights: dict[str, Any], source: str) -> None:
    """Load weights into a model; BenchError, saying what does not fit, if they are of another model."""
    parameters = model.state_dict()
    words = other_names(parameters, weights) or next(
        filter(None, (wrong_type(name, weights[name], parameter) for name, parameter in parameters.items())), ""
    )
    if words:
        raise BenchError(f"{source} does not fit the model: {words}")
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:  # shapes
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise BenchError(f"{source} does not fit the model: {first}") from error
