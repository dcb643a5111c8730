"""How a baseline learns from a batch of clips: which frames it is fed, and which of its outputs count.

A learner names its phases, each `phase(clips, step) -> loss`, each followed by one optimizer step. The clips
[B, frames, C, H, W] and the number of the step are all it needs; masks are drawn from torch's global CPU generator.
A phase that needs random numbers has an entry in `draws`: draw(count, step) draws them for a whole batch, one row per clip.
Code that splits a batch draws once and passes each part its rows as the third argument; without it the phase draws by itself.
Steps of the same `variant` do the same operations, so that a GPU may replay them.

The loss is the mean squared error, unless the model defines its own as a method
`loss(outputs, target, state) -> scalar`: outputs and target are [B, N, C, H, W]; state is the last state of the rollout, None
for a model without a step. A term that gathers over the steps of a rollout is gathered in that state.

Schedules are in fractions of the run, so that even a short run ends by training on its own predictions. The defaults are the
published numbers of iterations over the 125,000 of OpenSTL's Moving-MNIST runs (200 epochs of 625).
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.rollout import Recurrent, State, rollout

Phase = Callable[..., Tensor]
Draw = Callable[[int, int], Tensor]


def loss(model: nn.Module, outputs: Tensor, target: Tensor, state: State | None) -> Tensor:
    """The model's own loss where it defines one, else the mean squared error; in the precision of the target."""
    model_loss: Callable[[Tensor, Tensor, State | None], Tensor] | None = getattr(model, "loss", None)
    outputs = outputs.to(target.dtype)
    if outputs.shape != target.shape:  # or the smaller one would be repeated to fit
        raise ValueError(
            f"{type(model).__name__} returned frames of {list(outputs.shape)}, and the target is {list(target.shape)}"
        )
    return model_loss(outputs, target, state) if model_loss else functional.mse_loss(outputs, target)


class NoTraining:
    """For models without parameters: no phases."""

    def __init__(self, model: nn.Module, context: int, horizon: int, steps: int):
        self.frames = context + horizon
        self.phases: dict[str, Phase] = {}


class Direct:
    """The model runs as it will at test time: after the context it sees only its own outputs. For any model.

    outputs: whether the loss is over the predicted horizon or over all outputs; the latter include those made during the
    context, which only a model with a step has.
    absolute: adds the mean absolute error, which LMC-Memory's loss has: a control, so that a comparison is of models.
    """

    def __init__(
        self,
        model: nn.Module,
        context: int,
        horizon: int,
        steps: int,
        outputs: Literal["horizon", "all"] = "horizon",
        absolute: bool = False,
    ):
        if outputs == "all":
            _require_step(model, "outputs='all'")
        self.model, self.context, self.horizon, self.absolute = model, context, horizon, absolute
        self.scored = horizon if outputs == "horizon" else context + horizon - 1
        self.frames = context + horizon
        self.phases: dict[str, Phase] = {"prediction": self.prediction}

    def variant(self, step: int) -> None:
        """All steps do the same work."""

    def prediction(self, clips: Tensor, step: int) -> Tensor:
        """The loss of running freely after the context."""
        context = clips[:, : self.context]
        if isinstance(self.model, Recurrent):
            outputs, state = rollout(self.model.step, context, self.frames)
        else:
            outputs, state = self.model(context, self.horizon), None
        outputs, target = outputs[:, -self.scored :], clips[:, -self.scored :]
        squared = loss(self.model, outputs, target, state)
        return squared + functional.l1_loss(outputs.to(target.dtype), target) if self.absolute else squared


class FeedingMaskLearner:
    """Base of the learners that feed a recurrent model true frames by a mask; the loss is over all outputs."""

    def __init__(self, model: nn.Module, context: int, horizon: int, steps: int):
        _require_step(model, type(self).__name__)
        self.model, self.context, self.horizon, self.steps = model, context, horizon, steps
        self.frames = context + horizon
        self.phases: dict[str, Phase] = {"prediction": self.prediction}
        self.draws: dict[str, Draw] = {"prediction": self.keep}

    def variant(self, step: int) -> None:
        """All steps do the same work, whatever their masks."""

    def prediction(self, clips: Tensor, step: int, keep: Tensor | None = None) -> Tensor:
        """The loss of one rollout under this step's mask."""
        assert isinstance(self.model, Recurrent)
        keep = self.keep(len(clips), step) if keep is None else keep
        outputs, state = rollout(self.model.step, clips, self.frames, keep)
        return loss(self.model, outputs, clips[:, 1:], state)

    def keep(self, count: int, step: int) -> Tensor:
        """Where the true frame is fed: booleans [count, frames-1]."""
        raise NotImplementedError

    def _all_kept(self, count: int) -> Tensor:
        return torch.ones(count, self.frames - 1, dtype=torch.bool)


