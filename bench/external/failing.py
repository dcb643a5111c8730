"""A model that fails on what it is given, said in one line: models are code of many people."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import nn

from bench.common.errors import BenchError, lack_of


@contextlib.contextmanager
def failing_in_words(model: nn.Module, context: int, shape: Sequence[int]) -> Iterator[None]:
    """Make what a model raises a BenchError that names the model, its input and the line that failed.

    context: frames it sees. shape: (C, H, W) of each. Errors of other code, and being out of memory, stay what they are.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, BenchError) or lack_of(error) or "OutOfMemory" in type(error).__name__ or not _of(model, error):
            raise
        raise BenchError(
            f"{type(model).__name__} failed on {context} context frames {list(shape)} "
            f"({_line(error)}): {type(error).__name__}: {str(error).partition(chr(10))[0]}"
        ) from error


def _of(model: nn.Module, error: BaseException) -> bool:
    """Whether the model was computing when it happened."""
    code = getattr(type(model).forward, "__code__", None)
    return any(frame.f_code is code for frame, _ in traceback.walk_tb(error.__traceback__))


def _line(error: BaseException) -> str:
    """Where it happened: the last line that is not PyTorch's own."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "torch" not in Path(frame.filename).parts]
    return f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}"
