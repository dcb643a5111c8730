"""Arrays out of a pickle file, without executing anything in it.

A pickle can name any function of Python and have it called. This reader knows the three names that NumPy's arrays are made
of; a file with any other name in it is refused.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common.errors import BenchError

MAKE_ARRAY: Any = np.zeros(0).__reduce__()[0]  # numpy's _reconstruct, which is private under every name
NUMPY_NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): MAKE_ARRAY,
    ("numpy._core.multiarray", "_reconstruct"): MAKE_ARRAY,  # as NumPy 2 calls it
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


def read_arrays(content: bytes, source: str) -> dict[str, NDArray[Any]]:
    """The arrays of numbers in a pickle of nested dicts: {"AlexNet_0/Conv_0/kernel": array, ...}.

    source: what the content is, for messages. BenchError for a damaged file, for any name that is not NumPy's, and for
    anything but dicts with text as keys and arrays of numbers.
    """
    try:
        value = _ArraysOnly(io.BytesIO(content), source).load()
    except BenchError:
        raise
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to say
        raise BenchError(f"{source} cannot be read as a pickle of arrays ({type(error).__name__}); fetch it again") from error
    return dict(_flat(value, "", source))


class _ArraysOnly(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, source: str):
        super().__init__(file)
        self.source = source

    def find_class(self, module: str, name: str) -> Any:
        """One of NumPy's three names."""
        if (module, name) not in NUMPY_NAMES:
            raise BenchError(f"{self.source} asks for {module}.{name}, which arrays do not need; it was not executed")
        return NUMPY_NAMES[module, name]


def _flat(value: Any, name: str, source: str) -> list[tuple[str, NDArray[Any]]]:
    if isinstance(value, dict):
        return [pair for key, inner in value.items() for pair in _flat(inner, f"{name}/{key}" if name else str(key), source)]
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return [(name, value)]
    raise BenchError(f"{source} holds a {type(value).__name__} as '{name}' where an array of numbers should be")
