"""Weights that the authors of LMC-Memory published: a pickled state dict, each name behind `module.` (DataParallel) or not."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from lmc.model import LMC

PREFIX = "module."


def load(model: LMC, path: Path) -> None:
    """Put the weights of a file into a model of the same sizes; ValueError, saying what does not fit, otherwise."""
    state = read(path)
    file_sizes, model_sizes = sizes(state, path), sizes(model.state_dict(), path)
    differing = [name for name in model_sizes if name in file_sizes and file_sizes[name] != model_sizes[name]]
    if differing:
        theirs, ours = (", ".join(f"{name}={values[name]}" for name in differing) for values in (file_sizes, model_sizes))
        raise ValueError(f"{path} is an LMC with {theirs}; this model has {ours}")
    for name, tensor in model.state_dict().items():
        if name not in state:
            raise ValueError(f"{path} is no LMC-Memory: '{name}' is missing")
        if state[name].shape != tensor.shape:
            shapes = f"{tuple(state[name].shape)}, not {tuple(tensor.shape)}"
            raise ValueError(f"{path} is no LMC-Memory: '{name}' is {shapes}")
    if extra := state.keys() - model.state_dict().keys():
        raise ValueError(f"{path} is no LMC-Memory: '{min(extra)}' is not expected")
    model.load_state_dict(state)


def read(path: Path) -> dict[str, Tensor]:
    """The state dict in a file, names without prefix. Only tensors are unpickled: nothing in the file is ever executed."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # zip, pickle and tensor errors of all sorts, as the bytes will have it
        raise ValueError(f"{path} is no checkpoint: cut off or damaged, or with more in it than tensors") from error
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} is no state dict but {type(content).__name__}")
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise ValueError(f"{path} is no state dict: it holds {type(value).__name__} by the name of {name!r}")
    return {name.removeprefix(PREFIX): tensor for name, tensor in content.items()}


def sizes(state: Mapping[str, Tensor], path: Path) -> dict[str, int | bool]:
    """The options of the LMC that a state dict belongs to, as far as its shapes show them."""
    first = state.get("encoder.0.weight")
    if first is None or first.dim() != 4:
        raise ValueError(f"{path} is no LMC-Memory: 'encoder.0.weight' is missing or no convolution")
    options: dict[str, int | bool] = {
        "channels": first.shape[1],
        "width": first.shape[0],
        "layers": len({name.split(".")[1] for name in state if name.startswith("convlstm_list.")}),
        "memory": "memory.memory_w" in state,
    }
    if options["memory"]:
        options["slots"] = state["memory.memory_w"].shape[:1].numel()
        options["storing"] = "memory.motion_context_encoder.0.weight" in state
    return options
