"""What a class declares, read from its source without importing it: that would take seconds, and run other people's code."""

import ast
import builtins
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

from bench.common.errors import BenchError, did_you_mean


class Unknown(BenchError):
    """There is no class of that name in that module."""


class Expression(str):
    """A default whose value only running the code would tell, as it is written: `math.inf`."""


@dataclass(frozen=True)
class Option:
    """One argument of a constructor: its annotation as written, and its default unless it is required."""

    name: str
    annotation: str
    required: bool
    default: Any = None


def arguments(module: str, class_name: str, subject: str) -> list[Option]:
    """The arguments of a class's constructor, even if inherited. BenchError, beginning with `subject`, without such a class."""
    return _of(*_class(module, class_name, subject), subject)


def _of(tree: ast.Module, module: str, class_node: ast.ClassDef, subject: str) -> list[Option]:
    init = next((n for n in class_node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    if init is not None:
        return _options(init, tree)
    for base in class_node.bases:
        if isinstance(base, ast.Name) and base.id not in dir(builtins):
            return _of(*_class(module, base.id, subject, class_node), subject)
    return []


def assigned(module: str, class_name: str, attribute: str, values: Mapping[str, Any], subject: str) -> Any:
    """What a constructor called with `values` assigns to self.ATTRIBUTE; None if it does not, or if the source does not tell.

    Understands literals, constants, arguments, and one of two of these by an argument: `self.depth = DEEP if memory else 1`.
    """
    tree, defining, class_node = _class(module, class_name, subject)
    init = next((n for n in class_node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    for node in ast.walk(init) if init else ():
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == f"self.{attribute}":
            return _evaluated(node.value, tree, defining, values, subject)
    return None


def _evaluated(value: ast.expr, tree: ast.Module, module: str, values: Mapping[str, Any], subject: str) -> Any:
    if isinstance(value, ast.IfExp) and isinstance(value.test, ast.Name) and value.test.id in values:
        return _evaluated(value.body if values[value.test.id] else value.orelse, tree, module, values, subject)
    if isinstance(value, ast.Name) and value.id in values:
        return values[value.id]
    if isinstance(value, ast.Name):
        for source, source_name, local_name in _imported(tree, module):
            if local_name == value.id:
                return _evaluated(ast.Name(source_name), _parsed(source, subject), source, {}, subject)
    literal = _literal(value, tree)
    return None if isinstance(literal, Expression) else literal


def sources(module: str, class_name: str, subject: str) -> list[Path]:
    """The file that is named, and the one that the class is defined in."""
    _, defining, _ = _class(module, class_name, subject)
    return list(dict.fromkeys([_file(module), _file(defining)]))


def purpose(module: str, class_name: str, subject: str) -> str:
    """The first line of a class's docstring; empty if it has none."""
    _, _, class_node = _class(module, class_name, subject)
    return (ast.get_docstring(class_node) or "").partition("\n")[0]


def _class(module: str, name: str, subject: str, child: ast.ClassDef | None = None) -> tuple[ast.Module, str, ast.ClassDef]:
    """(file, module, definition) of a class that a module defines or imports from another, as packages do in their __init__.

    child: a class that extends it, perhaps under the same name.
    """
    tree = _parsed(module, subject)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name and node is not child:
            return tree, module, node
    for source, source_name, local_name in _imported(tree, module):
        if local_name == name:
            return _class(source, source_name, subject)
    raise Unknown(f"{subject}: there is no class '{name}' in the module '{module}'")


def _imported(tree: ast.Module, module: str) -> Iterator[tuple[str, str, str]]:
    """(module, its name there, its name here) of everything that a file imports by name."""
    package = module if _file(module).name == "__init__.py" else module.rpartition(".")[0]
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            try:
                source = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            except ImportError:  # it points outside of the package
                continue
            yield from ((source, alias.name, alias.asname or alias.name) for alias in node.names)


def _options(init: ast.FunctionDef, tree: ast.Module) -> list[Option]:
    positional = [*init.args.posonlyargs, *init.args.args]
    first = len(positional) - len(init.args.defaults)
    defaults = {arg.arg: default for arg, default in zip(positional[first:], init.args.defaults, strict=True)}
    defaults |= {a.arg: d for a, d in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True) if d is not None}
    return [
        Option(
            name=arg.arg,
            annotation=ast.unparse(arg.annotation) if arg.annotation else "Any",
            required=arg.arg not in defaults,
            default=_literal(defaults[arg.arg], tree) if arg.arg in defaults else None,
        )
        for arg in [*positional, *init.args.kwonlyargs]
        if arg.arg != "self"
    ]


def _literal(default: ast.expr, tree: ast.Module) -> Any:
    """The value of a default: a literal, or the name of a constant of the same file; else the expression."""
    value: ast.expr | None = default
    if isinstance(default, ast.Name):
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(isinstance(target, ast.Name) and target.id == default.id for target in targets):
                    value = node.value
    try:
        return ast.literal_eval(value or default)
    except ValueError:
        return Expression(ast.unparse(default))


@cache
def _file(module: str) -> Path:
    module_spec = _module_spec(module)
    if module_spec is None or not module_spec.origin or not module_spec.origin.endswith(".py"):
        raise ImportError(_not_found(module))
    return Path(module_spec.origin)


def _not_found(module: str) -> str:
    """Why Python finds no file for a module, and how it would where the file lies in the current folder."""
    package, folder = module.partition(".")[0], Path.cwd()
    file_name = next((name for name in (f"{package}.py", f"{package}/__init__.py") if (folder / name).is_file()), None)
    if file_name and not {"", str(folder)} & set(sys.path):
        paths = "$PYTHONPATH:." if os.environ.get("PYTHONPATH") else "."
        return f"{file_name} is in this folder, where Python does not look for modules: `export PYTHONPATH={paths}`"
    hint = "" if file_name else did_you_mean(package, (path.stem for path in folder.glob("*.py")))
    return f"there is no Python file for the module '{module}'{hint}"


def _module_spec(module: str) -> ModuleSpec | None:
    """Where a module is, without importing the packages that it is in, as `importlib.util.find_spec` does."""
    if module in sys.modules:
        return sys.modules[module].__spec__
    package = module.rpartition(".")[0]
    parent = _module_spec(package) if package else None
    if package and (parent is None or parent.submodule_search_locations is None):
        return None
    path = parent.submodule_search_locations if parent else None
    finders = (finder for finder in sys.meta_path if hasattr(finder, "find_spec"))
    return next((module_spec for finder in finders if (module_spec := finder.find_spec(module, path))), None)


@cache
def _parsed(module: str, subject: str) -> ast.Module:
    try:
        return ast.parse(_file(module).read_text("utf-8"))
    except (ImportError, ValueError, OSError) as error:
        raise Unknown(f"{subject}: cannot read the module '{module}' ({error})") from error
    except SyntaxError as error:
        raise BenchError(f"{subject}: {error.filename or module}, line {error.lineno}: {error.msg}") from error
