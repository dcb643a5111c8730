"""Every name that a spec may use, and how to build what it names.

The constructor's signature is the schema of a Component's options. It is read from the source file, without importing it, so
that planning thousands of runs or refusing a misspelt option never waits for torch. Adding a model, learner, data set,
optimizer, schedule or executor is one file and one line here (metrics and protocols: `bench/metrics/`); a package of one's own
adds names through the entry point groups `lmc_bench.models`, `lmc_bench.datasets` and so on, and any class can be named in full
as `package.module:Class`.
"""

import importlib
import math
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from bench.common.annotations import accepts, adapt, format_annotation
from bench.common.errors import BenchError, did_you_mean, listed
from bench.spec import signatures
from bench.spec.signatures import Option

CATALOG: dict[str, dict[str, str]] = {
    "models": {
        "lmc": "lmc.model:LMC",
        "convlstm": "baselines.convlstm:ConvLSTM",
        "convlstm_peephole": "baselines.convlstm:PeepholeConvLSTM",
        "trajgru": "baselines.trajgru:TrajGRU",
        "predrnn": "baselines.predrnn:PredRNN",
        "predrnn_pp": "baselines.predrnn_pp:PredRNNpp",
        "predrnn_v2": "baselines.predrnn_v2:PredRNNv2",
        "e3d_lstm": "baselines.e3d_lstm:E3DLSTM",
        "e3d_lstm_openstl": "baselines.e3d_lstm_openstl:OpenSTLE3DLSTM",
        "mim": "baselines.mim:MIM",
        "mau": "baselines.mau:MAU",
        "phydnet": "baselines.phydnet:PhyDNet",
        "conv_tt_lstm": "baselines.conv_tt_lstm:ConvTTLSTM",
        "swinlstm": "baselines.swinlstm:SwinLSTM",
        "simvp": "baselines.simvp:SimVP",
        "simvp_first": "baselines.simvp_first:FirstSimVP",
        "tau": "baselines.tau:TAU",
        "copy_last": "baselines.trivial:CopyLast",
        "mean_context": "baselines.trivial:MeanContext",
        "black": "baselines.trivial:Black",
    },
    "learners": {
        "memory_alignment": "lmc.learner:MemoryAlignment",
        "matching_only": "lmc.learner:MatchingOnly",
        "direct": "baselines.learners:Direct",
        "scheduled_sampling": "baselines.learners:ScheduledSampling",
        "reverse_scheduled_sampling": "baselines.learners:ReverseScheduledSampling",
        "teacher_forcing": "baselines.learners:TeacherForcing",
        "nothing": "baselines.learners:NoTraining",
    },
    "datasets": {
        "digits": "bench.data.digits:Digits",
        "actions": "bench.data.actions:Actions",
        "moving_mnist": "bench.data.moving_mnist:MovingMNIST",
        "moving_mnist_fixed": "bench.data.moving_mnist:MovingMNISTFixed",
        "kth": "bench.data.kth:KTH",
        "frames": "bench.data.frames:Frames",
        "videos": "bench.data.videos:Videos",
    },
    "optimizers": {
        "adam": "bench.training.optimizer:Adam",
    },
    "schedules": {
        "constant": "bench.training.schedule:Constant",
        "cosine": "bench.training.schedule:Cosine",
        "onecycle": "bench.training.schedule:OneCycle",
    },
    "executors": {
        "inline": "bench.executors.inline:Inline",
        "local": "bench.executors.local:Local",
        "ray": "bench.executors.ray:Ray",
        "slurm": "bench.executors.slurm:Slurm",
    },
}
ENTRY_POINTS = {kind: f"lmc_bench.{kind}" for kind in CATALOG}  # the groups in which installed packages add names
SINGULAR = {
    "models": "model", "learners": "learner", "datasets": "data set", "optimizers": "optimizer",
    "schedules": "schedule", "executors": "executor",
}  # fmt: skip


