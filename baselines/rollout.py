"""Predicting a horizon one frame at a time; shared by all recurrent baselines and all learners."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from baselines.layers.packed import packed

State = Any
Step = Callable[[Tensor, State | None], tuple[Tensor, State]]


def rollout(step: Step, true_frames: Tensor, length: int, keep: Tensor | None = None) -> tuple[Tensor, State]:
    """Run `step` over a clip of `length` frames; the outputs [B, length-1, C, H, W] and the last state.

    true_frames: [B, K, C, H, W], the frames that may be fed. Output t estimates frame t+1.
    keep: booleans [B, length-1], True where the true frame is fed and False where the model's own last output is; frame 0 is
    always fed. One mask covers inference (the default: all K known frames, then its own outputs), teacher forcing (all True),
    scheduled and reverse scheduled sampling. On the CPU it is read, which saves work; on a GPU, where reading would make the
    host wait, it is applied unread. Gradients flow through fed-back outputs.
    """
    if keep is None:
        keep = (torch.arange(length - 1, device="cpu") < true_frames.shape[1]).expand(true_frames.shape[0], -1)
    if keep.is_cuda:
        by_all, by_any = [False] * (length - 1), [t < true_frames.shape[1] for t in range(length - 1)]
    elif bool(keep[:, true_frames.shape[1] :].any()):
        raise ValueError(f"keep asks for true frames beyond the {true_frames.shape[1]} that are known")
    else:
        by_all, by_any = keep.all(0).tolist(), keep.any(0).tolist()
    mixed = by_any != by_all
    mask = keep.to(true_frames.device)[:, :, None, None, None] if mixed else keep
    frame, state, outputs = true_frames[:, 0], None, []
    for t in range(length - 1):
        if by_all[t] and t > 0:
            frame = true_frames[:, t]
        elif by_any[t] and t > 0:
            frame = torch.where(mask[:, t], true_frames[:, t], frame)
        frame, state = step(frame, state)
        outputs.append(frame)
    return torch.stack(outputs, 1), state


class Recurrent(nn.Module):
    """A model defined by its `step`, which prediction and training share.

    compile_targets: the methods worth compiling, where compiling is asked for; never the whole unrolled rollout.
    """

    compile_targets: tuple[str, ...] = ("step",)

    def step(self, frame: Tensor, state: State | None) -> tuple[Tensor, State]:
        """One frame further: [B, C, H, W] and the state (None at the start) -> the next frame, and the state then."""
        raise NotImplementedError

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        """[B, T, C, H, W] in [0, 1] -> the next `horizon` frames, not clamped."""
        replaced = "step" in vars(self)  # by a compiled method, which does not look up the layers' methods
        with nullcontext() if replaced else packed(self, context):
            frames, _ = rollout(self.step, context, context.shape[1] + horizon)
        return frames[:, -horizon:]
