"""The real weights, for tests that hold published values; the tests skip themselves on a machine that has none."""

from pathlib import Path

import pytest

from bench.metrics import weights
from bench.metrics.networks import Network

CACHE = weights.folder().parents[1]
"""The user's own cache, as it was before conftest.py hid it."""
SHARED = Path(__file__).parents[2] / "shared" / "data"


def use(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this test see the user's weights; skip it where the published ones are not there."""
    monkeypatch.setenv("TORCH_HOME", str(CACHE))
    present = weights.installed(network)
    if present is None or not present.verified:
        pytest.skip(f"the published weights are not here: {weights.command(network)}")
