"""How LMC-Memory learns: memory alignment (Lee et al., CVPR 2021), and its ablation that only matches.

A learner has named `phases`, each `phase(clips, step) -> loss` followed by one optimizer step, and says how many `frames` a
clip needs. It holds no state: the clips, the step number and torch's global generator are all it needs.

A phase that needs random numbers has an entry in `draws`: draw(count, step) draws them for a whole batch, one row per clip.
Code that splits a batch draws once and passes each part its rows as the third argument; without it the phase draws by itself.
Steps of the same `variant` do the same operations, so that a GPU may replay them.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from lmc.memory import FEWEST_FRAMES
from lmc.model import LMC

PAPER_STEPS, PAPER_WARMUP = 300_000, 5_000


class Learner:
    """Base of both learners: how many frames a clip needs, and how far a step predicts."""

    phases: dict[str, Callable[..., Tensor]]
    draws: dict[str, Callable[[int, int], Tensor]]

    def __init__(self, model: LMC, context: int, horizon: int, steps: int, warmup: int | None, warmup_horizon: int):
        if not isinstance(model, LMC):
            raise ValueError(f"it works only with LMC-Memory, not {type(model).__name__}; use 'direct'")
        if warmup_horizon < 1:
            raise ValueError(f"warmup_horizon must be at least 1 frame, got {warmup_horizon}")
        self.model = model
        self.context = context
        self.frames = context + horizon
        self.warmup = steps * PAPER_WARMUP // PAPER_STEPS if warmup is None else warmup
        self.warmup_frames = context + min(warmup_horizon, horizon)
        self.draws = {}

    def variant(self, step: int) -> bool:
        """Whether a step belongs to the warm-up, which predicts fewer frames."""
        return step < self.warmup

    def split(self, clips: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """The context [B, context, C, H, W] and the frames to predict after it, fewer of them during warm-up."""
        last = self.warmup_frames if step < self.warmup else self.frames
        return clips[:, : self.context], clips[:, self.context : last]


class MatchingOnly(Learner):
    """One phase, on the matching path: predictor, motion-matching encoder and memory learn together, from the context alone.

    Serves the ablations without alignment, `LMC(storing=False)`, and without memory, `LMC(memory=False)`.

    warmup: first steps of the run, in which `warmup_horizon` frames are predicted instead of all. None is the paper's share of
    the run, a sixtieth.
    """

    def __init__(self, model: LMC, context: int, horizon: int, steps: int, warmup: int | None = None, warmup_horizon: int = 10):
        super().__init__(model, context, horizon, steps, warmup, warmup_horizon)
        if model.memory is not None and model.memory.motion_context_encoder is not None:
            raise ValueError("matching_only does not train the motion-context encoder: build the LMC with storing=False")
        self.phases = {"matching": self.matching}

    def matching(self, clips: Tensor, step: int) -> Tensor:
        """The loss of predicting by what the context recalls."""
        context, future = self.split(clips, step)
        return loss(self.model(context, future.shape[1]), future)


class MemoryAlignment(Learner):
    """Two phases: *storing* fills the memory from long sequences, *matching* learns to recall from the context what is there.

    long: frames of the window that storing sees, at a random position of the clip; None is the whole clip. At least 9.
    warmup: first steps of the run, in which `warmup_horizon` frames are predicted instead of all, and storing sees the clip up
    to the last of them. None is the paper's share of the run, a sixtieth.
    """

    def __init__(
        self,
        model: LMC,
        context: int,
        horizon: int,
        steps: int,
        long: int | None = None,
        warmup: int | None = None,
        warmup_horizon: int = 10,
    ):
        super().__init__(model, context, horizon, steps, warmup, warmup_horizon)
        if model.memory is None or model.memory.motion_context_encoder is None:
            raise ValueError("memory alignment needs an LMC built with memory=True and storing=True")
        self.long = self.frames if long is None else long
        if not FEWEST_FRAMES <= self.long <= self.frames:
            raise ValueError(f"the long window takes {FEWEST_FRAMES} to {self.frames} frames (a whole clip), got {self.long}")
        self.memory = model.memory
        self.phases = {"storing": self.storing, "matching": self.matching}
        self.draws = {"storing": self.offsets}

    def storing(self, clips: Tensor, step: int, offsets: Tensor | None = None) -> Tensor:
        """The loss of predicting by what the long window recalls; memory learns what to keep."""
        context, future = self.split(clips, step)
        motion = self.memory.recall(self.memory.query(self.window(clips, step, offsets), "storing"))
        return loss(self.model.predict(context, future.shape[1], motion), future)

    def matching(self, clips: Tensor, step: int) -> Tensor:
        """The loss of predicting by what the context recalls; the memory itself gets no gradient."""
        context, future = self.split(clips, step)
        motion = self.memory.recall(self.memory.query(context, "matching"), frozen=True)
        return loss(self.model.predict(context, future.shape[1], motion), future)

    def window(self, clips: Tensor, step: int, offsets: Tensor | None = None) -> Tensor:
        """The long sequences [B, long, C, H, W] of clips; during warm-up, all frames that are seen and predicted."""
        if step < self.warmup:
            return clips[:, : self.warmup_frames]
        offset = (self.offsets(len(clips), step) if offsets is None else offsets)[0]
        if offset.is_cuda:  # reading the number would make the host wait
            return clips.index_select(1, offset + torch.arange(self.long, device=clips.device))
        return clips[:, int(offset) : int(offset) + self.long]

    def offsets(self, count: int, step: int) -> Tensor:
        """Where the long window begins, integers [count]: one draw for the whole batch, and none during warm-up."""
        offset = torch.tensor(0) if step < self.warmup else torch.randint(self.frames - self.long + 1, ())
        return offset.expand(count)


def loss(prediction: Tensor, future: Tensor) -> Tensor:
    """Mean absolute error + mean squared error, unweighted, as in the paper."""
    prediction = prediction.float()
    return F.l1_loss(prediction, future) + F.mse_loss(prediction, future)
