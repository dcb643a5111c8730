"""PhyDNet of its authors (vincent-leguen/PhyDNet) and of OpenSTL.

OpenSTL's file holds the authors' model behind `encoder.`, its two recurrent parts once more in front, which are the same
tensors there, and constant matrices of the moment loss.
"""

from collections.abc import Sequence

import torch

from bench.converters.plan import Plan, Shape, Source, Weights, both, of_transposed

FAMILY = "PhyDNet of its authors and OpenSTL"
LAYERS = ("weight", "bias")
PHYCELL = {"derivatives": "F.conv1", "norm": "F.bn1", "combine": "F.conv2", "gain": "convgate"}
STACKS = {  # ours, theirs, number of blocks, whether theirs are transposed convolutions
    "encoder": ("encoder_E.c", 3, False), "to_physical": ("encoder_Ep.c", 2, False), "to_residual": ("encoder_Er.c", 2, False),
    "from_physical": ("decoder_Dp.upc", 2, True), "from_residual": ("decoder_Dr.upc", 2, True),
}  # fmt: skip
MODEL_NAMES = (
    *(f"phycell.cell_list.{{n}}.{part}.{kind}" for part in PHYCELL.values() for kind in LAYERS),
    *(f"convcell.cell_list.{{n}}.conv.{kind}" for kind in LAYERS),
    *(f"{theirs}{{n}}.main.{{n}}.{kind}" for theirs, _, _ in STACKS.values() for kind in LAYERS),
    *(f"decoder_D.upc{part}.{kind}" for part in ("{n}.main.{n}", "{n}") for kind in LAYERS),
)  # fmt: skip
MATRICES = ("k2m._M0", "k2m._invM0", "k2m._M1", "k2m._invM1")
NAMES = (*MODEL_NAMES, *(f"encoder.{name}" for name in MODEL_NAMES), *MATRICES)
DIFFERENT = (
    "its two copies of the recurrent parts differ, which OpenSTL never writes; the one behind 'encoder.' is used, as there."
)


def plan(weights: Weights) -> Plan:
    """The plan for such a file."""
    within = "encoder." if weights.some(r"^encoder\.") else ""
    copied = weights.count(f"{within}convcell.cell_list", least=0) > 0
    cells = within if copied else ""
    physical, residual = f"{cells}phycell.cell_list.0", f"{cells}convcell.cell_list"
    layers = weights.count(residual)
    width = weights.size(
        (f"{physical}.F.conv2.weight", 0), (f"{physical}.F.conv1.weight", 1), (f"{physical}.convgate.weight", 0)
    )
    kernel = weights.size(*((f"{physical}.F.conv1.weight", dimension) for dimension in (2, 3)), ("k2m._M0", 0))
    last = f"{within}decoder_D.upc3"
    channels = weights.size((f"{last}.bias", 0), (f"{last}.weight", 1), (f"{within}encoder_E.c1.main.0.weight", 1))
    hidden = tuple(
        weights.size((f"{residual}.{n}.conv.weight", 0), (f"{residual}.{n}.conv.bias", 0)) // 4 for n in range(layers)
    )
    recurrent: dict[str, Source] = {}
    for ours, theirs in PHYCELL.items():
        recurrent |= both(f"physical_cell.{ours}", f"{physical}.{theirs}")
    for n in range(layers):
        recurrent |= both(f"residual_cells.{n}.gates", f"{residual}.{n}.conv")
    parameters = recurrent | _encoders(within)
    unused: list[dict[str, Shape]] = [dict.fromkeys(MATRICES, (kernel, kernel))]
    notes = []
    if within and copied:
        keys = [source.keys[0] for source in recurrent.values()]
        unused.append({key.removeprefix(within): tuple(weights[key].shape) for key in keys if key in weights})
        notes = [DIFFERENT] if _differ(weights, keys, within) else []
    options = {"width": width, "residual": hidden, "kernel": kernel}
    return Plan(options, channels, parameters, unused=unused, notes=tuple(notes))


def _encoders(within: str) -> dict[str, Source]:
    """The layers that are not recurrent. Ours are plain convolutions where theirs are transposed ones of stride 1."""
    sources: dict[str, Source] = {}
    for ours, (theirs, blocks, transposed) in STACKS.items():
        for n in range(blocks):
            sources |= _block(f"{ours}.{n}", f"{within}{theirs}{n + 1}.main", transposed)
    last = f"{within}decoder_D.upc"
    sources |= _block("decoder", f"{last}1.main", transposed=False) | _block("decoder.3", f"{last}2.main", transposed=True)
    return sources | both("decoder.4", f"{last}3")


def _block(ours: str, theirs: str, transposed: bool) -> dict[str, Source]:
    """A convolution and the norm after it."""
    sources = both(f"{ours}.0", f"{theirs}.0") | both(f"{ours}.1", f"{theirs}.1")
    if transposed:
        sources[f"{ours}.0.weight"] = of_transposed(f"{theirs}.0.weight")
    return sources


def _differ(weights: Weights, keys: Sequence[str], within: str) -> bool:
    """Whether a tensor and its copy in front are both there and not the same."""
    copies = ((key, key.removeprefix(within)) for key in keys)
    return any(key in weights and copy in weights and not torch.equal(weights[key], weights[copy]) for key, copy in copies)
