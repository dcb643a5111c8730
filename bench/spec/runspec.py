"""What decides the outcome of one training run, as one frozen value with a key."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from bench.common.annotations import accepts, adapt, format_annotation
from bench.common.errors import BenchError, Blocked, did_you_mean, listed
from bench.common.reading import sha256_of
from bench.spec import catalog
from bench.spec.component import Component, component_from_json
from bench.spec.shell_values import parse_value, shortened

Precision = Literal["float32", "bf16"]
HASHED = "@sha256:"  # between the path and the hash of a checkpoint that training starts from
OF_TRAINING = frozenset(
    {"batch", "optimizer", "schedule", "clip_norm", "compile", "validate_every", "validation_clips", "select", "init"}
)
"""The fields of a RunSpec that change nothing where nothing is trained."""

# The fields of a RunSpec that are Components, and the kind of each.
KINDS = {
    "model": "models", "learner": "learners", "data": "datasets", "optimizer": "optimizers", "schedule": "schedules",
}  # fmt: skip


@dataclass(frozen=True)
class RunSpec:
    """Everything that decides the outcome of one training run.

    context: frames that the model sees. horizon: frames that it learns to predict after them.
    steps: iterations; each is one batch, and one optimizer step per phase of the learner.
    validate_every: steps between two validations. validation_clips: how many clips of the validation split each scores.
    select: the checkpoint that is evaluated: the last, or the one with the best validation PSNR.
    clip_norm: largest gradient norm; larger ones are scaled down to it.
    precision: float32, or bf16: the model computes in bfloat16 where that is safe, from float32 weights (autocast). On a GPU,
        float32 means PyTorch's default: convolutions in TF32 (float32 with 10 bits after the binary point), matrix products in
        full float32. Scores are computed in full float32 in either case.
    init: a checkpoint file that training starts from, ours or of another code base; its content is part of the run's identity,
        where it lies is not. It is kept as PATH@sha256:HASH.
    compile: whether to compile the model's steps with torch.compile first. It takes minutes, which pay on GPUs but seldom on
        processors.
    """

    model: Component
    learner: Component
    data: Component
    steps: int
    batch: int
    context: int = 10
    horizon: int = 10
    optimizer: Component = Component("adam")
    schedule: Component = Component("constant")
    clip_norm: float | None = None
    precision: Precision = "float32"
    compile: bool = False
    validate_every: int = 1000
    validation_clips: int = 64
    select: Literal["last", "best"] = "last"
    seed: int = 0
    init: str | None = None

    def __post_init__(self) -> None:
        values = vars(self)
        for name, annotation in ANNOTATIONS.items():
            value = values[name]
            if kind := KINDS.get(name):
                if not isinstance(value, Component):
                    raise BenchError(f"{name} must be a Component, such as Component('{value}'), got {value!r}")
                if value.kind != kind:
                    object.__setattr__(self, name, value.checked(kind))
            elif type(value) not in EXACT.get(annotation, ()):  # thousands of specs are made for one table
                self._check_plain(name, value)
        for name, least in LEAST.items():
            if not least <= (value := values[name]) <= MOST[name]:
                bound = f"at least {least}" if value < least else f"at most {MOST[name]:,}"
                raise BenchError(f"{name} must be {bound}, got {shortened(value)}")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise BenchError(f"clip_norm must be above 0, or None for gradients as they are; got {self.clip_norm}")
        if self.init is not None:
            if self.steps == 0:
                raise BenchError("init is where training starts, and with steps=0 there is none; `bench eval` scores a file")
            object.__setattr__(self, "init", _with_hash(self.init))

    def _check_plain(self, name: str, value: Any) -> None:
        annotation = ANNOTATIONS[name]
        value = adapt(value, annotation)
        if not accepts(value, annotation):
            raise BenchError(f"{name} must be {format_annotation(annotation)}, got {shortened(value)}")
        object.__setattr__(self, name, value)

    def but(self, **changes: Any) -> RunSpec:
        """The same with other values: `LMC.but(model=LMC.model.but(slots=50))`."""
        unknown = [name for name in changes if name not in ANNOTATIONS]
        if unknown:
            raise BenchError(f"a run has no '{unknown[0]}'{did_you_mean(unknown[0], ANNOTATIONS) or _list_of_settings()}")
        return replace(self, **changes)

    def edited(self, setting: str) -> RunSpec:
        """The spec with one `--set` applied: `model.slots=50`, `steps=100`, `data=moving-mnist`."""
        path, equals, text = setting.partition("=")
        if not equals:
            raise BenchError(f"--set takes NAME=VALUE, such as model.slots=50; got '{setting}'")
        name, dot, option = path.strip().replace("-", "_").partition(".")
        if name not in ANNOTATIONS:
            hint = self._parts_with(name) or did_you_mean(name, ANNOTATIONS) or _list_of_settings()
            raise BenchError(f"--set {setting}: a run has no '{name}'{hint}")
        if name in KINDS:
            if dot and option not in self.options_of(name) and (hint := self._parts_with(option)):
                raise BenchError(f"--set {setting}: {name} '{getattr(self, name).name}' has no '{option}'{hint}")
            component: Component = getattr(self, name)
            return self.but(**{name: component.but(**{option: parse_value(text)}) if dot else Component(text.strip())})
        if dot:
            raise BenchError(f"--set {setting}: '{name}' is a plain value; use {name}=VALUE")
        value = parse_value(text)
        if name == "steps" and self.steps and value == 0:
            raise BenchError(f"--set {setting}: training takes at least 1 step; `--only` leaves out what is not to be trained")
        return self.but(**{name: value})

    def options_of(self, part: str) -> dict[str, Any]:
        """Every option that a part of the spec takes ("model"), at its default where the spec does not set it."""
        component: Component = getattr(self, part)
        return {**catalog.defaults(KINDS[part], component.name), **component.options}

    def _parts_with(self, option: str) -> str:
        """`: did you mean 'optimizer.lr'?`, with every part that takes this option; empty where none does."""
        settings = [f"'{part}.{option}'" for part in KINDS if option in self.options_of(part)]
        return f": did you mean {' or '.join(settings)}?" if settings else ""

    @cached_property
    def key(self) -> str:
        """Twelve hex digits that name this run: a hash of what differs from the defaults, and of the data's fingerprint."""
        return self.key_with(self.fingerprint)

    def key_with(self, fingerprint: str | None) -> str:
        """The key where the data have that fingerprint, as they had on the machine that trained the run."""
        identity = {**self.differences(), "fingerprint": fingerprint}
        text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def fingerprint(self) -> str | None:
        """The data's fingerprint; None where they are not on this machine."""
        try:
            return self.data.build().fingerprint()
        except Blocked:
            return None

    def modules(self) -> list[str]:
        """The modules of components that are named in full: `my_models` for `my_models:Net`."""
        names = [getattr(self, name).name for name in KINDS]
        return list(dict.fromkeys(name.partition(":")[0] for name in names if ":" in name))

    def differences(self) -> dict[str, Any]:
        """The settings that are not at their defaults, as plain values: the run's identity."""
        plain: dict[str, Any] = {}
        for spec_field in fields(self):
            value = getattr(self, spec_field.name)
            if spec_field.name in KINDS:
                plain[spec_field.name] = value.identity
            elif value != spec_field.default:
                plain[spec_field.name] = self.init_sha256 if spec_field.name == "init" else value
        return plain

    @property
    def init_file(self) -> str:
        """Where the file that training starts from lies; empty where there is none."""
        return (self.init or "").partition(HASHED)[0]

    @property
    def init_sha256(self) -> str:
        """The SHA-256 of the file that training starts from; empty where there is none."""
        return (self.init or "").partition(HASHED)[2]

    def flat(self) -> dict[str, Any]:
        """All settings by the names that `--set` takes: {"model": "lmc", "model.slots": 50, "steps": 400, ...}."""
        flat: dict[str, Any] = {}
        for spec_field in fields(self):
            value = getattr(self, spec_field.name)
            if isinstance(value, Component):
                flat[spec_field.name] = value.name
                flat |= {f"{spec_field.name}.{option}": setting for option, setting in value.options.items()}
            else:
                flat[spec_field.name] = value
        return flat

    def settings(self) -> dict[str, Any]:
        """What `flat` gives, and every option at its default where the spec names none."""
        settings: dict[str, Any] = {}
        for name, value in self.flat().items():
            if "." not in name:
                settings[name] = value
            if name in KINDS:
                settings |= {f"{name}.{option}": setting for option, setting in self.options_of(name).items()}
        return settings

    def depends_on(self, setting: str) -> bool:
        """Whether a setting, by the name that `--set` takes, can change the outcome: those of training cannot without steps."""
        return self.steps > 0 or setting.partition(".")[0] not in OF_TRAINING

    def to_json(self) -> dict[str, Any]:
        """All values, as JSON can hold them; `from_json` is the inverse."""
        return {
            f.name: {"name": v.name, "options": dict(v.options)} if isinstance(v := getattr(self, f.name), Component) else v
            for f in fields(self)
        }

    @cached_property
    def as_read(self) -> dict[str, Any]:
        """What `to_json` gives, as it is read back from a file: tuples have become lists."""
        return {
            name: value.as_read if isinstance(value, Component) else value
            for name, value in vars(self).items()
            if name in ANNOTATIONS
        }

    def is_written_as(self, values: Any) -> bool:
        """Whether these values, read from JSON, are this spec's. Settings that they lack must be at their defaults here."""
        if type(values) is not dict:
            return False
        own_values = self.as_read
        same = all(name in own_values and own_values[name] == value for name, value in values.items())
        return same and all(name in values or value == DEFAULTS.get(name, MISSING) for name, value in own_values.items())

    @classmethod
    def from_json(cls, values: Any) -> RunSpec:
        """The spec that `to_json` wrote. BenchError for anything else, and for a name whose module the user has not allowed.

        The values may come from anywhere: names in them are looked up, and nothing is imported.
        """
        if not isinstance(values, dict):
            raise BenchError(f"a run's settings are an object of names and values, got {values!r:.60}")
        unknown = [name for name in values if name not in ANNOTATIONS]
        if unknown:
            raise BenchError(f"a run has no '{unknown[0]!s:.40}'{_list_of_settings()}")
        if missing := [name for name in REQUIRED if name not in values]:
            raise BenchError(f"a run needs {listed(missing)}; its settings lack them")
        if isinstance(init := values.get("init"), str) and HASHED not in init:  # hashing would read a file on a store's word
            raise BenchError(f"a run's init is stored with the hash of its file, got {init!r:.60}")
        read: dict[str, Any] = {
            name: component_from_json(name, KINDS[name], v) if name in KINDS else _hashable(v) for name, v in values.items()
        }
        return cls(**read)


