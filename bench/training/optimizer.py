"""The optimizer that a spec may name."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor


def without_compile_guard(method: Any) -> Any:
    """An optimizer's method without the wrapper that keeps torch.compile out, which would import a compiler.

    Measured on a Xeon core, in a fresh process, from building Adam to its first step: 0.00 s, and with PyTorch's own 1.3 to
    1.6 s of processor time, which every run of a sweep would pay.
    """
    return getattr(method, "__wrapped__", method)


class UncompiledAdam(torch.optim.Adam):
    """PyTorch's Adam, which is never compiled."""

    add_param_group = without_compile_guard(torch.optim.Optimizer.add_param_group)
    zero_grad = without_compile_guard(torch.optim.Optimizer.zero_grad)
    state_dict = without_compile_guard(torch.optim.Optimizer.state_dict)
    load_state_dict = without_compile_guard(torch.optim.Optimizer.load_state_dict)
    step = torch.no_grad()(without_compile_guard(torch.optim.Adam.step))


class Adam(UncompiledAdam):
    """Adam (Kingma and Ba, ICLR 2015), one for all phases of a learner.

    idle_momentum: what PyTorch 1.6 did, under which LMC-Memory's published weights were trained: gradients are zeroed where
    today they are dropped, so parameters idle in a phase go on moving by momentum.

    On processors and NVIDIA GPUs a step is PyTorch's fused one, in a single pass over memory. It requires gradients and moments
    with the memory layout of their parameter, which is ensured here.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 2e-4,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        idle_momentum: bool = False,
    ):
        if lr <= 0:
            raise ValueError(f"lr must be above 0, got {lr}")
        parameters = list(parameters)
        fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)
        super().__init__(parameters, lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=weight_decay, fused=fused or None)
        self.idle_momentum = idle_momentum

    def zero_grad(self, set_to_none: bool = True) -> None:
        super().zero_grad(set_to_none=set_to_none and not self.idle_momentum)

    def step(self, closure: Any = None) -> Any:
        for parameter in self._parameters():
            if parameter.grad is not None:
                parameter.grad = laid_out(parameter.grad, parameter)
        return super().step(closure)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        for parameter in self._parameters():
            state = self.state.get(parameter, {})
            state.update({name: laid_out(state[name], parameter) for name in ("exp_avg", "exp_avg_sq") if name in state})

    def _parameters(self) -> Iterator[Tensor]:
        return (parameter for group in self.param_groups for parameter in group["params"])


def laid_out(values: Tensor, parameter: Tensor) -> Tensor:
    """The values in the memory layout of the parameter; a copy only if they have another layout."""
    return values if values.stride() == parameter.stride() else torch.empty_like(parameter).copy_(values)
