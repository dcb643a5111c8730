"""MIM of OpenSTL. The convolutions conv_last of its differences are never used by its code.

The authors' own code (Yunbo426/MIM) is TensorFlow; its files do not load.
"""

from bench.converters.plan import Plan, Source, Weights, same
from bench.converters.predrnn import st_lstm

FAMILY = "MIM of OpenSTL"
BLOCK = {
    "from_input.weight": "conv_x_cc.0.weight", "from_hidden.weight": "conv_t_cc.0.weight",
    "from_memory.weight": "conv_s_cc.0.weight", "merge.weight": "conv_last.weight",
}  # fmt: skip
PEEPHOLE = {
    "from_input.weight": "conv_x_concat.0.weight", "from_hidden.weight": "conv_h_concat.0.weight", "peep_if": "ct_weight",
    "peep_o": "oc_weight",
}  # fmt: skip
NAMES = (
    *(f"stlstm_layer.{{n}}.conv_{letter}.0.weight" for letter in "xhmo"),
    *(f"stlstm_layer.{{n}}.{name}" for name in (*BLOCK.values(), *PEEPHOLE.values())),
    *(f"stlstm_layer_diff.{{n}}.{name}" for name in (*PEEPHOLE.values(), "conv_last.weight")), "conv_last.weight",
)  # fmt: skip
NOTE = (
    "OpenSTL's MIM never resets one of its states between sequences, so its numbers depend on the batches before; here each "
    "sequence starts from zero."
)


def plan(weights: Weights) -> Plan:
    """The plan for such a file."""
    layers = weights.count("stlstm_layer", least=2)
    of_memory = [f"stlstm_layer.{n}.conv_s_cc.0.weight" for n in range(1, layers)]
    hidden = weights.size(*((key, 1) for key in of_memory), ("conv_last.weight", 1))
    kernel = weights.size(*((key, dimension) for key in of_memory for dimension in (2, 3)))
    channels, patch = weights.patches(("conv_last.weight", 0), ("stlstm_layer.0.conv_x.0.weight", 1))
    maps = [f"stlstm_layer.{n}.{name}" for n in range(1, layers) for name in ("ct_weight", "oc_weight")]
    height, width = (weights.size(*((key, dimension) for key in maps)) for dimension in (1, 2))
    parameters: dict[str, Source] = {"output.weight": same("conv_last.weight"), **st_lstm("first", "stlstm_layer.0")}
    for n in range(layers - 1):
        block, difference = f"stlstm_layer.{n + 1}", f"stlstm_layer_diff.{n}"
        parameters |= {f"blocks.{n}.{ours}": same(f"{block}.{theirs}") for ours, theirs in BLOCK.items()}
        parameters |= {f"blocks.{n}.stationary.{ours}": same(f"{block}.{theirs}") for ours, theirs in PEEPHOLE.items()}
        parameters |= {f"differences.{n}.{ours}": same(f"{difference}.{theirs}") for ours, theirs in PEEPHOLE.items()}
    idle = {f"stlstm_layer_diff.{n}.conv_last.weight": (hidden, 2 * hidden, 1, 1) for n in range(layers - 1)}
    options = {"hidden": hidden, "layers": layers, "kernel": kernel, "patch": patch}
    size = height * patch, width * patch
    return Plan(options, channels, parameters, unused=[idle], size=size, notes=(NOTE,))
