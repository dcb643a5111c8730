"""Reorders weights for the processor once per rollout, instead of in every layer at every step.

oneDNN multiplies blocks. PyTorch therefore reorders the weights of a convolution whenever it runs. This saves 12% of the time
of a rollout of one clip (ConvLSTM, 10 -> 10 frames of 64x64 on one Xeon core: 0.82 s instead of 0.92 s), and nothing for eight
clips at once: it is for `bench predict`. Numbers change by rounding alone.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

FEWEST = 2**15  # weights of a layer for which reordering them takes time worth saving


@contextmanager
def packed(model: nn.Module, like: Tensor) -> Iterator[None]:
    """Within the block a model's layers use reordered weights, if it predicts (in inference mode) in float32 on a processor.

    like: the model's next input.
    """
    faster = [(layer, *fast_method) for layer in model.modules() if (fast_method := _packed(layer))] if _pays(like) else []
    try:
        for layer, method, replacement in faster:
            layer.__dict__[method] = replacement
        yield
    finally:
        for layer, method, _ in faster:
            layer.__dict__.pop(method, None)


def _pays(like: Tensor) -> bool:
    return (
        torch.is_inference_mode_enabled()
        and like.device.type == "cpu"
        and like.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
        and torch.backends.mkldnn.is_available()
    )


def _packed(layer: nn.Module) -> tuple[str, Callable[..., Tensor]] | None:
    """A layer's method and its replacement, if it is a standard layer with enough weights to gain by it."""
    if not isinstance(layer, nn.Linear | nn.Conv2d) or layer.weight.numel() < FEWEST or layer.weight.dtype != torch.float32:
        return None
    if isinstance(layer, nn.Linear):
        return ("forward", partial(_product, {}, layer.weight, layer.bias)) if type(layer) is nn.Linear else None
    symmetric = layer.padding != "same" or all(size % 2 for size in layer.kernel_size)
    is_standard = type(layer)._conv_forward is nn.Conv2d._conv_forward and layer.padding_mode == "zeros"
    if layer.groups > 1 or not symmetric or not is_standard:
        return None
    sides = zip(layer.kernel_size, layer.dilation, strict=True)
    padding = [size // 2 * spread for size, spread in sides] if layer.padding == "same" else layer.padding
    return "_conv_forward", partial(_convolution, {}, (padding, layer.stride, layer.dilation, 1))


def _product(reordered: dict[int, Tensor], weight: Tensor, bias: Tensor | None, rows: Tensor) -> Tensor:
    """A linear layer's forward."""
    count = rows.numel() // rows.shape[-1]
    if count not in reordered:
        reordered[count] = torch.ops.mkldnn._reorder_linear_weight.default(weight, count)
    product: Tensor = torch.ops.mkldnn._linear_pointwise.default(rows, reordered[count], bias, "none", [], "")
    return product


def _convolution(
    reordered: dict[object, Tensor], settings: tuple[Any, ...], maps: Tensor, weight: Tensor, bias: Tensor | None
) -> Tensor:
    """A convolution's forward, for its weight or a part of it.

    reordered: weights laid out so far. settings: padding, stride, dilation and groups.
    """
    pixels, products = maps.numel() // maps.shape[1], weight[0].numel()
    if pixels > products:  # so many that the weights' part in the work is small
        return functional.conv2d(maps, weight, bias, settings[1], settings[0], settings[2])
    part = weight.shape, weight.storage_offset()
    if part not in reordered:
        reordered[part] = torch._C._nn.mkldnn_reorder_conv2d_weight(weight.to_mkldnn(), *settings, maps.shape)  # type: ignore[call-arg]
    product: Tensor = torch.ops.mkldnn._convolution_pointwise.default(maps, reordered[part], bias, *settings, "none", [], "")
    return product
