"""SimVP's first code: its files load, and the model computes what its layers say, one after another."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, group_norm, leaky_relu
from torch.testing import assert_close

from baselines.simvp_first import FirstSimVP
from bench.common.errors import BenchError
from bench.converters.recognition import recognised
from bench.converters.state_dict import unwrapped
from tests.parity import fill

CONTEXT, SPATIAL, TEMPORAL, DEPTH = 3, 16, 32, 3
HERE = Path("simvp.pth")


def shapes() -> dict[str, list[int]]:
    """The names and shapes of a file of the first code: two frames' channels, four spatial layers, three blocks each way."""
    expected_shapes = {"dec.readout.weight": [2, SPATIAL, 1, 1], "dec.readout.bias": [2]}
    inputs = {"enc.enc.0": 2, "dec.dec.3": 2 * SPATIAL}
    for layer in [f"{side}.{n}" for side in ("enc.enc", "dec.dec") for n in range(4)]:
        expected_shapes[f"{layer}.conv.conv.weight"] = [SPATIAL, inputs.get(layer, SPATIAL), 3, 3]
        expected_shapes |= {f"{layer}.conv.{name}": [SPATIAL] for name in ("conv.bias", "norm.weight", "norm.bias")}
    outer, inner = CONTEXT * SPATIAL, TEMPORAL
    widths = {
        "enc": [(outer, inner), (inner, inner), (inner, inner)],
        "dec": [(inner, inner), (2 * inner, inner), (2 * inner, outer)],
    }
    for side, pairs in widths.items():
        for n, (into, out) in enumerate(pairs):
            expected_shapes |= {
                f"hid.{side}.{n}.conv1.weight": [inner // 2, into, 1, 1],
                f"hid.{side}.{n}.conv1.bias": [inner // 2],
            }
            for branch, kernel in enumerate((3, 5, 7, 11)):
                layer = f"hid.{side}.{n}.layers.{branch}"
                expected_shapes[f"{layer}.conv.weight"] = [out, inner // 2 // 8, kernel, kernel]
                expected_shapes |= {f"{layer}.{name}": [out] for name in ("conv.bias", "norm.weight", "norm.bias")}
    return expected_shapes


def weights() -> dict[str, Tensor]:
    return {key: fill(key, shape, 0.1, 1.0 if key.endswith("norm.weight") else 0.0) for key, shape in shapes().items()}


def literally(w: dict[str, Tensor], frames: Tensor) -> Tensor:
    """What the first code's layers compute, written out: [B, T, C, H, W] -> the next T frames."""

    def layer(x: Tensor, name: str, stride: int = 1, up: bool = False) -> Tensor:
        kernel, bias = w[f"{name}.conv.conv.weight"], w[f"{name}.conv.conv.bias"]
        x = conv_transpose2d(x, kernel, bias, 2, 1, 1) if up else conv2d(x, kernel, bias, stride, 1)
        return leaky_relu(group_norm(x, 2, w[f"{name}.conv.norm.weight"], w[f"{name}.conv.norm.bias"]), 0.2)

    def inception(x: Tensor, name: str) -> Tensor:
        x, branches = conv2d(x, w[f"{name}.conv1.weight"], w[f"{name}.conv1.bias"]), []
        for n, kernel in enumerate((3, 5, 7, 11)):
            at = f"{name}.layers.{n}"
            y = conv2d(x, w[f"{at}.conv.weight"], w[f"{at}.conv.bias"], 1, kernel // 2, 1, 8)
            branches.append(leaky_relu(group_norm(y, 8, w[f"{at}.norm.weight"], w[f"{at}.norm.bias"]), 0.2))
        return branches[0] + branches[1] + branches[2] + branches[3]

    batch, count = frames.shape[:2]
    first = layer(frames.flatten(0, 1), "enc.enc.0")
    x = layer(layer(layer(first, "enc.enc.1", 2), "enc.enc.2"), "enc.enc.3", 2)
    x = x.reshape(batch, -1, *x.shape[2:])
    down = [x := inception(x, f"hid.enc.{n}") for n in range(DEPTH)]
    x = inception(x, "hid.dec.0")
    x = inception(torch.cat([x, down[1]], 1), "hid.dec.1")
    x = inception(torch.cat([x, down[0]], 1), "hid.dec.2").reshape(batch * count, SPATIAL, *x.shape[2:])
    x = layer(layer(layer(x, "dec.dec.0", up=True), "dec.dec.1"), "dec.dec.2", up=True)
    x = layer(torch.cat([x, first], 1), "dec.dec.3")
    return conv2d(x, w["dec.readout.weight"], w["dec.readout.bias"]).unflatten(0, (batch, count))


def test_a_file_of_the_first_code_loads_and_computes_what_its_layers_say():
    converted = recognised(unwrapped(weights(), HERE))
    assert (converted.model.name, converted.context, converted.channels) == ("simvp_first", CONTEXT, 2)
    model = FirstSimVP((2, 32, 24), **{"context": CONTEXT, **converted.model.options}).eval()
    model.load_state_dict(converted.weights)
    frames = torch.rand(2, CONTEXT, 2, 32, 24)
    with torch.inference_mode():
        assert_close(model(frames, CONTEXT), literally(weights(), frames))


def test_its_size_is_the_published_one():
    with torch.device("meta"):
        assert sum(p.numel() for p in FirstSimVP((1, 64, 64), 10).parameters()) == 15_778_433


@pytest.mark.parametrize("key", ["dec.dec.3.conv.conv.weight", "hid.dec.2.layers.3.norm.bias", "enc.enc.0.conv.norm.weight"])
def test_what_does_not_fit_is_named(key):
    for change, words in ((None, f"'{key}' is missing"), (torch.zeros(5), f"'{key}' has the shape")):
        changed = {name: value for name, value in {**weights(), key: change}.items() if value is not None}
        with pytest.raises(BenchError, match=words.replace(".", r"\.")):
            recognised(unwrapped(changed, HERE))
