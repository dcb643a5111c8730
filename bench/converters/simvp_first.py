"""SimVP of its authors' first code (A4Bio/SimVP). Its names are OpenSTL's but for the layers that double the map."""

from bench.converters.plan import Plan, Source, Weights, both
from bench.converters.simvp import KINDS, UNET, frames_of, inceptions, translator_sizes

FAMILY = "SimVP of its authors' first code"
OUTER_LAYERS = (
    *(f"{side}.conv.{part}.{kind}" for side in ("enc.enc.{n}", "dec.dec.{n}") for part in ("conv", "norm") for kind in KINDS),
    *(f"dec.readout.{kind}" for kind in KINDS),
)  # fmt: skip
NAMES = (*OUTER_LAYERS, *UNET)


def plan(weights: Weights) -> Plan:
    """The plan for such a file."""
    layers = weights.count("enc.enc")
    spatial = weights.size(("dec.readout.weight", 1), *((f"enc.enc.{n}.conv.norm.weight", 0) for n in range(layers)))
    channels = weights.size(("dec.readout.weight", 0), ("enc.enc.0.conv.conv.weight", 1), ("dec.readout.bias", 0))
    outer, inner, depth = translator_sizes(weights)
    parameters: dict[str, Source] = {**both("readout", "dec.readout"), **inceptions(weights)}
    for n in range(layers):
        for ours, theirs in ((f"encoder.{n}", f"enc.enc.{n}.conv"), (f"decoder.{n}", f"dec.dec.{n}.conv")):
            parameters |= both(f"{ours}.0", f"{theirs}.conv") | both(f"{ours}.1", f"{theirs}.norm")
    options = {"spatial": spatial, "spatial_layers": layers, "temporal": inner, "temporal_layers": depth}
    return Plan(options, channels, parameters, context=frames_of(outer, spatial))