class ScheduledSampling(FeedingMaskLearner):
    """After the context a true frame is fed with a probability that falls linearly to 0 (Bengio et al., NeurIPS 2015).

    end: fraction of the run at which the probability is 0: 50,000 iterations.
    """

    def __init__(self, model: nn.Module, context: int, horizon: int, steps: int, end: float = 0.4):
        super().__init__(model, context, horizon, steps)
        self.end = _fraction("end", end)

    def keep(self, count: int, step: int) -> Tensor:
        """One draw for every clip and frame after the context."""
        keep = self._all_kept(count)
        keep[:, self.context :] = torch.rand(count, self.horizon - 1) < self.probability(step)
        return keep

    def probability(self, step: int) -> float:
        """The probability that a true frame is fed."""
        return _fallen(step + 1, self.end * self.steps)


class ReverseScheduledSampling(FeedingMaskLearner):
    """Own outputs are fed during the context too, ever fewer of them, and ever more after it (PredRNN-V2, TPAMI 2022).

    start, end: fractions of the run between which the probabilities move from a half: 25,000 and 50,000 iterations.
    decay: time constant of the approach to 1 during the context, as a fraction of the run: 5,000 iterations in OpenSTL.
    """

    def __init__(
        self,
        model: nn.Module,
        context: int,
        horizon: int,
        steps: int,
        start: float = 0.2,
        end: float = 0.4,
        decay: float = 0.04,
    ):
        super().__init__(model, context, horizon, steps)
        self.start, self.end, self.decay = _fraction("start", start), _fraction("end", end), _fraction("decay", decay)

    def keep(self, count: int, step: int) -> Tensor:
        """One draw for every clip and frame but the first."""
        in_context, after_context = self.probabilities(step)
        keep = self._all_kept(count)
        keep[:, 1 : self.context] = torch.rand(count, self.context - 1) < in_context
        keep[:, self.context :] = torch.rand(count, self.horizon - 1) < after_context
        return keep

    def probabilities(self, step: int) -> tuple[float, float]:
        """The probabilities that a true frame is fed during the context, and after it."""
        start, end, decay = (fraction * self.steps for fraction in (self.start, self.end, self.decay))
        if step < start:
            return 0.5, 0.5
        if step < end:
            approach = math.exp((start - step) / decay) if decay else 0.0
            return 1 - 0.5 * approach, 0.5 * (end - step) / (end - start)
        return 1.0, 0.0


class TeacherForcing(FeedingMaskLearner):
    """Every batch is fed true frames throughout, or after the context its own outputs (PhyDNet, CVPR 2020).

    end: fraction of the run at which the probability of true frames is 0: 333 of 2,000 epochs, 0.003 less each.
    """

    def __init__(self, model: nn.Module, context: int, horizon: int, steps: int, end: float = 0.1667):
        super().__init__(model, context, horizon, steps)
        self.end = _fraction("end", end)

    def keep(self, count: int, step: int) -> Tensor:
        """One draw for the whole batch."""
        keep = self._all_kept(count)
        keep[:, self.context :] = torch.rand(()) < self.probability(step)
        return keep

    def probability(self, step: int) -> float:
        """The probability that the batch is fed true frames throughout."""
        return _fallen(step, self.end * self.steps)


def _fraction(name: str, value: float) -> float:
    if value < 0:
        raise ValueError(f"{name} is a fraction of the run, from 0 up, got {value}")
    return value


def _fallen(step: float, end: float) -> float:
    """A value that falls linearly from 1 at step 0 to 0 at step `end`; 0 throughout if `end` is 0."""
    return max(0.0, 1 - step / end) if end > 0 else 0.0


def _require_step(model: nn.Module, feature: str) -> None:
    if not isinstance(model, Recurrent):
        raise ValueError(
            f"{feature} feeds a model frame by frame, and {type(model).__name__} takes its context at once: use 'direct'"
        )
