"""`bench speed data`: loading against decoding as many clips from JPEG folders with OpenCV, in one process on one core.

Both sides end with the same float tensor, and seconds are processor time. Contents are made up (the embedded digits and
actions; a figure on a grainy background for KTH), so that nothing needs to be prepared.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bench.common.errors import BenchError
from bench.data.actions import Actions
from bench.data.base import Dataset, Split
from bench.data.digits import resized
from bench.data.moving_mnist import MovingMNIST
from bench.data.packed import PackedDataset
from bench.data.preparing.packing import Video, pack
from bench.data.preparing.sources import SPLITS
from bench.speed.timing import NotMeasured, Timing, fastest, measure_or_explain

CLIPS, FRAMES = 16, 20  # of a batch
STORED = 200  # frames of the made-up KTH video
ROUNDS = 150
PEER = "decoded from JPEG folders with OpenCV"


class EmbeddedMovingMNIST(MovingMNIST):
    """Moving-MNIST with the embedded digits in place of MNIST's."""

    def _pool(self, split: Split) -> NDArray[np.uint8]:
        return resized(28)


GENERATORS: dict[str, Callable[[], MovingMNIST | Actions]] = {
    "moving_mnist": EmbeddedMovingMNIST,
    "actions": partial(Actions, size=64),
}


def measure() -> Iterator[Timing | NotMeasured]:
    """The generators, the packed loader and, where there is a GPU, generation on it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name, build in GENERATORS.items():
                yield measure_or_explain(f"{name}, generated", partial(_generator, name, build(), Path(folder) / name))
            yield measure_or_explain("kth, packed", partial(_packed, Path(folder) / "kth"))
        if torch.cuda.is_available():
            for name, build in GENERATORS.items():
                yield measure_or_explain(f"{name}, generated on the GPU", partial(_gpu, name, build))
    finally:
        torch.set_num_threads(threads)


def _generator(name: str, data: Dataset, folder: Path) -> Timing:
    _write_jpegs(folder, data.batch(0, 0, CLIPS, FRAMES)[:, :, 0].mul(255).round().to(torch.uint8).numpy())
    seconds, peer_seconds = fastest(
        lambda: data.batch(0, 0, CLIPS, FRAMES),
        lambda: _from_jpegs([folder / f"{n}" for n in range(CLIPS)], range(FRAMES)),
        ROUNDS,
        time.process_time,
    )
    title = f"{name}, {CLIPS} clips of {FRAMES} frames generated"
    return Timing(title, seconds, PEER, peer_seconds / seconds)


def _packed(folder: Path) -> Timing:
    frames = _textured(STORED)
    data = _made_kth(folder / "packed", frames)
    _write_jpegs(folder / "jpeg", frames[None])
    starts = range(0, STORED - FRAMES, (STORED - FRAMES) // CLIPS)[:CLIPS]

    def decoded() -> Tensor:
        return torch.cat([_from_jpegs([folder / "jpeg" / "0"], range(start, start + FRAMES)) for start in starts])

    seconds, peer_seconds = fastest(lambda: data.batch(0, 0, CLIPS, FRAMES), decoded, ROUNDS, time.process_time)
    title = f"kth, {CLIPS} clips of {FRAMES} frames of 128x128, packed"
    return Timing(title, seconds, PEER, peer_seconds / seconds)


def _gpu(name: str, build: Callable[[], MovingMNIST | Actions]) -> Timing:
    on_core, on_gpu = build(), build()
    on_gpu.move_train_to(torch.device("cuda"))

    def generate() -> None:
        on_gpu.batch(0, 0, CLIPS, FRAMES)
        torch.cuda.synchronize()

    seconds, peer_seconds = fastest(generate, lambda: on_core.batch(0, 0, CLIPS, FRAMES), ROUNDS)
    title = f"{name}, {CLIPS} clips of {FRAMES} frames generated on the GPU"
    return Timing(title, seconds, "generated on one core", peer_seconds / seconds)


def _made_kth(folder: Path, frames: NDArray[np.uint8]) -> PackedDataset:
    """Frames [T, H, W] as a prepared data set."""

    def read(video: Video) -> Iterator[tuple[str, NDArray[np.uint8]]]:
        yield from ((video.name, frame[None]) for frame in frames)

    source = folder.parent / "made-up"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.touch()
    videos = [Video(split, split, source) for split in SPLITS]
    pack(folder, videos, read, {"dataset": "made-up"}, progress=lambda done, total, video: None)
    return PackedDataset(folder, "made-up KTH", "bench speed data")


def _textured(count: int) -> NDArray[np.uint8]:
    """A dark figure walking before a grainy background like that of KTH's recordings, [T, 128, 128]."""
    grain = np.random.default_rng(0).normal(150, 6, (count, 128, 128))
    for t in range(count):
        left = t % 100
        grain[t, 40:110, left : left + 20] -= 90
    return np.clip(grain, 0, 255).astype(np.uint8)


def _write_jpegs(folder: Path, clips: NDArray[np.uint8]) -> None:
    """Clips [N, T, H, W] in the authors' layout, at OpenCV's default quality."""
    cv2 = _opencv()
    for n, clip in enumerate(clips):
        (folder / str(n)).mkdir(parents=True)
        for t, frame in enumerate(clip):
            cv2.imwrite(str(folder / str(n) / f"frame_{t:05d}.jpg"), frame)


def _from_jpegs(folders: list[Path], numbers: range) -> Tensor:
    """Those frames of every folder, [N, T, 1, H, W] in [0, 1]."""
    cv2 = _opencv()
    paths = [[str(folder / f"frame_{t:05d}.jpg") for t in numbers] for folder in folders]
    clips = np.stack([np.stack([cv2.imread(path, cv2.IMREAD_GRAYSCALE) for path in clip]) for clip in paths])
    return torch.from_numpy(clips).unsqueeze(2).float().div_(255)


def _opencv() -> ModuleType:
    try:
        import cv2
    except ImportError as error:
        raise BenchError(
            "`bench speed data` compares with OpenCV, which is not installed; `pip install opencv-python-headless`"
        ) from error
    cv2.setNumThreads(1)
    return cv2
