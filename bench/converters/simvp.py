"""SimVP (gSTA and IncepU translators) and TAU of OpenSTL."""

from bench.converters.plan import Misfit, Plan, Source, Weights, both, reshaped, same

FAMILY, FAMILY_TAU = "SimVP of OpenSTL", "TAU of OpenSTL"
KINDS = ("weight", "bias")
STATISTICS = {"running_mean": 0.0, "running_var": 1.0, "num_batches_tracked": 0.0}
NORMS = {"attention_norm": "norm1", "perceptron_norm": "norm2"}
PERCEPTRON = {"perceptron.0": "mlp.fc1", "perceptron.1": "mlp.dwconv.dwconv", "perceptron.3": "mlp.fc2"}
ATTENTION = {
    "attention.inward": "attn.proj_1", "attention.outward": "attn.proj_2",
    "attention.near": "attn.spatial_gating_unit.conv0", "attention.far": "attn.spatial_gating_unit.conv_spatial",
}  # fmt: skip
GATE = "attn.spatial_gating_unit.conv1"
SQUEEZE = {"attention.squeeze.0": "attn.spatial_gating_unit.fc.0", "attention.squeeze.2": "attn.spatial_gating_unit.fc.2"}
SCALES = {"attention_scale": "layer_scale_1", "perceptron_scale": "layer_scale_2"}

OUTER_LAYERS = (
    *(f"{side}.conv.{part}.{kind}" for side in ("enc.enc.{n}", "dec.dec.{n}") for part in ("conv", "norm") for kind in KINDS),
    *(f"dec.dec.{{n}}.conv.conv.0.{kind}" for kind in KINDS), *(f"dec.readout.{kind}" for kind in KINDS),
)  # fmt: skip
CHAIN = (
    *(f"hid.enc.{{n}}.reduction.{kind}" for kind in KINDS),
    *(f"hid.enc.{{n}}.block.{name}.{kind}" for name in (*ATTENTION.values(), GATE, *PERCEPTRON.values()) for kind in KINDS),
    *(f"hid.enc.{{n}}.block.{name}.{kind}" for name in NORMS.values() for kind in (*KINDS, *STATISTICS)),
    *(f"hid.enc.{{n}}.block.{name}" for name in SCALES.values()),
)  # fmt: skip
UNET = tuple(
    f"hid.{side}.{{n}}.{name}.{kind}"
    for side in ("enc", "dec")
    for name in ("conv1", "layers.{n}.conv", "layers.{n}.norm")
    for kind in KINDS
)
NAMES = (*OUTER_LAYERS, *CHAIN, *UNET)
NAMES_TAU = (*OUTER_LAYERS, *CHAIN, *(f"hid.enc.{{n}}.block.{name}.weight" for name in SQUEEZE.values()))
NO_STATISTICS = "it holds no running statistics of its batch norms; those of a new model (mean 0, variance 1) are taken."


def plan(weights: Weights) -> Plan:
    """The plan for a SimVP's file with either translator."""
    if weights.some(r"^hid\.dec\.|^hid\.enc\.\d+\.layers\."):
        return plan_of_inceptions(weights)
    return plan_of_chain(weights, {"attention.gate": GATE})


def plan_tau(weights: Weights) -> Plan:
    """The plan for a TAU's file: SimVP's, with another attention."""
    return plan_of_chain(weights, {"attention.mix": GATE}, SQUEEZE)


