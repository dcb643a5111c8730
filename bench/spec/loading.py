"""Finds experiments by name, or in a Python file of the user.

The experiments of the suite are plug-ins of `bench`: their package is looked up when one is asked for, never imported above.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from bench.common import trust
from bench.common.errors import BenchError, did_you_mean, listed
from bench.common.search_names import TUNED
from bench.spec.experiment import SCALES, Experiment


def load(name: str, scale: str = "small", store: Path | str | None = None) -> Experiment:
    """The experiment of that name, or in that Python file: what its function `experiment(scale)` returns.

    store: the folder of runs in which the searches of tuned experiments are; that of the environment if not given.
    """
    if scale not in SCALES:
        raise BenchError(f"there is no scale '{scale}'{did_you_mean(scale, SCALES) or '; there are ' + listed(SCALES)}")
    if canonical(name).startswith(TUNED) and not name.endswith(".py"):
        tuned = importlib.import_module("experiments.tuned").tuned(canonical(name).removeprefix(TUNED), scale, store)
        return _named(tuned, canonical(name), scale)
    importlib.import_module("numpy")  # before torch: while that imports numpy itself, from C, a Ctrl-C is lost
    module = module_of(Path(name), "experiment") if name.endswith(".py") else _from_name(name, store)
    make: Callable[[str], Experiment] | None = getattr(module, "experiment", None)
    if make is None:
        raise BenchError(f"{name} defines no function `experiment(scale)`; experiments/ablation.py shows one")
    with errors_of_user_file(name, "experiment(scale)"):
        loaded = make(scale)
    if not isinstance(loaded, Experiment):
        raise BenchError(f"`experiment(scale)` of {name} must return an Experiment, got {type(loaded).__name__}")
    trust.allow(
        module for spec in loaded.variants.values() for module in spec.modules()
    )  # the user has named this file himself
    return _named(loaded, Path(name).stem if name.endswith(".py") else canonical(name), scale)


@contextlib.contextmanager
def errors_of_user_file(file: str, call: str, kind: type[BenchError] = BenchError) -> Iterator[None]:
    """Within the block, an error of the user's own file (.py) becomes one of `kind`; one of the suite keeps its traceback."""
    try:
        yield
    except BenchError:
        raise
    except Exception as error:
        if not file.endswith(".py"):
            raise
        raise kind(f"`{call}` of {file} does not work: {type(error).__name__}: {error}") from error


def _named(loaded: Experiment, name: str, scale: str) -> Experiment:
    """The experiment with its name and scale; BenchError for a claim about a variant that it does not have."""
    experiment = replace(loaded, name=name, scale=scale)
    experiment.refuse_strange_claims()
    return experiment


def names() -> list[str]:
    """The experiments that come with the suite: files of experiments/ that define `experiment`."""
    return sorted(path.stem for path in _folder().glob("*.py") if "\ndef experiment(" in path.read_text())


def describe(name: str) -> str:
    """The question an experiment of the suite answers: the first line of its file, read without importing it."""
    source = (_folder() / f"{name}.py").read_text()
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


def canonical(name: str) -> str:
    """A name as its file spells it."""
    return name.lower().replace("-", "_")


def _folder() -> Path:
    """Where the experiments of the suite are, found without importing them."""
    module_spec = importlib.util.find_spec("experiments")
    assert module_spec is not None and module_spec.origin is not None
    return Path(module_spec.origin).parent


def _from_name(name: str, store: Path | str | None) -> ModuleType:
    if canonical(name) not in names():
        if search := importlib.import_module("experiments.tuned").hint(name, store):
            raise BenchError(f"there is no experiment '{name}'{search}")
        raise BenchError(f"there is no experiment '{name}'{did_you_mean_file(name, names())}")
    return importlib.import_module(f"experiments.{canonical(name)}")


def did_you_mean_file(name: str, known_names: Sequence[str]) -> str:
    """The end of the message that a name is unknown: the user's own file of that name, a similar name, or all names."""
    own_file = f": did you mean '{name}.py'?" if Path(f"{name}.py").is_file() else ""
    hint = own_file or did_you_mean(canonical(name), known_names) or "; there are " + listed(known_names)
    return f"{hint} (a file of your own is named with its .py)"


def module_of(path: Path, purpose: str) -> ModuleType:
    """The module in a Python file of the user. purpose: what it should hold, for the message if there is no file."""
    if not path.is_file():
        raise BenchError(f"there is no {purpose} file {path}")
    source = importlib.util.spec_from_file_location(f"own_{path.stem}", path)  # a module name that is not taken
    assert source is not None and source.loader is not None
    module = sys.modules[source.name] = importlib.util.module_from_spec(source)  # where dataclasses look for it
    sys.path.insert(0, str(path.parent.resolve()))  # so that the file may import its neighbours, as a script could
    try:
        source.loader.exec_module(module)
    except BenchError:
        raise
    except Exception as error:
        raise BenchError(f"{path} does not load: {type(error).__name__}: {error}") from error
    return module
