"""The frames that claims are about, and the largest difference that is negligible."""

from bench.spec import Evaluation, RunSpec

NEGLIGIBLE = 0.1
"""dB of PSNR. A smaller difference counts as none; this one is a mean square error that is 2% larger or smaller."""


def near(spec: RunSpec, evaluation: Evaluation) -> tuple[int, int]:
    """The first third of the predicted frames: 1-10 of 30."""
    return 1, max(1, _horizon(spec, evaluation) // 3)


def far(spec: RunSpec, evaluation: Evaluation) -> tuple[int, int]:
    """The last third of the predicted frames: 21-30 of 30."""
    last = _horizon(spec, evaluation)
    return last - max(1, last // 3) + 1, last


def _horizon(spec: RunSpec, evaluation: Evaluation) -> int:
    return evaluation.horizon or spec.horizon