def plan_of_chain(weights: Weights, gate: dict[str, str], unbiased: dict[str, str] | None = None) -> Plan:
    """The second version's translator: attention blocks in a chain, a change of width after the first and before the last."""
    options, channels, parameters = outer_layers(weights)
    depth = weights.count("hid.enc", least=2)
    widths = [
        weights.size(*((f"hid.enc.{n}.block.{norm}.{kind}", 0) for norm in NORMS.values() for kind in KINDS))
        for n in range(depth)
    ]
    outer, inner = widths[0], weights.size(*((f"hid.enc.{n}.block.norm1.weight", 0) for n in range(1, depth)))
    perceptrons = [f"hid.enc.{n}.block.mlp.fc1.weight" for n in range(depth)]
    ratio = weights.size(*((key, 0) for key in perceptrons[1:])) // inner
    defaults: dict[str, float] = {}
    for n in range(depth):
        theirs, ours = f"hid.enc.{n}.block", f"translator.{n + (1 if n and outer != inner else 0)}"
        for role, name in (ATTENTION | gate | PERCEPTRON | NORMS).items():
            parameters |= both(f"{ours}.{role}", f"{theirs}.{name}")
        for role, name in (unbiased or {}).items():
            parameters[f"{ours}.{role}.weight"] = same(f"{theirs}.{name}.weight")
        for role, name in SCALES.items():
            parameters[f"{ours}.{role}"] = reshaped(f"{theirs}.{name}", lambda shape: shape[:1])
        for role, name in NORMS.items():
            parameters |= {f"{ours}.{role}.{kind}": same(f"{theirs}.{name}.{kind}") for kind in STATISTICS}
            defaults |= {f"{ours}.{role}.{kind}": value for kind, value in STATISTICS.items()}
    if outer != inner:
        parameters |= both("translator.1", "hid.enc.0.reduction")
        parameters |= both(f"translator.{depth + 1}", f"hid.enc.{depth - 1}.reduction")
    options |= {"temporal": inner, "temporal_layers": depth, "ratio": ratio}
    notes = () if weights.some(r"\.running_(mean|var)$") else (NO_STATISTICS,)
    context = frames_of(outer, options["spatial"])
    return Plan(options, channels, parameters, defaults=defaults, context=context, notes=notes)


def plan_of_inceptions(weights: Weights) -> Plan:
    """The first version's translator: Inception blocks down and up."""
    options, channels, parameters = outer_layers(weights)
    parameters |= inceptions(weights)
    outer, inner, depth = translator_sizes(weights)
    options |= {"temporal": inner, "temporal_layers": depth}
    all_options = {**options, "translator": "incepu"}
    return Plan(all_options, channels, parameters, context=frames_of(outer, options["spatial"]))


def translator_sizes(weights: Weights) -> tuple[int, int, int]:
    """Outer and inner width and depth of a translator of Inception blocks."""
    inner = weights.size(*((f"hid.enc.0.layers.{branch}.norm.weight", 0) for branch in range(4)))
    depth = weights.count("hid.enc", least=2)
    last = f"hid.dec.{depth - 1}.layers"
    outer = weights.size(*((f"{last}.{branch}.norm.weight", 0) for branch in range(4)), ("hid.enc.0.conv1.weight", 1))
    return outer, inner, depth


def inceptions(weights: Weights) -> dict[str, Source]:
    """The parameters of the Inception blocks of a translator."""
    sources: dict[str, Source] = {}
    for side, ours in (("enc", "down"), ("dec", "up")):
        for n in range(weights.count("hid.enc", least=2)):
            sources |= both(f"translator.{ours}.{n}.narrow", f"hid.{side}.{n}.conv1")
            for branch in range(4):
                theirs = f"hid.{side}.{n}.layers.{branch}"
                sources |= both(f"translator.{ours}.{n}.branches.{branch}.0", f"{theirs}.conv")
                sources |= both(f"translator.{ours}.{n}.branches.{branch}.1", f"{theirs}.norm")
    return sources


def outer_layers(weights: Weights) -> tuple[dict[str, int], int, dict[str, Source]]:
    """(spatial, spatial_layers), channels, and the parameters of encoder, decoder and readout."""
    layers = weights.count("enc.enc")
    spatial = weights.size(("dec.readout.weight", 1), *((f"enc.enc.{n}.conv.norm.weight", 0) for n in range(layers)))
    channels = weights.size(("dec.readout.weight", 0), ("enc.enc.0.conv.conv.weight", 1), ("dec.readout.bias", 0))
    parameters: dict[str, Source] = {**both("readout", "dec.readout")}
    for n in range(layers):
        up = ".0" if (layers - 1 - n) % 2 else ""  # those that undo a halving have their convolution in a sequence
        parameters |= both(f"encoder.{n}.0", f"enc.enc.{n}.conv.conv") | both(f"encoder.{n}.2", f"enc.enc.{n}.conv.norm")
        parameters |= both(f"decoder.{n}.0", f"dec.dec.{n}.conv.conv{up}") | both(f"decoder.{n}.2", f"dec.dec.{n}.conv.norm")
    return {"spatial": spatial, "spatial_layers": layers}, channels, parameters


def frames_of(outer: int, spatial: int) -> int:
    """How many frames a translator sees at once, from its width."""
    if outer % spatial:
        raise Misfit(f"'hid.enc.0...' is {outer} wide, which is no number of frames of {spatial} channels")
    return outer // spatial
