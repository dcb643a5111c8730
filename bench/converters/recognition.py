"""Recognises the family of a file's weights by their names, and converts them to parameters of our model."""

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
from bench.converters.state_dict import StateDict, odd_name
from bench.spec.component import Component

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
"""Model name -> the function that plans the conversion. If two families know equally many names, the first wins."""

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # of batch norms: no parameters
FEWEST = 0.5  # share of a file's names that a family has to know


@dataclass(frozen=True)
class Conversion:
    """Somebody else's weights as our model's.

    family: the recognised family, for messages. weights: by our names. channels, size, context: of the frames that the model
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

    model: the catalogue's name if the user states it; otherwise the names in the file decide. options: of the model, as far as
    shapes do not show them. BenchError, naming a key, for a file of no known family or one that does not fit its family.
    """
    model_name = family(state, model)
    family_name = _family_name(model_name)
    weights = Weights(state.tensors)
    try:
        plan = getattr(_module(model_name), CONVERTERS[model_name].partition(":")[2])(weights)
        differing = [name for name, value in (options or {}).items() if name in plan.options and plan.options[name] != value]
        if differing:
            name = differing[0]
            raise BenchError(f"{state.path} is {family_name} with {name}={plan.options[name]}, not {(options or {})[name]}")
        component = Component(model_name, **{**(options or {}), **plan.options}).checked("models")
        converted = carried_out(plan, weights, model_name)
    except Misfit as error:
        # whether the user says so or the names do
        verdict = f"is not {family_name}:" if model else f"looks like {family_name}, but"
        raise BenchError(f"{state.path} {verdict} {error}") from error
    untold = [note for note, names in plan.untold.items() if not set(names) & (options or {}).keys()]
    notes = (*plan.notes, *untold)
    return Conversion(family_name, component, converted, plan.channels, plan.size, plan.context, notes)


def family(state: StateDict, model: str | None = None) -> str:
    """The catalogue's name of the model that a file's weights are of.

    model: what the user says it is; refused where the names in the file say otherwise.
    """
    if not state.tensors:
        raise BenchError(f"{state.path} holds no weights at all")
    shares = {name: _share(name, state.tensors) for name in CONVERTERS}
    best = max(shares, key=lambda name: shares[name])
    if model is None:
        if shares[best] < FEWEST:
            families = listed([_family_name(name) for name in CONVERTERS])
            raise BenchError(f"{state.path} is of no family that is known here: {_unknown_name(state)}. Known are {families}")
        return best
    if model not in CONVERTERS:
        raise BenchError(f"no published weights are known for {model}; `--model` takes {listed(CONVERTERS)}")
    if shares[best] > shares[model]:
        unknown_name = next(key for key in state.tensors if not _pattern(model).fullmatch(key))
        raise BenchError(
            f"{state.path} looks like {_family_name(best)}, not like {_family_name(model)}, which has no '{unknown_name}'"
        )
    return model


def _unknown_name(state: StateDict) -> str:
    """What no family has: a name that is not behind the prefix of all others, or the first name."""
    odd, prefix = odd_name(state.tensors)
    if odd:
        return f"'{odd}' is not behind '{prefix}', as its other names are"
    return f"no model has a '{next(iter(state.tensors))}' (--model and --set say what a checkpoint of this suite is of)"


def _share(name: str, tensors: Mapping[str, Tensor]) -> float:
    """How much of a file's names a family knows."""
    pattern = _pattern(name)
    return sum(1 for key in tensors if pattern.fullmatch(key)) / len(tensors)


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """The names of a family's weights. In its templates {n} stands for a number."""
    templates = getattr(_module(name), "NAMES" + _suffix(name))
    return re.compile("|".join(re.escape(template).replace(r"\{n\}", r"\d+") for template in templates))


def _family_name(name: str) -> str:
    family_name: str = getattr(_module(name), "FAMILY" + _suffix(name))
    return family_name


def _suffix(name: str) -> str:
    """The suffix of the constants of a family that shares its file with another: "_V2" for plan_v2."""
    return CONVERTERS[name].partition(":")[2].removeprefix("plan").upper()


def _module(name: str) -> ModuleType:
    return importlib.import_module(CONVERTERS[name].partition(":")[0])
