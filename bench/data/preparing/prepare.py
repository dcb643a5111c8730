"""`bench prepare NAME`: putting data where runs find them."""

import errno
import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from bench.common.errors import BenchError, did_you_mean, listed
from bench.data.preparing.sources import Progress

PREPARERS = {
    "mnist": "bench.data.preparing.mnist:prepare_mnist",
    "moving_mnist": "bench.data.preparing.moving_mnist:prepare_moving_mnist",
    "moving_mnist_fixed": "bench.data.preparing.moving_mnist:prepare_moving_mnist_fixed",
    "kth": "bench.data.preparing.kth:prepare_kth",
    "frames": "bench.data.frames:prepare_frames",
    "videos": "bench.data.videos:prepare_videos",
}
"""Name -> a function that takes its options by keyword, and `progress`, and returns lines about what is prepared now."""

OTHER_NAMES = {
    "mmnist": "moving_mnist", "mm": "moving_mnist", "movingmnist": "moving_mnist", "mnist_test_seq": "moving_mnist_fixed",
    "kth_action": "kth", "kth_actions": "kth", "pictures": "frames", "images": "frames", "video": "videos",
}  # fmt: skip
"""Other common names of these sets."""


def prepare(name: str, options: Mapping[str, Any], progress: Progress = lambda done, total, name: None) -> list[str]:
    """Prepare a data set. options: those given on the command line, by the names of the preparer's arguments.

    Returns lines about what is prepared now. On a BenchError nothing counts as ready.
    """
    plain = name.lower().replace("-", "_")
    if plain not in PREPARERS:
        hint = did_you_mean(OTHER_NAMES.get(plain, plain), PREPARERS) or f"; known: {listed(PREPARERS)}"
        raise BenchError(f"there is nothing to prepare for '{name}'{hint}")
    module, _, function = PREPARERS[plain].partition(":")
    preparer = getattr(import_module(module), function)
    accepted = [option for option in inspect.signature(preparer).parameters if option != "progress"]
    for option in options:
        if option not in accepted:
            accepted_options = listed(f"--{name.replace('_', '-')}" for name in accepted)
            raise BenchError(f"`bench prepare {plain}` takes {accepted_options}; got --{option.replace('_', '-')}")
    try:
        lines: list[str] = preparer(**options, progress=progress)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            reason = "the disk is full"
        elif error.filename and error.strerror:
            reason = f"{error.filename}: {error.strerror}"
        else:
            raise
        raise BenchError(
            f"{reason}, so {plain} is not ready; mend that and repeat the command: what is done is kept"
        ) from error
    return lines
