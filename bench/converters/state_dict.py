"""Extracts the weights of a checkpoint file from whatever they are wrapped in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.common.errors import BenchError
from bench.converters.torch_files import Leftover, content

WRAPPERS = ("state_dict", "net_param", "model_state_dict", "model", "network", "net")
"""Keys under which code bases store the weights among other things, the most specific first: Lightning, OpenSTL, thuml."""

PREFIXES = ("module.", "model.", "network.", "net.")
"""Prefixes of all names if a model was saved from inside a wrapper: DataParallel, a LightningModule."""

COMPILED = "_orig_mod."  # stands where torch.compile wrapped a module: before all names, or inside them


@dataclass(frozen=True)
class StateDict:
    """Weights by the names that their model gave them, without wrapping, floating-point ones in float32.

    inside: where in the file they were, in words; empty where the file is the state dict itself.
    stored: the floating-point type they were stored in, such as float16.
    others: the names of further weights beside them, which are not taken, such as a moving average.
    trained_as: what a checkpoint of this suite says of its model; None in files of others.
    """

    path: Path
    tensors: dict[str, Tensor]
    inside: str = ""
    stored: str = "float32"
    others: tuple[str, ...] = ()
    trained_as: Mapping[str, Any] | None = None

    @property
    def nbytes(self) -> int:
        """Of all tensors together."""
        return sum(tensor.nbytes for tensor in self.tensors.values())


def read(path: Path) -> StateDict:
    """The weights in a file. BenchError, saying what it is, for anything but a set of named tensors."""
    return unwrapped(content(path), path)


def unwrapped(contents: Any, path: Path) -> StateDict:
    """The weights in what a file holds. path: for messages."""
    trained_as = contents.get("trained_as") if isinstance(contents, Mapping) else None
    ours = isinstance(trained_as, Mapping)
    inside: list[str] = []
    others: dict[str, Mapping[str, Any]] = {}
    while isinstance(contents, Mapping) and not all(isinstance(value, Tensor) for value in contents.values()):
        wrapper = next((name for name in WRAPPERS if isinstance(contents.get(name), Mapping)), None)
        if wrapper is None:
            name, value = next((name, value) for name, value in contents.items() if not isinstance(value, Tensor))
            raise BenchError(f"{path} is no state dict: it holds {_kind(value)} by the name of {name!r}")
        inside.append(wrapper)
        others |= {str(name): value for name, value in contents.items() if name != wrapper and isinstance(value, Mapping)}
        contents = contents[wrapper]
    if not isinstance(contents, Mapping):
        raise BenchError(f"{path} is no state dict but {_kind(contents)}")
    for name in contents:
        if not isinstance(name, str):
            raise BenchError(f"{path} is no state dict: it holds Tensor by the name of {name!r}")
    tensors, prefix = (contents, "") if ours else bare_names(contents)
    location = [f"'{name}'" for name in inside] + ([f"behind '{prefix}'"] if prefix else [])
    floating = [tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()]
    stored = str(max(set(floating), key=floating.count)).removeprefix("torch.") if floating else "float32"
    plain = {name: _plain(name, tensor, path) for name, tensor in tensors.items()}
    further = tuple(name for name, value in others.items() if _of_same_names(value, plain))
    return StateDict(path, plain, ", ".join(location), stored, further, trained_as if ours else None)


def _of_same_names(others: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> bool:
    """Whether a value that lies beside weights is another set of them: most of its tensors bear their names."""
    named = {name: value for name, value in others.items() if isinstance(name, str) and isinstance(value, Tensor)}
    return 2 * len(bare_names(named)[0].keys() & tensors.keys()) > len(tensors)


def _kind(value: Any) -> str:
    """What a value is, for messages."""
    return "an object that is not read" if isinstance(value, Leftover) else type(value).__name__


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


def other_names(expected: Collection[str], actual: Collection[str]) -> str:
    """In words, which names of weights are missing and which are not expected: the first of each, and how many more."""
    missing, extra = [name for name in expected if name not in actual], [name for name in actual if name not in expected]
    problems = [
        f"'{names[0]}' is {words}{_more(names)}" for names, words in ((missing, "missing"), (extra, "not expected")) if names
    ]
    return " and ".join(problems)


def odd_name(names: Collection[str]) -> tuple[str, str]:
    """(name, prefix) of the first name that is not behind a wrapper's prefix as nine of ten others are; empty if none is."""
    for prefix in PREFIXES:
        outside = [name for name in names if not name.startswith(prefix)]
        if 0 < len(outside) <= len(names) / 10:
            return outside[0], prefix
    return "", ""


def _more(names: Sequence[str]) -> str:
    return f" (and {len(names) - 1} more)" if len(names) > 1 else ""


def wrong_type(name: str, tensor: Tensor, parameter: Tensor) -> str:
    """In words, that a tensor holds whole numbers where the model has floating-point ones; empty where it does not.

    They are what is left of quantised weights without their scale, so no value of them is right.
    """
    if not parameter.is_floating_point() or tensor.is_floating_point():
        return ""
    kind = str(tensor.dtype).removeprefix("torch.")
    return f"'{name}' holds {kind}, not floating-point numbers; quantised weights are not read"


def _plain(name: str, tensor: Tensor, path: Path) -> Tensor:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex() or tensor.is_meta:
        raise BenchError(f"{path}: '{name}' is no plain tensor of numbers ({tensor.dtype}, {tensor.layout})")
    return tensor.detach().float() if tensor.is_floating_point() else tensor.detach()
