"""CUDA graphs: the forward and backward pass of a phase, recorded once and replayed.

A small model's step on a GPU is thousands of kernels of a few microseconds each, and starting them from Python takes longer
than they take. A recorded graph starts them all at once. It runs the same kernels on the same numbers, so scores do not move.

A graph is fixed: it reads the clips, and what was drawn for them, from the same memory every time. So a learner must say which
steps do the same work: `variant(step)`, any hashable value. Learners without it, and steps that cannot be recorded, run
unrecorded.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.spec.runspec import Precision
from bench.training.learner import Learner, backward, draw_of

WARM_UP = 2  # steps that run unrecorded first: libraries choose their algorithms, and torch.compile compiles
log = logging.getLogger(__name__)


@dataclass
class Recording:
    """A recorded pass. clips, drawn (the learner's random numbers): its inputs. loss, gradients: its outputs."""

    graph: torch.cuda.CUDAGraph
    clips: Tensor
    drawn: Tensor | None
    loss: Tensor
    gradients: list[tuple[nn.Parameter, Tensor]]


class RecordedPhases:
    """The phases of a learner on one GPU; each records itself after some steps.

    Call it as a phase: the loss comes back and gradients lie in the parameters, as after `backward()`.
    """

    def __init__(self, model: nn.Module, learner: Learner, precision: Precision):
        self.learner, self.precision = learner, precision
        self.parameters = list(model.parameters())
        self.recordings: dict[Hashable, Recording] = {}
        self.warm_ups: Counter[Hashable] = Counter()
        self.pool = torch.cuda.graph_pool_handle()
        self.stream = torch.cuda.Stream()
        self.variant: Callable[[int], Hashable] | None = getattr(learner, "variant", None)
        self.possible = self.variant is not None

    def __call__(self, phase: str, clips: Tensor, step: int) -> Tensor:
        """The loss of a phase on clips [B, frames, C, H, W], with its gradients."""
        if not self.possible or self.variant is None:
            return backward(self.learner, phase, clips, step, self.precision)
        draw = draw_of(self.learner, phase)
        drawn = draw(len(clips), step).contiguous().pin_memory().to(clips.device, non_blocking=True) if draw else None
        key = phase, self.variant(step), clips.shape
        if key not in self.recordings and self.warm_ups[key] >= WARM_UP:
            self._record(key, phase, clips, drawn, step)
            if not self.possible:
                self._give_back_memory()
        if key in self.recordings:
            return self._replay(self.recordings[key], clips, drawn)
        self.warm_ups[key] += 1
        return backward(self.learner, phase, clips, step, self.precision, drawn)

    def _record(self, key: Hashable, phase: str, clips: Tensor, drawn: Tensor | None, step: int) -> None:
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        inputs = clips.clone(), None if drawn is None else drawn.clone()
        gradients = [parameter.grad for parameter in self.parameters]
        for parameter in self.parameters:
            parameter.grad = None  # so that the recorded pass makes its own
        try:
            # "thread_local": by default CUDA ends a recording in which another thread pins memory, as loading batches does
            with torch.cuda.graph(graph, pool=self.pool, stream=self.stream, capture_error_mode="thread_local"):
                loss = backward(self.learner, phase, inputs[0], step, self.precision, inputs[1])
            new_gradients = [(parameter, parameter.grad) for parameter in self.parameters if parameter.grad is not None]
            self.recordings[key] = Recording(graph, *inputs, loss, new_gradients)
        except RuntimeError as error:  # what cannot be recorded, such as reading a number, or does not fit beside the rest
            log.info("phase '%s' runs unrecorded: %s", phase, str(error).partition("\n")[0])
            self.possible = False
        finally:
            torch.cuda.set_stream(stream)  # a recording that fails leaves its own stream set
            for parameter, gradient in zip(self.parameters, gradients, strict=True):
                parameter.grad = gradient

    def _give_back_memory(self) -> None:
        """Free what earlier recordings hold: with one phase unrecorded, all run unrecorded."""
        self.recordings.clear()
        torch.cuda.empty_cache()

    def _replay(self, recording: Recording, clips: Tensor, drawn: Tensor | None) -> Tensor:
        recording.clips.copy_(clips)
        if recording.drawn is not None and drawn is not None:
            recording.drawn.copy_(drawn)
        recording.graph.replay()
        for parameter, gradient in recording.gradients:
            parameter.grad = gradient
        return recording.loss.clone()
