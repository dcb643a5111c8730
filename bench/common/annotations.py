"""Whether a value fits a type annotation as written in a constructor, without importing the file that declares it."""

import ast
import types
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin

VOCABULARY = {
    "Any": Any, "Literal": Literal, "int": int, "float": float, "str": str, "bool": bool,
    "tuple": tuple, "list": list, "dict": dict, "None": None,
}  # fmt: skip

HARMLESS = (
    ast.Expression, ast.Name, ast.Load, ast.Constant, ast.Subscript, ast.Tuple, ast.List, ast.BinOp, ast.BitOr, ast.UnaryOp,
    ast.USub,
)  # fmt: skip
"""The syntax that annotations may use. An annotation with anything else in it, such as a call, is not evaluated."""


def accepts(value: Any, annotation: str) -> bool:
    """True if `value` may stand where `annotation` ('int', 'tuple[int, ...]', 'Literal["a"]', 'int | None') is declared."""
    return _fits(value, _evaluated(annotation))


def format_annotation(annotation: str) -> str:
    """What a declaration asks for, as messages say it."""
    return "True or False" if annotation == "bool" else annotation


def adapt(value: Any, annotation: str) -> Any:
    """The value in its declared form: 1 becomes 1.0 for a float, a list (from JSON or the shell) a tuple."""
    if isinstance(value, list | tuple):
        return tuple(adapt(item, _item(annotation)) for item in value)
    kind = _evaluated(annotation)
    floats = kind is float or (float in get_args(kind) and int not in get_args(kind))
    return float(value) if floats and type(value) is int else value


@cache
def _evaluated(annotation: str) -> Any:
    try:
        tree = ast.parse(annotation, mode="eval")
        if not all(isinstance(node, HARMLESS) for node in ast.walk(tree)):
            return Any
        return eval(compile(tree, "annotation", "eval"), {"__builtins__": {}}, VOCABULARY)
    except Exception:  # an annotation from a package of the user: nothing to check against
        return Any


def _item(annotation: str) -> str:
    kind = _evaluated(annotation)
    sequence = next((k for k in (kind, *get_args(kind)) if get_origin(k) in (tuple, list)), None)
    return getattr(get_args(sequence)[0], "__name__", "Any") if sequence else "Any"


def _fits(value: Any, kind: Any) -> bool:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return True
    if kind is None or kind is type(None):
        return value is None
    if origin is Literal:
        return value in arguments
    if origin in (Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if origin in (tuple, list):
        if not isinstance(value, tuple):
            return False
        if (len(arguments) == 2 and arguments[1] is Ellipsis) or origin is list:
            return all(_fits(item, arguments[0]) for item in value)
        return len(value) == len(arguments) and all(map(_fits, value, arguments))
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    return isinstance(value, kind)
