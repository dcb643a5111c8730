"""LMC-Memory of its authors. Our model's parameters bear the names of their published checkpoints."""

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
    first = weights.shape("encoder.0.weight")
    if len(first) != 4:
        raise Misfit("'encoder.0.weight' is missing or no convolution")
    options: dict[str, Any] = {
        "width": first[0],
        "layers": len({name.split(".")[1] for name in weights if name.startswith("convlstm_list.")}),
        "memory": "memory.memory_w" in weights,
    }
    if options["memory"]:
        options["slots"] = weights["memory.memory_w"].shape[:1].numel()
        options["storing"] = "memory.motion_context_encoder.0.weight" in weights
    return Plan(options, first[1], None, untold={NOTE: UNTOLD})
