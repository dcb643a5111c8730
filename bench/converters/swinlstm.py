"""SwinLSTM-D and SwinLSTM-B of their authors (SongTang-x/SwinLSTM) and of OpenSTL.

Unused weights in their files: a second embedding of frames on the way up, the fusing layer `red` of every other block, and
constants of the window attention.
"""

from math import isqrt

from baselines.swinlstm import frame_multiple
from bench.converters.plan import Misfit, Plan, Shape, Source, Weights, both, same

FAMILY = "SwinLSTM of its authors and OpenSTL"
KINDS = ("weight", "bias")
BLOCK = {
    "before_attention": "norm1", "before_perceptron": "norm2", "attention.inward": "attn.qkv",
    "attention.outward": "attn.proj", "perceptron.0": "mlp.fc1", "perceptron.2": "mlp.fc2",
}  # fmt: skip
FUSE, BIAS_TABLE, OFFSETS, MASK = "red", "attn.relative_position_bias_table", "attn.relative_position_index", "attn_mask"
STACKS = ("Downsample.layers.{n}.STBs", "Downsample.layers.{n}.Swin.layers", "Upsample.layers.{n}.STBs",
          "Upsample.layers.{n}.Swin.layers", "ST.layer.STBs", "ST.layers.{n}.Swin.layers")  # fmt: skip
PLAIN = (
    *(f"{side}.patch_embed.{part}" for side in ("Downsample", "Upsample", "ST") for part in ("proj", "norm")),
    "Downsample.downsample.{n}.norm", "Upsample.upsample.{n}.norm", "Upsample.Unembed.Conv", "ST.PatchInflated.ConvT",
    "ST.patch_inflated.Conv",
)  # fmt: skip
NAMES = (
    *(f"{name}.{kind}" for name in PLAIN for kind in KINDS),
    "Downsample.downsample.{n}.reduction.weight", "Upsample.upsample.{n}.expand.weight",
    *(f"{stack}.{{n}}.{name}.{kind}" for stack in STACKS for name in (*BLOCK.values(), FUSE) for kind in KINDS),
    *(f"{stack}.{{n}}.{name}" for stack in STACKS for name in (BIAS_TABLE, OFFSETS, MASK)),
)  # fmt: skip


def plan(weights: Weights) -> Plan:
    """The plan for such a file, of either model and either code base."""
    return _plan_b(weights) if weights.some(r"^ST\.") else _plan_d(weights)


def _plan_d(weights: Weights) -> Plan:
    """Cells down and up, with the map halved and doubled between them."""
    scales = weights.count("Downsample.downsample")
    blocks = "Swin.layers" if weights.some(r"\.Swin\.layers\.") else "STBs"
    down = [f"Downsample.layers.{n}.{blocks}" for n in range(scales)]
    up = [f"Upsample.layers.{n}.{blocks}" for n in range(scales)]
    width, channels = _embedding(weights, "Downsample", "Upsample.Unembed.Conv")
    depths, heads, window = _stacks(weights, down)
    parameters = {**both("embed", "Downsample.patch_embed.proj"), **both("embed_norm", "Downsample.patch_embed.norm")}
    parameters |= both("readout", "Upsample.Unembed.Conv")
    idle = _Idle(window)
    for n in range(scales):
        parameters |= both(f"resizes.{n}.norm", f"Downsample.downsample.{n}.norm")
        parameters[f"resizes.{n}.reduce.weight"] = same(f"Downsample.downsample.{n}.reduction.weight")
        parameters |= both(f"resizes.{n + scales}.norm", f"Upsample.upsample.{n}.norm")
        parameters[f"resizes.{n + scales}.enlarge.weight"] = same(f"Upsample.upsample.{n}.expand.weight")
        parameters |= _cell(f"cells.{n}", down[n], depths[n]) | _cell(f"cells.{n + scales}", up[n], depths[n])
        idle.of_cell(down[n], depths[n], width << n)
        idle.of_cell(up[n], depths[n], width << (scales - n))
    embedding: dict[str, Shape] = {
        "Upsample.patch_embed.proj.weight": (width, channels, 2, 2),
        **dict.fromkeys([f"Upsample.patch_embed.{name}" for name in ("proj.bias", "norm.weight", "norm.bias")], (width,)),
    }
    options = {"width": width, "depths": depths, "heads": heads, "window": window}
    side = frame_multiple(window, scales)
    return Plan(options, channels, parameters, unused=[embedding, *idle.groups], probe=(side, side))


