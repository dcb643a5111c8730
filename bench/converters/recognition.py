"""Which family a file's weights are of, told by their names alone, and those weights as parameters of our model."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from torch import Tensor

from bench.common.errors import BenchError, listed
from bench.converters.plan import Misfit, Weights, carried_out
from bench.converters.state_dict import StateDict
from bench.spec import catalog
from bench.spec.runspec import Component

CONVERTERS = {
    "lmc": "bench.converters.lmc:plan",
    "convlstm": "bench.converters.convlstm:plan",
    "predrnn": "bench.converters.predrnn:plan",
    "predrnn_v2": "bench.converters.predrnn:plan_v2",
    "predrnn_pp": "bench.converters.predrnn_pp:plan",
    "e3d_lstm_openstl": "bench.converters.e3d_lstm_openstl:plan",
    "mim": "bench.converters.mim:plan",
    "mau": "bench.converters.mau:plan",
    "phydnet": "bench.converters.phydnet:plan",
    "conv_tt_lstm": "bench.converters.conv_tt_lstm:plan",
    "swinlstm": "bench.converters.swinlstm:plan",
    "simvp_first": "bench.converters.simvp_first:plan",
    "simvp": "bench.converters.simvp:plan",
    "tau": "bench.converters.simvp:plan_tau",
}
"""Names in the catalogue of models -> what plans the conversion. Of families that know a file equally well the first wins."""

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # of batch norms: no parameters
FEWEST = 0.5  # share of a file's names that a family has to know


@dataclass(frozen=True)
class Conversion:
    """Somebody else's weights as our model's.

    family: what they were recognised as, in words. weights: by our names. channels, size, context: of the frames that the model
    sees; None where the weights are tied to no size or number. notes: what a user has to know.
    """

    family: str
    model: Component
    weights: dict[str, Tensor]
    channels: int
    size: tuple[int, int] | None
    context: int | None
    notes: tuple[str, ...]

    @property
    def summary(self) -> str:
        """What was recognised: family, model, sizes, parameters."""
        sizes = ", ".join(f"{name}={value}" for name, value in self.model.options.items())
        count = sum(t.numel() for name, t in self.weights.items() if not name.endswith(STATISTICS))
        return f"{self.family}: {self.model.name}({sizes}), {count:,} parameters in use"


def recognised(state: StateDict, model: str | None = None, options: Mapping[str, Any] | None = None) -> Conversion:
    """The weights of a file as those of our model.

    model: the catalogue's name where the user says what it is; else the names in the file tell. options: of the model, for what
    shapes do not show. A file of no known family, or one that does not fit its family, is a BenchError that names a key.
    """
    found = family(state, model)
    tokens = _tokens(found)
    weights = Weights(state.tensors)
    try:
        plan = getattr(_module(found), CONVERTERS[found].partition(":")[2])(weights)
        differing = [name for name, value in (options or {}).items() if name in plan.options and plan.options[name] != value]
        if differing:
            name = differing[0]
            raise BenchError(f"{state.path} is {tokens} with {name}={plan.options[name]}, not {(options or {})[name]}")
        component = Component(found, **{**(options or {}), **plan.options})
        catalog.check("models", found, component.options)
        made = carried_out(plan, weights, found)
    except Misfit as error:
        looks = f"is not {tokens}:" if model else f"looks like {tokens}, but"  # whether the user says so or the names do
        raise BenchError(f"{state.path} {looks} {error}") from error
    return Conversion(tokens, component, made, plan.channels, plan.size, plan.context, plan.notes)


def family(state: StateDict, model: str | None = None) -> str:
    """The catalogue's name of the model that a file's weights are of.

    model: what the user says it is; refused where the names in the file say otherwise.
    """
    if not state.tensors:
        raise BenchError(f"{state.path} holds no weights at all")
    known = {name: _share(name, state.tensors) for name in CONVERTERS}
    best = max(known, key=lambda name: known[name])
    if model is None:
        if known[best] < FEWEST:
            raise BenchError(
                f"{state.path} is of no family that is known here: no model has a '{next(iter(state.tensors))}'. Known are "
                f"{listed([_tokens(name) for name in CONVERTERS])}"
            )
        return best
    if model not in CONVERTERS:
        raise BenchError(f"no published weights are known for {model}; `--model` takes {listed(CONVERTERS)}")
    if known[best] > known[model]:
        strange = next(key for key in state.tensors if not _pattern(model).fullmatch(key))
        raise BenchError(f"{state.path} looks like {_tokens(best)}, not like {_tokens(model)}, which has no '{strange}'")
    return model


def _share(name: str, tensors: Mapping[str, Tensor]) -> float:
    """How much of a file's names a family knows."""
    pattern = _pattern(name)
    return sum(1 for key in tensors if pattern.fullmatch(key)) / len(tensors)


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """The names of a family's weights. In its templates {n} stands for a number."""
    templates = getattr(_module(name), "NAMES" + _suffix(name))
    return re.compile("|".join(re.escape(template).replace(r"\{n\}", r"\d+") for template in templates))


def _tokens(name: str) -> str:
    text: str = getattr(_module(name), "FAMILY" + _suffix(name))
    return text


def _suffix(name: str) -> str:
    """What the constants of a family bear that shares its file with another: "_V2" for plan_v2."""
    return CONVERTERS[name].partition(":")[2].removeprefix("plan").upper()


def _module(name: str) -> ModuleType:
    return importlib.import_module(CONVERTERS[name].partition(":")[0])
