"""Extracts the weights of a checkpoint file from whatever they are wrapped in. Reads only tensors; executes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.common.errors import BenchError

WRAPPERS = ("state_dict", "net_param", "model_state_dict", "model", "network", "net")
"""Keys under which code bases store the weights among other things, the most specific first: Lightning, OpenSTL, thuml."""

PREFIXES = ("module.", "model.", "network.", "net.")
"""Prefixes of all names if a model was saved from inside a wrapper: DataParallel, a LightningModule."""

COMPILED = "_orig_mod."  # stands where torch.compile wrapped a module: before all names, or inside them

LEFTOVERS = (
    "argparse.Namespace", "builtins.getattr", "__builtin__.getattr", "pathlib.PosixPath", "pathlib._local.PosixPath",
    "torch.optim.lr_scheduler.OneCycleLR", "torch.optim.lr_scheduler.ReduceLROnPlateau",
    "numpy.core.multiarray.scalar", "numpy.core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype",
    "numpy._core.multiarray.scalar", "numpy._core.multiarray._reconstruct",
)  # fmt: skip
"""Objects that training scripts save with the weights. They are read as `Leftover`, which does nothing."""


class Leftover:
    """Replaces an object in a file that is not needed and not created: settings, a schedule, a NumPy number."""

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
    """The weights in a file. BenchError, saying what it is, for anything but a set of named tensors."""
    return unwrapped(content(path), path)


def content(path: Path) -> Any:
    """The content of a file: plain values, tensors and `Leftover`s. Any other object is refused, not created."""
    allowed = [(Leftover, name) for name in LEFTOVERS]
    try:
        with torch.serialization.safe_globals(allowed):  # type: ignore[arg-type]
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise BenchError(f"cannot read the checkpoint {path}: {error.strerror or error}") from error
    except MemoryError:
        raise
    except Exception as error:  # zip, pickle and tensor errors of all sorts, as the bytes will have it
        raise BenchError(f"{path} is no checkpoint of weights alone: {_reason(error)}") from error


def unwrapped(contents: Any, path: Path) -> StateDict:
    """The weights in what a file holds. path: for messages."""
    inside = []
    while isinstance(contents, Mapping) and not all(isinstance(value, Tensor) for value in contents.values()):
        wrapper = next((name for name in WRAPPERS if isinstance(contents.get(name), Mapping)), None)
        if wrapper is None:
            name, value = next((name, value) for name, value in contents.items() if not isinstance(value, Tensor))
            raise BenchError(f"{path} is no state dict: it holds {type(value).__name__} by the name of {name!r}")
        inside.append(wrapper)
        contents = contents[wrapper]
    if not isinstance(contents, Mapping):
        raise BenchError(f"{path} is no state dict but {type(contents).__name__}")
    for name in contents:
        if not isinstance(name, str):
            raise BenchError(f"{path} is no state dict: it holds Tensor by the name of {name!r}")
    tensors, prefix = bare_names(contents)
    location = [f"'{name}'" for name in inside] + ([f"behind '{prefix}'"] if prefix else [])
    floating = [tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()]
    stored = str(max(set(floating), key=floating.count)).removeprefix("torch.") if floating else "float32"
    return StateDict(path, {name: _plain(name, tensor, path) for name, tensor in tensors.items()}, ", ".join(location), stored)


def bare_names(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Tensors without the common prefix of their names, and that prefix. If two names would become equal, all stay."""
    names = {name: name.replace(COMPILED, "") for name in tensors}
    removed = COMPILED if any(COMPILED in name for name in tensors) else ""
    while names and (prefix := next((p for p in PREFIXES if all(n.startswith(p) for n in names.values())), None)):
        names = {name: bare.removeprefix(prefix) for name, bare in names.items()}
        removed = prefix if removed == COMPILED else removed + prefix
    if len(set(names.values())) < len(names):
        return dict(tensors), ""
    return {names[name]: tensor for name, tensor in tensors.items()}, removed


def _plain(name: str, tensor: Tensor, path: Path) -> Tensor:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex() or tensor.is_meta:
        raise BenchError(f"{path}: '{name}' is no plain tensor of numbers ({tensor.dtype}, {tensor.layout})")
    return tensor.detach().float() if tensor.is_floating_point() else tensor.detach()


def _reason(error: Exception) -> str:
    """Why torch refused to read a file, in words."""
    text = str(error)
    if (global_name := text.partition("GLOBAL ")[2]) or "blocked by default" in text or "Unsupported global" in text:
        return f"it asks to run {global_name.split()[0] if global_name else 'code'}, which is never done"
    if "Trying to call reduce" in text or "Can only" in text:
        return "it holds more than tensors, and nothing else in a file is ever made"
    return "cut off, damaged, or with more in it than tensors"
