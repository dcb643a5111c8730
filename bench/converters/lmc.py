"""LMC-Memory of its authors. Our model's parameters bear the names of their published checkpoints."""

from pathlib import Path
from typing import Any

from bench.converters.plan import Misfit, Plan, Weights

FAMILY = "LMC-Memory"
LAYERS = (
    "encoder.{n}", "decoder.{n}", "attention_func.{n}", "convlstm_list.{n}.conv2d_x", "convlstm_list.{n}.conv2d_h",
    "memory.motion_matching_encoder.{n}", "memory.motion_context_encoder.{n}", "memory.embedder.{n}",
)  # fmt: skip
NAMES = ("memory.memory_w", *(f"{layer}.{kind}" for layer in LAYERS for kind in ("weight", "bias")))
UNTOLD = ("output", "temperature", "decompose", "shuffled")
NOTE = (
    "Weights do not tell whether frames go through a sigmoid, as its authors' KTH model's do (--set model.output=sigmoid), nor "
    "the temperature, decompose and shuffled of a model of this suite."
)


def plan(weights: Weights) -> Plan:
    """The plan for such a file: ours."""
    from lmc.checkpoint import sizes

    try:
        options: dict[str, Any] = sizes(dict(weights), Path("it"))
    except ValueError as error:
        raise Misfit(str(error).removeprefix("it is no LMC-Memory: ")) from error
    channels = int(options.pop("channels"))
    return Plan(options, channels, None, untold={NOTE: UNTOLD})
