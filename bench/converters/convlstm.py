"""ConvLSTM of OpenSTL (chengtan9907/OpenSTL): a stack without biases and peepholes.

Each of its layers also carries two convolutions that its code never uses, conv_o and conv_last.
"""

from bench.converters.plan import Plan, Source, Weights, same

FAMILY = "ConvLSTM of OpenSTL"
NAMES = (
    "cell_list.{n}.conv_x.0.weight", "cell_list.{n}.conv_h.0.weight", "cell_list.{n}.conv_o.0.weight",
    "cell_list.{n}.conv_last.weight", "conv_last.weight",
)  # fmt: skip


def sizes(weights: Weights) -> tuple[dict[str, int], int]:
    """(hidden, layers, kernel, patch), channels of a frame: of any stack of cells with these names."""
    layers = weights.count("cell_list")
    of_hidden = [f"cell_list.{n}.conv_h.0.weight" for n in range(layers)]
    hidden = weights.size(*((key, 1) for key in of_hidden), ("conv_last.weight", 1))
    channels, patch = weights.patches(("conv_last.weight", 0), ("cell_list.0.conv_x.0.weight", 1))
    kernel = weights.size(*((key, dimension) for key in of_hidden for dimension in (2, 3)))
    return {"hidden": hidden, "layers": layers, "kernel": kernel, "patch": patch}, channels


def plan(weights: Weights) -> Plan:
    """The plan for such a file."""
    options, channels = sizes(weights)
    hidden, kernel, layers = options["hidden"], options["kernel"], range(options["layers"])
    parameters: dict[str, Source] = {"output.weight": same("conv_last.weight")}
    for n in layers:
        parameters[f"cells.{n}.from_input.weight"] = same(f"cell_list.{n}.conv_x.0.weight")
        parameters[f"cells.{n}.from_hidden.weight"] = same(f"cell_list.{n}.conv_h.0.weight")
    idle = {f"cell_list.{n}.conv_o.0.weight": (hidden, 2 * hidden, kernel, kernel) for n in layers}
    idle |= {f"cell_list.{n}.conv_last.weight": (hidden, 2 * hidden, 1, 1) for n in layers}
    return Plan(options, channels, parameters, unused=[idle])
