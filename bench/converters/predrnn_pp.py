"""PredRNN++ of OpenSTL. Each of its layers carries a convolution conv_o that its code never uses.

The authors' own code (Yunbo426/predrnn-pp) is TensorFlow, with other widths, biases and norms; its files do not load.
"""

from bench.converters.convlstm import sizes
from bench.converters.plan import Plan, Source, Weights, same

FAMILY = "PredRNN++ of OpenSTL"
CONVS = {
    "from_input": "conv_x", "from_hidden": "conv_h", "from_cell": "conv_c", "from_memory": "conv_m",
    "from_new_cell": "conv_c2m", "from_new_memory": "conv_om",
}  # fmt: skip
NAMES = (
    *(f"cell_list.{{n}}.{conv}.0.weight" for conv in (*CONVS.values(), "conv_o")), "cell_list.{n}.conv_last.weight",
    "gradient_highway.x_concat.0.weight", "gradient_highway.z_concat.0.weight", "conv_last.weight",
)  # fmt: skip


def plan(weights: Weights) -> Plan:
    """The plan for such a file."""
    options, channels = sizes(weights)
    hidden, kernel, layers = options["hidden"], options["kernel"], range(options["layers"])
    parameters: dict[str, Source] = {
        "highway.from_input.weight": same("gradient_highway.x_concat.0.weight"),
        "highway.from_state.weight": same("gradient_highway.z_concat.0.weight"),
        "output.weight": same("conv_last.weight"),
    }
    for n in layers:
        parameters |= {f"cells.{n}.{role}.weight": same(f"cell_list.{n}.{conv}.0.weight") for role, conv in CONVS.items()}
        parameters[f"cells.{n}.merge.weight"] = same(f"cell_list.{n}.conv_last.weight")
    idle = {f"cell_list.{n}.conv_o.0.weight": (hidden, 2 * hidden, kernel, kernel) for n in layers}
    return Plan(options, channels, parameters, unused=[idle])
