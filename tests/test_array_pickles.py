"""Pickles of arrays are read without executing anything in them."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.common.array_pickles import read_arrays
from bench.common.errors import BenchError
from tests.hostile import Hostile


def test_a_pickle_with_any_other_name_than_numpys_three_is_refused_without_executing_it(tmp_path: Path):
    victim = tmp_path / "victim"
    for value in ({"a": Hostile(victim)}, {"a": np.array([Hostile(victim)], object)}, {"a": print}, {"a": torch.zeros(1)}):
        with pytest.raises(BenchError, match=r"x asks for \S+, which arrays do not need; it was not executed"):
            read_arrays(pickle.dumps(value), "x")
    with pytest.raises(BenchError, match="x holds a list as 'a' where an array of numbers should be"):
        read_arrays(pickle.dumps({"a": [1]}), "x")
    assert not victim.exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_come_out_of_a_pickle_as_they_went_in(protocol: int):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    if protocol < 3:  # there bytes are made by a function of Python's own
        with pytest.raises(BenchError, match=r"_codecs\.encode, which arrays do not need"):
            read_arrays(pickle.dumps({"a": {"b": array}}, protocol), "x")
        return
    if protocol == pickle.HIGHEST_PROTOCOL:  # there NumPy's arrays are made by another of its functions
        with pytest.raises(BenchError, match="_frombuffer, which arrays do not need"):
            read_arrays(pickle.dumps({"a": {"b": array}}, protocol), "x")
        return
    arrays = read_arrays(pickle.dumps({"a": {"b": array}}, protocol), "x")
    assert list(arrays) == ["a/b"] and np.array_equal(arrays["a/b"], array)


def test_a_truncated_pickle_is_one_message():
    content = pickle.dumps({"a": np.zeros(100)}, protocol=3)
    for length in (0, 1, 20, len(content) // 2, len(content) - 1):
        with pytest.raises(BenchError, match="cannot be read as a pickle of arrays"):
            read_arrays(content[:length], "x")
