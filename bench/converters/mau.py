"""MAU of its authors (ZhengChang467/MAU) and of OpenSTL, which name their weights alike.

Both carry two layers that their code never uses, merge and conv_last_sr.
"""

from bench.converters.plan import Misfit, Plan, Source, Weights, both, joined, same

FAMILY = "MAU of its authors and OpenSTL"
PARTS = [f"{part}.{kind}" for part in "01" for kind in ("weight", "bias")]  # convolution, layer norm
NAMES = (
    *(f"cell_list.{{n}}.{conv}.{part}" for conv in ("conv_t", "conv_t_next", "conv_s", "conv_s_next") for part in PARTS),
    *(f"{name}.{kind}" for name in (
        "encoders.{n}.encoder_t_conv-1", "encoders.{n}.encoder_t{n}", "decoders.{n}.c_decoder{n}", "srcnn.0", "merge",
        "conv_last_sr",
    ) for kind in ("weight", "bias")),
)  # fmt: skip
NOTE = (
    "MAU's files do not tell its modes and its window: taken are 'normal' for both and 5 steps. Others are "
    "--set model.recall=true (model_mode recall), model.residual=true (cell_mode residual) and model.window=N (tau)."
)
NORMS = {"spatial_norm": "conv_s", "query_norm": "conv_s_next", "temporal_norm": "conv_t_next", "fused_norm": "conv_t"}


def plan(weights: Weights) -> Plan:
    """The plan for such a file. The two convolutions that read the spatial input are one of ours."""
    layers, halvings = weights.count("cell_list"), weights.count("encoders") - 1
    of_time = [f"cell_list.{n}.conv_t_next.0.weight" for n in range(layers)]
    hidden = weights.size(*((key, 1) for key in of_time), ("srcnn.0.weight", 1))
    kernel = weights.size(*((key, dimension) for key in of_time for dimension in (2, 3)))
    channels = weights.size(("srcnn.0.bias", 0), ("srcnn.0.weight", 0), ("encoders.0.encoder_t_conv-1.weight", 1))
    if channels > 3:
        raise Misfit(f"it sees {channels} channels: frames in patches, which this suite's MAU does not have")
    norms = [f"cell_list.{n}.{norm}.1.weight" for n in range(layers) for norm in NORMS.values()]
    height, width = (weights.size(*((key, dimension) for key in norms)) for dimension in (1, 2))
    parameters: dict[str, Source] = {**both("embed", "encoders.0.encoder_t_conv-1"), **both("readout", "srcnn.0")}
    for n in range(halvings):
        parameters |= both(f"down.{n}", f"encoders.{n + 1}.encoder_t{n}") | both(f"up.{n}", f"decoders.{n}.c_decoder{n}")
    for n in range(layers):
        ours, theirs = f"cells.{n}", f"cell_list.{n}"
        for kind in ("weight", "bias"):
            parameters |= {f"{ours}.{norm}.{kind}": same(f"{theirs}.{conv}.1.{kind}") for norm, conv in NORMS.items()}
            parameters[f"{ours}.from_spatial.{kind}"] = joined(
                (f"{theirs}.conv_s.0.{kind}", 3), (f"{theirs}.conv_s_next.0.{kind}", 1)
            )
            parameters[f"{ours}.from_temporal.{kind}"] = same(f"{theirs}.conv_t_next.0.{kind}")
            parameters[f"{ours}.from_fused.{kind}"] = same(f"{theirs}.conv_t.0.{kind}")
    idle = {
        "merge.weight": (hidden, 2 * hidden, 1, 1), "merge.bias": (hidden,),
        "conv_last_sr.weight": (channels, 2 * channels, 1, 1), "conv_last_sr.bias": (channels,),
    }  # fmt: skip
    shrink = 2**halvings
    options = {"hidden": hidden, "layers": layers, "kernel": kernel, "shrink": shrink}
    return Plan(options, channels, parameters, unused=[idle], size=(height * shrink, width * shrink), notes=(NOTE,))
