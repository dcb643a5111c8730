"""Losses stay on the device until they are wanted, and none that is not finite is overlooked."""

import pytest
import torch

from bench.training.losses import Diverged, Losses


def losses(*values: float) -> Losses:
    waiting = Losses()
    for step, value in enumerate(values, 1):
        waiting.add(step, {"storing": torch.tensor(value), "matching": torch.tensor(2 * value)})
    return waiting


def test_what_was_added_is_read_once_and_in_order():
    waiting = losses(0.5, 0.25)
    assert waiting.read() == [{"storing": 0.5, "matching": 1.0}, {"storing": 0.25, "matching": 0.5}]
    assert waiting.read() == []


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_first_loss_that_is_not_finite_is_named_however_late_it_is_read(value):
    with pytest.raises(Diverged, match=f"the loss of phase 'storing' is {value} at step 2"):
        losses(0.5, value, 0.5, value).read()


def test_adding_does_not_read():
    """A meta tensor has no value to read."""
    waiting = Losses()
    waiting.add(1, {"storing": torch.empty((), device="meta")})
