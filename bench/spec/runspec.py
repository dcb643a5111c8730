"""What decides the outcome of one training run, as one frozen value with a key."""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal

from bench.common.annotations import accepts, adapt
from bench.common.errors import BenchError, Blocked, did_you_mean, listed
from bench.spec import catalog


@dataclass(frozen=True, init=False)
class Part:
    """A name in the catalogue with the options its constructor takes: `Part("lmc", slots=50)`."""

    name: str
    options: Mapping[str, Any] = field(hash=False)
    kind: str | None = field(default=None, compare=False)

    def __init__(self, name: str, /, **options: Any):
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "kind", None)

    def checked(self, kind: str) -> Part:
        """The Part in the catalogue's spelling, its options of the declared types; BenchError if it is none of that kind."""
        if self.kind == kind:
            return self
        name, options = catalog.check(kind, self.name, self.options)
        part = Part(name, **options)
        object.__setattr__(part, "kind", kind)
        return part

    @cached_property
    def identity(self) -> dict[str, Any]:
        """What of a checked Part is not at its default."""
        assert self.kind is not None
        return {"name": self.name, "options": catalog.differences(self.kind, self.name, self.options)}

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.options.items())})"

    def but(self, **changes: Any) -> Part:
        """The same with other options: `model.but(decompose=False)`."""
        return Part(self.name, **{**self.options, **changes})


Precision = Literal["float32", "bf16"]

# The fields of a RunSpec that are Parts, and the kind of each.
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
    precision: float32, or bf16: the model computes in bfloat16 where that is safe, from float32 weights (autocast).
    compile: whether torch.compile works on the model's steps first; minutes that pay on GPUs and seldom on processors.
    """

    model: Part
    learner: Part
    data: Part
    steps: int
    batch: int
    context: int = 10
    horizon: int = 10
    optimizer: Part = Part("adam")
    schedule: Part = Part("constant")
    clip_norm: float | None = None
    precision: Precision = "float32"
    compile: bool = False
    validate_every: int = 1000
    validation_clips: int = 64
    select: Literal["last", "best"] = "last"
    seed: int = 0

    def __post_init__(self) -> None:
        for spec_field in fields(self):
            value = getattr(self, spec_field.name)
            if kind := KINDS.get(spec_field.name):
                if not isinstance(value, Part):
                    raise BenchError(f"{spec_field.name} must be a Part, such as Part('{value}'), got {value!r}")
                object.__setattr__(self, spec_field.name, value.checked(kind))
            else:
                self._check_plain(spec_field.name, value)
        for name, least in LEAST.items():
            if getattr(self, name) < least:
                raise BenchError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise BenchError(f"clip_norm must be above 0, or None for gradients as they are; got {self.clip_norm}")

    def _check_plain(self, name: str, value: Any) -> None:
        annotation = ANNOTATIONS[name]
        value = adapt(value, annotation)
        if not accepts(value, annotation):
            raise BenchError(f"{name} must be {annotation}, got {value!r}")
        object.__setattr__(self, name, value)

    def but(self, **changes: Any) -> RunSpec:
        """The same with other values: `LMC.but(model=LMC.model.but(slots=50))`."""
        unknown = [name for name in changes if name not in ANNOTATIONS]
        if unknown:
            raise BenchError(f"a run has no '{unknown[0]}'{did_you_mean(unknown[0], ANNOTATIONS) or _known()}")
        return replace(self, **changes)

    def edited(self, setting: str) -> RunSpec:
        """The spec with one `--set` applied: `model.slots=50`, `steps=100`, `data=moving-mnist`."""
        path, equals, text = setting.partition("=")
        if not equals:
            raise BenchError(f"--set takes NAME=VALUE, such as model.slots=50; got '{setting}'")
        name, dot, option = path.strip().replace("-", "_").partition(".")
        if name not in ANNOTATIONS:
            raise BenchError(f"--set {setting}: a run has no '{name}'{did_you_mean(name, ANNOTATIONS) or _known()}")
        if name in KINDS:
            part: Part = getattr(self, name)
            return self.but(**{name: part.but(**{option: parsed(text)}) if dot else Part(text.strip())})
        if dot:
            raise BenchError(f"--set {setting}: '{name}' is a plain value; use {name}=VALUE")
        return self.but(**{name: parsed(text)})

    @cached_property
    def key(self) -> str:
        """Twelve hex digits that name this run: a hash of what differs from the defaults, and of the data's fingerprint."""
        identity = {**self.differences(), "fingerprint": self.fingerprint}
        text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @cached_property
    def fingerprint(self) -> str | None:
        """The data's fingerprint; None where they are not on this machine."""
        try:
            return catalog.build("datasets", self.data.name, self.data.options).fingerprint()
        except Blocked:
            return None

    def differences(self) -> dict[str, Any]:
        """What is not at its default, as plain values: the run's identity."""
        plain: dict[str, Any] = {}
        for spec_field in fields(self):
            value = getattr(self, spec_field.name)
            if spec_field.name in KINDS:
                plain[spec_field.name] = value.identity
            elif value != spec_field.default:
                plain[spec_field.name] = value
        return plain

    def flat(self) -> dict[str, Any]:
        """All settings by the names that `--set` takes: {"model": "lmc", "model.slots": 50, "steps": 400, ...}."""
        flat: dict[str, Any] = {}
        for spec_field in fields(self):
            value = getattr(self, spec_field.name)
            if isinstance(value, Part):
                flat[spec_field.name] = value.name
                flat |= {f"{spec_field.name}.{option}": setting for option, setting in value.options.items()}
            else:
                flat[spec_field.name] = value
        return flat

    def to_json(self) -> dict[str, Any]:
        """All values, as JSON can hold them; `from_json` is the inverse."""
        return {
            f.name: {"name": v.name, "options": dict(v.options)} if isinstance(v := getattr(self, f.name), Part) else v
            for f in fields(self)
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RunSpec:
        """The spec that `to_json` wrote. Unknown fields are a BenchError."""
        unknown = [name for name in values if name not in ANNOTATIONS]
        if unknown:
            raise BenchError(f"a run has no '{unknown[0]}'{_known()}")
        fields_: dict[str, Any] = {k: Part(v["name"], **v["options"]) if k in KINDS else v for k, v in values.items()}
        return cls(**fields_)


ANNOTATIONS = {spec_field.name: str(spec_field.type) for spec_field in fields(RunSpec)}
ANNOTATIONS["precision"] = "Literal['float32', 'bf16']"
LEAST = {"steps": 0, "batch": 1, "context": 1, "horizon": 1, "validate_every": 1, "validation_clips": 1, "seed": 0}


def parsed(text: str) -> Any:
    """A value as typed in a shell: a Python literal where it reads as one, else the text; true, false and none in any case."""
    text = text.strip()
    word = {"true": True, "false": False, "none": None}
    if text.lower() in word:
        return word[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _known() -> str:
    return f"; it has {listed(ANNOTATIONS)}"
