"""Weights that training starts from: a checkpoint of another run or of another code base (`--set init=FILE`)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from bench.common.errors import BenchError
from bench.common.reading import sha256_of
from bench.converters.recognition import CONVERTERS, recognised
from bench.converters.state_dict import read, wrong_type
from bench.spec.runspec import RunSpec


def initial_weights(spec: RunSpec, model: nn.Module) -> dict[str, Tensor]:
    """The weights in the spec's `init` file, by the names of its model and of its sizes.

    BenchError if the file is missing, has changed since the spec was made, or does not fit the model.
    """
    path, sha256 = Path(spec.init_file), spec.init_sha256
    if not path.is_file():
        raise BenchError(f"init: there is no file {path}; training starts from it, so it has to be there until the first step")
    if (actual := sha256_of(path)) != sha256:
        raise BenchError(f"init: {path} has changed since this run was planned (sha256 {actual[:12]}, then {sha256[:12]})")
    state = read(path)
    parameters = model.state_dict()
    shapes = {name: tensor.shape for name, tensor in parameters.items()}
    weights = state.tensors
    if weights.keys() != shapes.keys() and spec.model.name in CONVERTERS:
        weights = recognised(state, spec.model.name, spec.model.options).weights
    for name, shape in shapes.items():
        if name not in weights:
            raise BenchError(f"init: {path} has no '{name}', so it is not of model '{spec.model.name}'")
        if weights[name].shape != shape:
            sizes = f"{list(weights[name].shape)}, and the model's is {list(shape)}"
            raise BenchError(f"init: '{name}' in {path} has the shape {sizes}; --set model.OPTION=VALUE gives the file's sizes")
        if words := wrong_type(name, weights[name], parameters[name]):
            raise BenchError(f"init: {path}: {words}")
    return {name: weights[name] for name in shapes}


def initialise(spec: RunSpec, model: nn.Module) -> None:
    """Put the weights of the spec's `init` file into its model, if it has one."""
    if spec.init:
        device = next(model.parameters(), torch.empty(0)).device
        model.load_state_dict({name: tensor.to(device) for name, tensor in initial_weights(spec, model).items()})
