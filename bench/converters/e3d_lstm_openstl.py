"""E3D-LSTM of OpenSTL. Its convolution of the memory m, conv_gm, has no part in any number: m is always zero there.

The authors' own code (google/e3d_lstm) is TensorFlow; its files do not load.
"""

from functools import partial

from bench.converters.plan import Misfit, Plan, Shape, Source, Weights, reshaped

FAMILY = "E3D-LSTM of OpenSTL"
CONVS = {
    "from_input": "conv_x", "from_hidden": "conv_h", "from_new_cell": "conv_new_cell", "from_new_memory": "conv_new_gm",
}  # fmt: skip
NAMES = (
    "cell_list.{n}._norm_c_t.weight", "cell_list.{n}._norm_c_t.bias",
    *(f"cell_list.{{n}}.{conv}.0.conv3d.weight" for conv in (*CONVS.values(), "conv_gm")),
    "cell_list.{n}.conv_last.conv3d.weight", "conv_last.weight",
)  # fmt: skip
KTH_PATCH = 8  # OpenSTL's KTH configuration, whose convolutions also have a stride of 2


def plan(weights: Weights) -> Plan:
    """The plan for such a file. Our maps hold two frames side by side in each channel, theirs in a dimension."""
    layers = weights.count("cell_list")
    of_hidden = [f"cell_list.{n}.conv_h.0.conv3d.weight" for n in range(layers)]
    hidden = weights.size(*((key, 1) for key in of_hidden), ("conv_last.weight", 1))
    kernel = weights.size(*((key, dimension) for key in of_hidden for dimension in (3, 4)))
    channels, patch = weights.patches(("conv_last.weight", 0), ("cell_list.0.conv_x.0.conv3d.weight", 1))
    if patch == KTH_PATCH:
        raise Misfit(
            "its patches of 8 are of the KTH configuration, whose strided convolutions this suite's model does not have"
        )
    norms = [f"cell_list.{n}._norm_c_t.{kind}" for n in range(layers) for kind in ("weight", "bias")]
    height, width = (weights.size(*((key, dimension) for key in norms)) for dimension in (2, 3))
    parameters: dict[str, Source] = {"output.weight": reshaped("conv_last.weight", _of_two_frames)}
    idle: dict[str, Shape] = {}
    for n in range(layers):
        ours, theirs = f"cells.{n}", f"cell_list.{n}"
        for role, conv in CONVS.items():
            parameters[f"{ours}.{role}.weight"] = reshaped(f"{theirs}.{conv}.0.conv3d.weight", _of_two_frames)
        parameters[f"{ours}.merge.weight"] = reshaped(f"{theirs}.conv_last.conv3d.weight", lambda shape: shape)
        for kind in ("weight", "bias"):
            parameters[f"{ours}.cell_norm.{kind}"] = reshaped(f"{theirs}._norm_c_t.{kind}", partial(_of_norm, hidden))
        idle[f"{theirs}.conv_gm.0.conv3d.weight"] = (4 * hidden, hidden, 2, kernel, kernel)
    options = {"hidden": hidden, "layers": layers, "kernel": kernel, "patch": patch}
    return Plan(options, channels, parameters, unused=[idle], size=(height * patch, width * patch))


def _of_two_frames(ours: Shape) -> Shape:
    """[out, 2 * in, k, k] of ours -> [out, in, 2, k, k] of theirs."""
    assert ours[1] is not None
    return ours[0], ours[1] // 2, 2, *ours[2:]


def _of_norm(hidden: int, ours: Shape) -> Shape:
    return hidden, 2, *ours[1:]