LARGEST = 10**9  # upper bound of an option's numbers; the largest in use are steps at which a schedule ends
BASES = {
    "models": "torch.nn:Module", "datasets": "bench.data.base:Dataset", "optimizers": "torch.optim:Optimizer",
    "executors": "bench.sweep.executor:Executor",
}  # fmt: skip
"""The base class of classes from other packages."""
METHODS = {"learners": (), "schedules": ("__call__",)}
"""The methods of classes from other packages, for kinds that have no base class."""
WHAT_IT_IS = {
    "models": "a torch.nn.Module", "datasets": "a bench.data.base.Dataset", "optimizers": "a torch.optim.Optimizer",
    "learners": "a class", "schedules": "a class whose objects can be called",
    "executors": "a bench.sweep.executor.Executor",
}  # fmt: skip


def names(kind: str) -> list[str]:
    """All names of a kind, in declared order, those of installed packages last."""
    return [*CATALOG[kind], *(name for name in _installed(kind) if name not in CATALOG[kind])]


def canonical(kind: str, name: str) -> str:
    """The catalogue's spelling of `name` (hyphens and capitals are forgiven). An unknown name is a BenchError."""
    if ":" in name:
        return name
    plain = name.lower().replace("-", "_")
    if plain in CATALOG[kind] or plain in _installed(kind):
        return plain
    known_names = names(kind)
    all_names = f"; known: {listed(known_names)} (is the package that has it installed?)"
    raise BenchError(f"there is no {SINGULAR[kind]} '{name}'{did_you_mean(plain, known_names) or all_names}")


