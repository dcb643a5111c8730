"""The weights in a checkpoint file, taken out of whatever they are wrapped in. Only tensors are read; nothing is executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.common.errors import BenchError

WRAPPERS = ("state_dict", "net_param", "model_state_dict", "model", "network", "net")
"""Names under which code bases keep the weights beside other things, the most telling first: Lightning and OpenSTL, thuml."""

PREFIXES = ("module.", "model.", "network.", "net.")
"""What stands before every name when a model was saved from inside something: DataParallel, a LightningModule."""

COMPILED = "_orig_mod."  # stands where torch.compile wrapped a module: before all names, or inside them

LEFTOVERS = (
    "argparse.Namespace", "builtins.getattr", "__builtin__.getattr", "pathlib.PosixPath", "pathlib._local.PosixPath",
    "torch.optim.lr_scheduler.OneCycleLR", "torch.optim.lr_scheduler.ReduceLROnPlateau",
    "numpy.core.multiarray.scalar", "numpy.core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype",
    "numpy._core.multiarray.scalar", "numpy._core.multiarray._reconstruct",
)  # fmt: skip
"""Things that training scripts save beside the weights. They are read as `Leftover`, which does nothing."""


class Leftover:
    """Stands for something in a file that is not needed and is not made: settings, a schedule, a NumPy number."""

    def __new__(cls, *_: Any) -> Leftover:
        return object.__new__(cls)

    def __init__(self, *_: Any): ...

    def __setstate__(self, state: Any) -> None: ...


@dataclass(frozen=True)
class StateDict:
    """Weights by the names that their model gave them, without wrapping, floating-point ones in float32.

    inside: where in the file they were, in words; empty where the file is the state dict itself.
    stored: the floating-point type they were stored in, such as float16.
    """

    path: Path
    tensors: dict[str, Tensor]
    inside: str = ""
    stored: str = "float32"


def read(path: Path) -> StateDict:
    """The weights in a file. Anything that is no set of named tensors is a BenchError that says what it is."""
    return unwrapped(content(path), path)


def content(path: Path) -> Any:
    """What a file holds, with plain values, tensors and `Leftover`s in it only; any other object is refused, not made."""
    known = [(Leftover, name) for name in LEFTOVERS]
    try:
        with torch.serialization.safe_globals(known):  # type: ignore[arg-type]
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise BenchError(f"cannot read the checkpoint {path}: {error.strerror or error}") from error
    except MemoryError:
        raise
    except Exception as error:  # zip, pickle and tensor errors of all sorts, as the bytes will have it
        raise BenchError(f"{path} is no checkpoint of weights alone: {_reason(error)}") from error


def unwrapped(held: Any, path: Path) -> StateDict:
    """The weights in what a file holds. path: for messages."""
    inside = []
    while isinstance(held, Mapping) and not all(isinstance(value, Tensor) for value in held.values()):
        wrapper = next((name for name in WRAPPERS if isinstance(held.get(name), Mapping)), None)
        if wrapper is None:
            name, value = next((name, value) for name, value in held.items() if not isinstance(value, Tensor))
            raise BenchError(f"{path} is no state dict: it holds {type(value).__name__} by the name of {name!r}")
        inside.append(wrapper)
        held = held[wrapper]
    if not isinstance(held, Mapping):
        raise BenchError(f"{path} is no state dict but {type(held).__name__}")
    for name in held:
        if not isinstance(name, str):
            raise BenchError(f"{path} is no state dict: it holds Tensor by the name of {name!r}")
    tensors, prefix = bare_names(held)
    where = [f"'{name}'" for name in inside] + ([f"behind '{prefix}'"] if prefix else [])
    floating = [tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()]
    stored = str(max(set(floating), key=floating.count)).removeprefix("torch.") if floating else "float32"
    return StateDict(path, {name: _plain(name, tensor, path) for name, tensor in tensors.items()}, ", ".join(where), stored)


def bare_names(held: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Tensors without what stands before all of their names, and what that was. Two that become one name stay as they are."""
    names = {name: name.replace(COMPILED, "") for name in held}
    taken = COMPILED if any(COMPILED in name for name in held) else ""
    while names and (prefix := next((p for p in PREFIXES if all(n.startswith(p) for n in names.values())), None)):
        names = {name: bare.removeprefix(prefix) for name, bare in names.items()}
        taken = prefix if taken == COMPILED else taken + prefix
    if len(set(names.values())) < len(names):
        return dict(held), ""
    return {names[name]: tensor for name, tensor in held.items()}, taken


def _plain(name: str, tensor: Tensor, path: Path) -> Tensor:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex() or tensor.is_meta:
        raise BenchError(f"{path}: '{name}' is no plain tensor of numbers ({tensor.dtype}, {tensor.layout})")
    return tensor.detach().float() if tensor.is_floating_point() else tensor.detach()


def _reason(error: Exception) -> str:
    """Why torch would not read a file, in words."""
    text = str(error)
    if (found := text.partition("GLOBAL ")[2]) or "blocked by default" in text or "Unsupported global" in text:
        return f"it asks to run {found.split()[0] if found else 'code'}, which is never done"
    if "Trying to call reduce" in text or "Can only" in text:
        return "it holds more than tensors, and nothing else in a file is ever made"
    return "cut off, damaged, or with more in it than tensors"
