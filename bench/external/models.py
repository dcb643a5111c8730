"""A trained model: from a run of the store, from one of our checkpoints, or from a file of somebody else's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from bench.common.errors import BenchError
from bench.spec import catalog
from bench.spec.runspec import Part, Precision, parsed
from bench.store.store import Run, Store
from bench.training import checkpoint


@dataclass(frozen=True)
class Trained:
    """Weights and what they belong to.

    context, horizon, channels, data: what the model was trained with, None where a foreign file does not say.
    precision: in which the model computes, that of its training; float32 where a foreign file does not say.
    unfinished: how far training had come where it has not ended, in words.
    """

    name: str
    model: Part
    weights: dict[str, Any]
    context: int | None = None
    horizon: int | None = None
    channels: int | None = None
    data: Part | None = None
    precision: Precision = "float32"
    unfinished: str = ""

    def build(self, shape: tuple[int, int, int], device: torch.device, context: int | None = None) -> nn.Module:
        """The model for frames of shape (C, H, W) with its weights, in evaluation mode.

        context: frames that it will see; as in training, or 10, if not given.
        """
        context, horizon = context or self.context or 10, self.horizon or 10
        model: nn.Module = catalog.build(
            "models", self.model.name, self.model.options, shape=shape, context=context, horizon=horizon
        )
        checkpoint.load_weights(model, self.weights, self.name)
        return model.to(device).eval()


def find(what: str, store: Store, model: str | None = None, settings: Sequence[str] = ()) -> Trained:
    """The model that `what` names: a run's name or directory, or a checkpoint file.

    model, settings: of a foreign checkpoint, as `--model lmc --set model.slots=37`; what an LMC-Memory file shows of its
    sizes need not be given.
    """
    path = Path(what)
    if model:
        return _foreign(path, catalog.canonical("models", model), _options(settings))
    if settings:
        raise BenchError("--set describes a foreign checkpoint; name its model with --model as well")
    if not path.is_file():
        return _ours(Run(path.absolute()) if (path / "spec.json").exists() else store.find(what), None)
    run = Run(path.absolute().parent.parent)
    if not (run.path / "spec.json").exists():
        raise BenchError(f"{path} lies in no run directory; say what model it is of, such as --model lmc")
    return _ours(run, checkpoint.read(path))


def _ours(run: Run, state: dict[str, Any] | None) -> Trained:
    spec = run.spec
    if state is None:
        state = checkpoint.selected(run.path / "checkpoints", spec.select) if spec.steps else {"model": {}}
    step = state.get("progress", {}).get("step", run.status().step)
    return Trained(
        run.name, spec.model, state["model"], spec.context, spec.horizon,
        channels=run.provenance().get("shape", [None])[0],
        data=spec.data,
        precision=spec.precision,
        unfinished=f"at step {step:,} of {spec.steps:,}" if step < spec.steps else "",
    )  # fmt: skip


def _foreign(path: Path, name: str, options: dict[str, Any]) -> Trained:
    if not path.is_file():
        raise BenchError(f"there is no checkpoint file {path}")
    if name != "lmc":
        state = checkpoint.read(path)
        return Trained(path.name, Part(name, **options), state.get("model", state))
    from lmc.checkpoint import read, sizes

    try:
        weights = read(path)
        seen = sizes(weights, path)
    except ValueError as error:
        raise BenchError(str(error)) from error
    channels = int(seen.pop("channels"))
    differing = [key for key in seen if key in options and options[key] != seen[key]]
    if differing:
        raise BenchError(f"{path} is an LMC with {differing[0]}={seen[differing[0]]}, not {options[differing[0]]}")
    return Trained(path.name, Part(name, **{**seen, **options}), weights, channels=channels)


def _options(settings: Sequence[str]) -> dict[str, Any]:
    """The model's options in `--set model.slots=37`."""
    options: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.startswith("model."):
            raise BenchError(f"a checkpoint's model is described by --set model.OPTION=VALUE, got '{setting}'")
        options[key.removeprefix("model.").replace("-", "_")] = parsed(text)
    return options
