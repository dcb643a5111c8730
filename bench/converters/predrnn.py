"""PredRNN and PredRNN-V2 of their authors (thuml/predrnn-pytorch) and of OpenSTL, which name their weights alike.

The authors' first code (2021) had biases and a layer norm after every convolution; its files are refused by the first bias.
"""

from bench.converters.convlstm import sizes
from bench.converters.plan import Plan, Source, Weights, same

FAMILY = "PredRNN of its authors and OpenSTL"
FAMILY_V2 = "PredRNN-V2 of its authors and OpenSTL"
CONVS = {"from_input": "conv_x", "from_hidden": "conv_h", "from_memory": "conv_m", "output_gate": "conv_o"}
NAMES = (
    *(f"cell_list.{{n}}.{conv}.{part}" for conv in CONVS.values() for part in ("0.weight", "1.weight", "1.bias")),
    "cell_list.{n}.conv_last.weight", "conv_last.weight",
)  # fmt: skip
NAMES_V2 = (*NAMES, "adapter.weight")


def plan(weights: Weights) -> Plan:
    """The plan for a PredRNN's file."""
    options, channels = sizes(weights)
    normed = weights.some(r"\.conv_[xhmo]\.1\.")
    parameters: dict[str, Source] = {"output.weight": same("conv_last.weight")}
    for n in range(options["layers"]):
        parameters |= st_lstm(f"cells.{n}", f"cell_list.{n}", normed)
    if not normed:
        return Plan(options, channels, parameters)
    map_size = [weights.size(("cell_list.0.conv_h.1.weight", side), ("cell_list.0.conv_x.1.weight", side)) for side in (1, 2)]
    size = map_size[0] * options["patch"], map_size[1] * options["patch"]
    return Plan({**options, "layer_norm": True}, channels, parameters, size=size)


def plan_v2(weights: Weights) -> Plan:
    """The plan for a PredRNN-V2's file: PredRNN's, and the adapter that only training uses."""
    plan_v1 = plan(weights)
    assert plan_v1.parameters is not None
    plan_v1.parameters["adapter.weight"] = same("adapter.weight")
    return plan_v1


def st_lstm(ours: str, theirs: str, normed: bool = False) -> dict[str, Source]:
    """The weights of one ST-LSTM cell."""
    sources = {f"{ours}.merge.weight": same(f"{theirs}.conv_last.weight")}
    for role, conv in CONVS.items():
        sources[f"{ours}.{role}.0.weight" if normed else f"{ours}.{role}.weight"] = same(f"{theirs}.{conv}.0.weight")
        if normed:
            sources |= {f"{ours}.{role}.1.{kind}": same(f"{theirs}.{conv}.1.{kind}") for kind in ("weight", "bias")}
    return sources
