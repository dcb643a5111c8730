"""What `bench.speed.profile` makes of a profiler's events."""

from types import SimpleNamespace

import pytest
from torch.autograd import DeviceType

from bench.speed.profile import ITERATIONS, summary


def event(name, start, end, device=DeviceType.CUDA, is_user_annotation=False):
    """An event with times in microseconds."""
    time_range = SimpleNamespace(start=start, end=end, elapsed_us=lambda: end - start)
    return SimpleNamespace(name=name, device_type=device, is_user_annotation=is_user_annotation, time_range=time_range)


def test_only_kernels_are_counted_and_not_the_spans_that_enclose_them():
    events = [
        event("Optimizer.step#Adam.step", 0, 9000, is_user_annotation=True),
        event("aten::add", 0, 50, device=DeviceType.CPU),
        event("convolve", 3000, 6000),
        event("add", 7000, 8000),
        event("add", 8000, 9000),
    ]
    profile = summary(events)
    assert profile["launches"] == 3 / ITERATIONS
    assert profile["iteration_ms"] == pytest.approx(6 / ITERATIONS)
    assert profile["kernels_ms"] == pytest.approx(5 / ITERATIONS)
    assert [(row["kernel"], row["share"]) for row in profile["costliest"]] == [("convolve", 0.6), ("add", 0.4)]