def _plan_b(weights: Weights) -> Plan:
    """A single cell."""
    stack = "ST.layers.0.Swin.layers" if weights.some(r"^ST\.layers\.") else "ST.layer.STBs"
    readout = "ST.PatchInflated.ConvT" if weights.some(r"^ST\.PatchInflated\.") else "ST.patch_inflated.Conv"
    width, channels = _embedding(weights, "ST", readout)
    depths, heads, window = _stacks(weights, [stack])
    parameters = {
        **both("embed", "ST.patch_embed.proj"),
        **both("embed_norm", "ST.patch_embed.norm"),
        **both("readout", readout),
    }
    parameters |= _cell("cells.0", stack, depths[0])
    idle = _Idle(window)
    idle.of_cell(stack, depths[0], width)
    options = {"width": width, "depths": depths, "heads": heads, "window": window}
    return Plan(options, channels, parameters, unused=idle.groups, probe=(2 * window, 2 * window))


def _embedding(weights: Weights, side: str, readout: str) -> tuple[int, int]:
    """Width of the finest tokens and channels of a frame."""
    embed = f"{side}.patch_embed"
    width = weights.size((f"{embed}.norm.weight", 0), (f"{embed}.proj.weight", 0), (f"{readout}.weight", 0))
    return width, weights.size((f"{readout}.weight", 1), (f"{embed}.proj.weight", 1), (f"{readout}.bias", 0))


def _stacks(weights: Weights, stacks: list[str]) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Depth and heads of each stack of blocks, and the side of the windows in all of them."""
    depths = tuple(weights.count(stack) for stack in stacks)
    tables = [[f"{stack}.{n}.{BIAS_TABLE}" for n in range(depth)] for stack, depth in zip(stacks, depths, strict=True)]
    heads = tuple(weights.size(*((key, 1) for key in keys)) for keys in tables)
    offsets = weights.size(*((key, 0) for keys in tables for key in keys))  # (2 * window - 1)^2
    if isqrt(offsets) ** 2 != offsets:
        raise Misfit(f"'{tables[0][0]}' has {offsets} offsets, which are those of no square window")
    return depths, heads, (isqrt(offsets) + 1) // 2


def _cell(ours: str, stack: str, depth: int) -> dict[str, Source]:
    """The blocks of one cell; every other one has a second input to fuse."""
    sources: dict[str, Source] = {}
    for n in range(depth):
        for role, name in (BLOCK | ({"fuse": FUSE} if n % 2 == 0 else {})).items():
            sources |= both(f"{ours}.blocks.{n}.{role}", f"{stack}.{n}.{name}")
        sources[f"{ours}.blocks.{n}.attention.position_bias"] = same(f"{stack}.{n}.{BIAS_TABLE}")
    return sources


class _Idle:
    """Unused weights of blocks: fusing layers with nothing to fuse, offsets within windows, masks of shifted windows."""

    def __init__(self, window: int):
        self.tokens = window**2
        self.fusing: dict[str, Shape] = {}
        self.offsets: dict[str, Shape] = {}
        self.masks: dict[str, Shape] = {}

    @property
    def groups(self) -> list[dict[str, Shape]]:
        """A file has all of a group or none of it."""
        return [self.fusing, self.offsets, self.masks]

    def of_cell(self, stack: str, depth: int, width: int) -> None:
        """Add the unused weights of one cell."""
        for n in range(depth):
            self.offsets[f"{stack}.{n}.{OFFSETS}"] = (self.tokens, self.tokens)
            if n % 2:
                self.fusing |= {f"{stack}.{n}.{FUSE}.weight": (width, 2 * width), f"{stack}.{n}.{FUSE}.bias": (width,)}
                self.masks[f"{stack}.{n}.{MASK}"] = (None, self.tokens, self.tokens)
