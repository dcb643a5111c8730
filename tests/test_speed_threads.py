"""`bench speed threads`: what further threads bring, alone and beside busy neighbours, as ratios to one thread."""

import os

import numpy as np
import pytest

from bench.speed import threads
from tests.conftest import TINY
from tests.processes import alive, descendants


def test_busy_neighbours_are_there_until_the_measurement_ends():
    before = set(descendants(os.getpid()))
    with threads.busy(1):
        (neighbour,) = set(descendants(os.getpid())) - before
    assert not alive(neighbour)


def test_ratios_are_those_to_one_thread_beside_as_many_neighbours(bench, monkeypatch):
    answers = {1: [{"clock": 1.0, "seconds": 1.0}, {"clock": 2.0, "seconds": 2.0}], 2: [{"clock": 0.5, "seconds": 1.1}] * 2}
    one_thread, two_threads = threads._rows("LMC", 0, answers)
    assert (one_thread.ratio, one_thread.processor_ratio, two_threads.ratio, two_threads.threads) == (1.0, 1.0, 3.0, 2)
    assert two_threads.processor_ratio == pytest.approx(1 / np.mean([1 / 1.1, 2 / 1.1]))
    monkeypatch.setattr(threads, "measure", lambda **chosen: [one_thread, two_threads])
    code, out, _ = bench("speed", "threads", "--scale", "small")
    assert code == 0 and "3.00 x" in out and "none" in out
    assert bench("speed", "threads", "--last")[1] == out
    code, _, err = bench("speed", "threads", "--batch", "3")
    assert code == 2 and "--batch is a setting of `bench speed train`, not of `bench speed threads`" in err


@pytest.mark.slow
def test_measuring_threads_gives_a_row_for_each_number_alone_and_beside_neighbours(monkeypatch):
    monkeypatch.setattr(threads, "recipes", lambda scale: [("tiny", TINY, (1, 16, 16))])
    monkeypatch.setattr(threads, "ROUNDS", {"small": 2})
    monkeypatch.setattr(threads, "BUSY_ROUNDS", {"small": 1})
    monkeypatch.setattr(threads, "cores", lambda: 2)
    rows = list(threads.measure("small", "float32"))
    assert [(row.threads, row.neighbours) for row in rows] == [(1, 0), (2, 0), (1, 2), (2, 2)]
    assert all(min(row.seconds, row.processor, row.ratio, row.processor_ratio) > 0 for row in rows)