def check(kind: str, name: str, options: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The canonical name and the options, each of the type its constructor declares; BenchError in words otherwise."""
    name = canonical(kind, name)
    schema = {option.name: option for option in signature(kind, name) if option.name not in SUPPLIED}
    subject = f"{SINGULAR[kind]} '{name}'"
    for key in options:
        if key not in schema:
            takes = f"takes {listed(schema)}" if schema else "takes no options"
            raise BenchError(f"{subject} {takes}; got '{key}'{did_you_mean(key, schema)}")
    checked = {}
    for option in schema.values():
        if option.name in options:
            try:
                value = adapt(options[option.name], option.annotation)
            except OverflowError:
                raise BenchError(f"{subject}: {option.name} must be at most {LARGEST:,}, got a much larger number") from None
            if not accepts(value, option.annotation):
                raise BenchError(f"{subject}: {option.name} must be {format_annotation(option.annotation)}, got {value!r:.60}")
            _refuse_size(subject, option, value, kind if name in CATALOG[kind] else "")
            checked[option.name] = value
        elif option.required:
            raise BenchError(f"{subject} needs the option '{option.name}' ({option.annotation})")
    return name, checked


def _refuse_size(subject: str, option: Option, value: Any, kind: str) -> None:
    """BenchError for a number that is not finite, too large, or too small for a size: hidden=0, lr=1e999, 30 digits.

    Sizes of the suite's own models and data sets are at least 1, rates and numbers of steps at least 0; an option whose default
    is smaller may be as small as that. kind: empty for classes from other packages.
    """
    for number in value if isinstance(value, tuple) else (value,):
        if type(number) is float and not math.isfinite(number):
            raise BenchError(f"{subject}: {option.name} must be a finite number, got {number}")
        if type(number) not in (int, float):
            continue
        if type(number) is int and abs(number) > LARGEST:
            raise BenchError(f"{subject}: {option.name} must be at most {LARGEST:,}, got one of more digits")
        defaults = option.default if isinstance(option.default, tuple) else (option.default,)
        default_numbers = [default for default in defaults if type(default) in (int, float)]
        least = min(
            [*default_numbers, int(type(number) is int and kind in ("models", "datasets") and "float" not in option.annotation)]
        )
        if kind and number < least:
            raise BenchError(f"{subject}: {option.name} must be at least {least:g}, got {number:g}")


def differences(kind: str, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are not at their default: what the identity of a Component consists of."""
    defaults = {option.name: option.default for option in signature(kind, name) if not option.required}
    return {k: v for k, v in options.items() if k not in defaults or defaults[k] != v}


def build(kind: str, name: str, options: Mapping[str, Any], **supplied: Any) -> Any:
    """Check a name and its options, and build what they name (see `construct`)."""
    return construct(kind, *check(kind, name, options), supplied)


def construct(kind: str, name: str, options: Mapping[str, Any], supplied: Mapping[str, Any]) -> Any:
    """Build what a checked name with its options stands for.

    supplied: shape, context, ...; the constructor gets what it declares of these. Constructors say ValueError in
    words for sizes that cannot work (models know nothing of bench); the user sees a BenchError.
    """
    declared = {option.name for option in signature(kind, name)}
    arguments = {key: value for key, value in supplied.items() if key in declared}
    try:
        return load(kind, name)(**arguments, **options)
    except ValueError as error:
        raise BenchError(f"{SINGULAR[kind]} '{name}': {error}") from error


def load(kind: str, name: str) -> Any:
    """The class behind a name, imported; BenchError where it is no class of that kind."""
    module, _, attribute = target(kind, name).partition(":")
    if name in CATALOG[kind]:
        return getattr(importlib.import_module(module), attribute)
    try:
        loaded = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise BenchError(f"{SINGULAR[kind]} '{name}' cannot be imported: {error}") from error
    if not _is_of_kind(loaded, kind):
        raise BenchError(f"'{name}' is no {SINGULAR[kind]}: that is {WHAT_IT_IS[kind]}")
    return loaded


def _is_of_kind(value: Any, kind: str) -> bool:
    """Whether something from another package is a class of that kind."""
    if not isinstance(value, type):
        return False
    if kind in BASES:
        module, _, base = BASES[kind].partition(":")
        return issubclass(value, getattr(importlib.import_module(module), base))
    return all(callable(getattr(value, method, None)) for method in METHODS[kind])


def defaults(kind: str, name: str) -> dict[str, Any]:
    """The options that a name takes with their defaults; a required option shows its type."""
    own_options = (option for option in signature(kind, name) if option.name not in SUPPLIED)
    return {option.name: f"<{option.annotation}>" if option.required else option.default for option in own_options}


def purpose(kind: str, name: str) -> str:
    """What a name stands for: the first line of its docstring."""
    module, _, attribute = target(kind, name).partition(":")
    return signatures.purpose(module, attribute, name)


# What the suite itself passes to constructors that ask for it; never an option of a Component.
SUPPLIED = frozenset({"self", "shape", "context", "horizon", "steps", "model", "parameters"})


@cache
def signature(kind: str, name: str) -> tuple[Option, ...]:
    """The constructor's arguments, read from the source without importing it."""
    module, _, attribute = target(kind, name).partition(":")
    return tuple(signatures.arguments(module, attribute, f"{SINGULAR[kind]} '{name}'"))


def least_context(name: str, options: Mapping[str, Any]) -> int:
    """The fewest context frames that a model's source says it can do with; 1 where it does not say."""
    module, _, attribute = target("models", name).partition(":")
    values = {option.name: option.default for option in signature("models", name)} | dict(options)
    min_context = signatures.assigned(module, attribute, "min_context", values, f"model '{name}'")
    return min_context if isinstance(min_context, int) else 1


def target(kind: str, name: str) -> str:
    """What a name stands for, as `package.module:Class`."""
    if ":" in name:
        return name
    return CATALOG[kind].get(name) or _installed(kind)[name]


@cache
def _installed(kind: str) -> dict[str, str]:
    """Names that installed packages add through an entry point."""
    group = ENTRY_POINTS.get(kind)
    return {point.name: point.value for point in entry_points(group=group)} if group else {}