def _hashable(value: Any) -> Any:
    """A plain value as a spec holds it; anything else is refused when the spec is made."""
    return tuple(value) if isinstance(value, list) else value


ANNOTATIONS = {spec_field.name: str(spec_field.type) for spec_field in fields(RunSpec)}
DEFAULTS = {f.name: f.default.as_read if isinstance(f.default, Component) else f.default for f in fields(RunSpec)}
REQUIRED = [spec_field.name for spec_field in fields(RunSpec) if spec_field.default is MISSING]
ANNOTATIONS["precision"] = "Literal['float32', 'bf16']"
EXACT = {"int": (int,), "bool": (bool,), "float | None": (float, type(None)), "str | None": (str, type(None))}
"""Types of values that are in their declared form already."""
LEAST = {"steps": 0, "batch": 1, "context": 1, "horizon": 1, "validate_every": 1, "validation_clips": 1, "seed": 0}


def _with_hash(init: str) -> str:
    """PATH@sha256:HASH of a checkpoint file; what has a hash already stays as it is, wherever the file is now."""
    path, marked, sha256 = init.partition(HASHED)
    if marked:
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise BenchError(f"init: '{init}' names no SHA-256 behind {HASHED}")
        return init
    file = Path(path).expanduser().absolute()
    try:
        return f"{file}{HASHED}{sha256_of(file)}"
    except OSError as error:
        hint = f"runs that began with it are found by init=PATH{HASHED}..., as their spec.json has it"
        raise BenchError(f"init: cannot read the checkpoint {path}: {error.strerror or error}; {hint}") from error


MOST = {
    "steps": 10**9, "batch": 2**16, "context": 10_000, "horizon": 10_000, "validate_every": 10**9, "validation_clips": 10**6,
    "seed": 2**32 - 1,
}  # fmt: skip
"""Upper bounds. NumPy takes seeds below 2^32; larger values of the others are typing errors, and no machine could run them."""


def _list_of_settings() -> str:
    return f"; it has {listed(ANNOTATIONS)}"
