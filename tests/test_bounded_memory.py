"""Rollouts and their scores take the same memory however many clips there are."""

import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest
import torch

from bench.metrics.score import score

EVALUATE = """
import resource, sys, torch
from pathlib import Path
from bench.spec import catalog
from bench.evaluation.evaluate import evaluate
from bench.spec import Evaluation

torch.set_num_threads(1)
data = catalog.build("datasets", "digits", {"size": 64})
model = catalog.build("models", "copy_last", {}, shape=data.shape)
clips = int(sys.argv[1])


def peak(done, total):
    if done in (240, total):
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


evaluate(model, data, 10, Evaluation(clips=clips, horizon=30), torch.device("cpu"), keep=Path("frames.npy"), on_clips=peak)
"""


def test_scores_let_go_of_the_frames_at_once():
    frames = np.random.default_rng(0).random((2, 3, 1, 16, 16), np.float32)
    gone = weakref.ref(frames)
    gc.disable()
    try:
        score(torch.from_numpy(frames), torch.rand(2, 3, 1, 16, 16))
        del frames
        assert gone() is None
    finally:
        gc.enable()


@pytest.mark.slow
def test_the_peak_of_an_evaluation_that_keeps_its_frames_does_not_grow_with_the_clips(tmp_path):
    """Of 10,000 clips of 30 frames the predictions alone would be 4.9 GB in float32."""
    run = [sys.executable, "-c", EVALUATE, "960"]
    process = subprocess.run(
        run, capture_output=True, text=True, check=True, cwd=tmp_path, env={"PYTHONPATH": ":".join(sys.path)}
    )
    early, late = (int(line) for line in process.stdout.split())
    assert late - early < 100_000  # kilobytes; the frames of the 720 clips between, mapped as float32, are 354,000
    assert np.load(tmp_path / "frames.npy", mmap_mode="r").shape == (960, 30, 1, 64, 64)
