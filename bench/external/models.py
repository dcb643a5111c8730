"""A trained model: from a run of the store, from one of our checkpoints, or from a file of another code base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from torch import nn

from bench.common.errors import BenchError, listed
from bench.converters.recognition import CONVERTERS, recognised
from bench.converters.state_dict import StateDict, read
from bench.spec import catalog
from bench.spec.component import Component, component_from_json
from bench.spec.runspec import Precision
from bench.spec.shell_values import parse_value
from bench.store import user_code
from bench.store.run import Run
from bench.store.run_names import find_run
from bench.store.store import Store
from bench.training import checkpoint
from bench.training.model import min_context

SUFFIXES = (".pt", ".pth", ".ckpt", ".tar", ".pkl", ".bin", ".safetensors")  # of checkpoint files


@dataclass(frozen=True)
class Trained:
    """Weights and what they belong to.

    context, horizon, channels, data: what the model was trained with, None where a foreign file does not say.
    precision: in which the model computes, that of its training; float32 where a foreign file does not say.
    unfinished: the step that training has reached, as text; empty if it has ended.
    size, sees: (height, width) of the frames and the number of context frames that foreign weights are tied to, if they are.
    trained_size: (height, width) of the frames that a run was trained on; it may see others, which its scores say nothing of.
    remarks: what a foreign file was recognised as, and what else a user has to know of it.
    changes: sentences on code of the user's own that has changed since a run was trained.
    file_bytes: of all weights in a foreign file, also of those that the model does not use.
    """

    name: str
    model: Component
    weights: dict[str, Any]
    context: int | None = None
    horizon: int | None = None
    channels: int | None = None
    data: Component | None = None
    precision: Precision = "float32"
    unfinished: str = ""
    size: tuple[int, int] | None = None
    sees: int | None = None
    remarks: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    trained_size: tuple[int, int] | None = None
    file_bytes: int = 0

    def build(self, shape: tuple[int, int, int], device: torch.device, context: int | None = None) -> nn.Module:
        """The model for frames of shape (C, H, W) with its weights, in evaluation mode.

        context: frames that it will see; as in training, or 10, if not given.
        """
        context, horizon = context or self.context or 10, self.horizon or 10
        self._fits(shape, context)
        model: nn.Module = self.model.checked("models").build(shape=shape, context=context, horizon=horizon)
        if (least := min_context(model)) > context:
            raise BenchError(f"the model needs at least {least} context frames, got {context}")
        try:
            checkpoint.load_weights(model, self.weights, self.name)
        except BenchError:
            self._refuse_untrained_sizes(shape, context, horizon)
            raise
        return model.to(device).eval()

    def size_notes(self, shape: tuple[int, int, int]) -> list[str]:
        """A sentence if frames of shape (C, H, W) are of another size than those of the training."""
        if self.trained_size in (None, shape[1:]):
            return []
        return [f"note: {self.name} was trained on {_sides(self.trained_size)} frames, these are {_sides(shape[1:])}"]

    def _refuse_untrained_sizes(self, shape: tuple[int, int, int], context: int, horizon: int) -> None:
        """BenchError if the weights would fit with the context or the size of the frames that they were trained with."""
        if self.context and context != self.context and self._loads(shape, self.context, horizon):
            raise BenchError(f"{self.name} takes {self.context} context frames, as in training, not {context}")
        size = self.trained_size
        if size and size != shape[1:] and self._loads((shape[0], *size), self.context or context, horizon):
            raise BenchError(f"{self.name} takes {_sides(size)} frames, as in training; these are {_sides(shape[1:])}")

    def _loads(self, shape: tuple[int, int, int], context: int, horizon: int) -> bool:
        """Whether the weights fit a model that is built with these sizes."""
        with torch.device("meta"):
            model: nn.Module = self.model.checked("models").build(shape=shape, context=context, horizon=horizon)
        sizes = {name: tensor.shape for name, tensor in model.state_dict().items()}
        return sizes == {name: tensor.shape for name, tensor in self.weights.items()}

    def _fits(self, shape: tuple[int, int, int], context: int) -> None:
        """Refuse frames that do not fit foreign weights."""
        if self.size and self.size != shape[1:]:
            tied_size, frame_size = _sides(self.size), _sides(shape[1:])
            raise BenchError(f"the weights in {self.name} are tied to frames of {tied_size}; these are of {frame_size}")
        if self.remarks and self.channels and self.channels != shape[0]:
            raise BenchError(f"{self.name} sees frames of {self.channels} channels; these have {shape[0]}")
        if self.sees and self.sees != context:
            raise BenchError(f"{self.name} sees exactly {self.sees} frames, not {context}; use --context {self.sees}")


def _sides(size: tuple[int, ...] | None) -> str:
    """32x32, from height and width."""
    return "x".join(map(str, reversed(size or ())))


def find(source: str, store: Store, model: str | None = None, settings: Sequence[str] = ()) -> Trained:
    """The model that `source` names: a run's name or directory, or a checkpoint file.

    model, settings: of an external checkpoint, as `--model mau --set model.window=3`; only needed for what its content does not
    tell.
    """
    path = Path(source)
    run = Run(path.absolute().parent.parent)
    if model or (path.is_file() and not (run.path / "spec.json").exists()):
        return from_file(path, catalog.canonical("models", model) if model else None, _options(settings))
    if settings:
        raise BenchError("--set model.... describes a foreign checkpoint; a run's model is what it was trained as")
    if not path.exists() and path.suffix.lower() in SUFFIXES:
        raise BenchError(f"there is no checkpoint file {path}")
    if not path.is_file():
        return _ours(Run(path.absolute()) if (path / "spec.json").exists() else find_run(store, source), None)
    return _ours(run, checkpoint.read(path))


def _ours(run: Run, state: dict[str, Any] | None) -> Trained:
    spec = run.spec
    if state is None:
        state = checkpoint.selected(run.path / "checkpoints", spec.select) if spec.steps else {"model": {}}
    step = state.get("progress", {}).get("step", run.status().step)
    changed = user_code.changed(run, spec)
    channels, *sides = run.provenance().get("shape", [None])
    change = f"note: {listed(changed)} has changed since {run.name} was trained; its weights run in the code of now"
    return Trained(
        run.name, spec.model, state["model"], spec.context, spec.horizon,
        channels=channels, trained_size=(sides[0], sides[1]) if len(sides) == 2 else None,
        data=spec.data,
        precision=spec.precision,
        unfinished=f"at step {step:,} of {spec.steps:,}" if step < spec.steps else "",
        changes=(change,) if changed else (),
    )  # fmt: skip


def from_file(path: Path, name: str | None, options: dict[str, Any]) -> Trained:
    """Weights of a file alone, with the tensor names of our own model or of a code base that we can convert.

    name: of the model; None: recognise it by the file. options: of the model, where the file does not show them.
    """
    if not path.is_file():
        raise BenchError(f"there is no checkpoint file {path}")
    state = read(path)
    if state.trained_as is not None:
        return _of_this_suite(state, state.trained_as, name, options)
    if name and (name not in CONVERTERS or _ours_by_name(name, options, state.tensors)):
        return Trained(path.name, Component(name, **options), state.tensors, file_bytes=state.nbytes)
    recognition = recognised(state, name, options)
    others = f"note: {path.name} has further weights, in {listed(state.others)}; they were not taken" if state.others else ""
    return Trained(
        path.name, recognition.model, recognition.weights, recognition.context, channels=recognition.channels,
        size=recognition.size, sees=recognition.context,
        remarks=(
            f"{path.name}: {_provenance(recognition.summary, state)}",
            *(f"note: {note}" for note in recognition.notes),
            *filter(None, [others]),
        ),
        file_bytes=state.nbytes,
    )  # fmt: skip


def _of_this_suite(state: StateDict, trained_as: Mapping[str, Any], name: str | None, options: dict[str, Any]) -> Trained:
    """A checkpoint of ours that lies outside its run, by what it says of its model. BenchError if the user says otherwise."""
    path = state.path
    shape: Any = trained_as.get("shape")
    sizes = [trained_as.get("context"), trained_as.get("horizon"), *(shape if type(shape) is list else ())]
    are_sizes = len(sizes) == 5 and all(type(size) is int and size > 0 for size in sizes)
    if not are_sizes or trained_as.get("precision") not in get_args(Precision):
        raise BenchError(f"{path} does not say as what its weights were trained; copy it from its run again")
    model = component_from_json("model", "models", trained_as.get("model"))
    if name and name != model.name:
        raise BenchError(f"{path} holds weights of {model.name}, not of {name}")
    if model.but(**options).checked("models").identity != model.identity:
        raise BenchError(f"{path} was trained as {model!r}; --set says otherwise, and weights are of one model")
    context, horizon, channels, height, width = map(int, sizes)
    return Trained(
        path.name, model, state.tensors, context, horizon, channels=channels, trained_size=(height, width),
        precision=trained_as["precision"], remarks=(f"{path.name}: a checkpoint of this suite, {model!r}",),
        file_bytes=state.nbytes,
    )  # fmt: skip


def _ours_by_name(name: str, options: dict[str, Any], tensors: Mapping[str, Any]) -> bool:
    """Whether the weights have the names of our own model, as in a checkpoint of ours that lies outside its run."""
    with torch.device("meta"):
        model: nn.Module = catalog.build("models", name, options, shape=(1, 64, 64), context=10, horizon=10)
    return name != "lmc" and model.state_dict().keys() == tensors.keys()


def _provenance(summary: str, state: StateDict) -> str:
    """What was recognised, and how the file held it."""
    details = [f"from {state.inside}"] if state.inside else []
    details += [f"stored in {state.stored}"] if state.stored != "float32" else []
    return f"{summary} ({', '.join(details)})" if details else summary


def _options(settings: Sequence[str]) -> dict[str, Any]:
    """The model's options in `--set model.slots=37`."""
    options: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.startswith("model."):
            raise BenchError(f"a checkpoint's model is described by --set model.OPTION=VALUE, got '{setting}'")
        options[key.removeprefix("model.").replace("-", "_")] = parse_value(text)
    return options
