"""Conv-TT-LSTM of its authors (NVlabs/conv-tt-lstm). Its names and shapes are facts; none of its code was consulted."""

from itertools import count

import torch
from torch import Tensor

from bench.converters.plan import Plan, Shape, Source, Weights, both

FAMILY = "Conv-TT-LSTM of its authors"
NAMES = tuple(
    f"layers.{name}.{kind}" for name in ("b{n}l{n}.layers.{n}", "b{n}l{n}.layers_.{n}", "output") for kind in ("weight", "bias")
)
NOTE = "Its files do not tell whether frames go through a sigmoid, as its KTH model's do: --set model.sigmoid=true."


def plan(weights: Weights) -> Plan:
    """The plan for such a file. `layers` of a cell are couplings and then gates, `layers_` the links' projections."""
    blocks = range(_run(weights, r"^layers\.b{}l0\."))
    depths = [_run(weights, rf"^layers\.b{b}l{{}}\.") for b in blocks]
    cells = [f"layers.b{b}l{n}" for b, depth in enumerate(depths) for n in range(depth)]
    order = max((weights.count(f"{cell}.layers_", least=0) for cell in cells), default=1) or 1
    links = [f"{cell}.layers_.{link}.weight" for cell in cells for link in range(order)]
    rank = weights.size(*((key, 0) for key in links), ("layers.b0l0.layers_.0.bias", 0))
    kernel = weights.size(*((key, dimension) for key in links for dimension in (2, 3)), ("layers.b0l0.layers.0.weight", 2))
    window = weights.size(*((key, 4) for key in links), ("layers.b0l0.layers_.0.weight", 4))
    gates = [f"layers.b{b}l0.layers.{order - 1}" for b in blocks]
    hidden = tuple(weights.size((f"{layer}.bias", 0), (f"{layer}.weight", 0)) // 4 for layer in gates)
    channels = weights.size(("layers.output.weight", 0), ("layers.output.bias", 0))
    parameters: dict[str, Source] = {**both("readout", "layers.output")}
    for number, cell in enumerate(cells):
        parameters[f"cells.{number}.project.weight"] = _projections(cell, order, window)
        parameters[f"cells.{number}.project_bias"] = _biases(cell, order)
        parameters |= both(f"cells.{number}.gates", f"{cell}.layers.{order - 1}")
        for link in range(order - 1):
            parameters |= both(f"cells.{number}.couple.{link}", f"{cell}.layers.{link}")
    options = {
        "hidden": hidden, "layers": tuple(depths), "order": order, "history": order + window - 1, "rank": rank,
        "kernel": kernel,
    }  # fmt: skip
    return Plan(options, channels, parameters, notes=(NOTE,))


def _run(weights: Weights, pattern: str) -> int:
    """How many numbers, from 0 on, make a pattern that some name has."""
    return next(number for number in count() if not weights.some(pattern.format(number)))


def _projections(cell: str, order: int, window: int) -> Source:
    """Filters over time [rank, hidden, k, k, window], one per link -> ours, one after the other, links first, then lags."""
    keys = tuple(f"{cell}.layers_.{link}.weight" for link in range(order))

    def make(*links: Tensor) -> Tensor:
        return torch.cat([lag for link in links for lag in link.unbind(-1)])

    def shapes(ours: Shape) -> list[Shape]:
        assert ours[0] is not None
        return [(ours[0] // (order * window), *ours[1:], window)] * order

    return Source(keys, make, shapes)


def _biases(cell: str, order: int) -> Source:
    """[rank] of each link -> [links, rank, 1, 1]."""
    keys = tuple(f"{cell}.layers_.{link}.bias" for link in range(order))
    return Source(keys, lambda *links: torch.stack(links), lambda ours: [(ours[1],)] * order)
