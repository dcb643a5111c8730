"""Small made-up sources of the data sets: MNIST's files, KTH's videos, folders of frames and of videos."""

import gzip
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from bench.data.preparing.idx import idx_bytes
from bench.data.preparing.prepare import prepare


def write_mnist(folder: Path, train: int = 100, t10k: int = 50, gzipped: bool = True) -> Path:
    """MNIST's image files with that many made-up digits; none of a part of which there are 0."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (part, count) in enumerate((("train", train), ("t10k", t10k))):
        if count:
            digits = np.random.default_rng(seed).integers(1, 256, (count, 28, 28), dtype=np.uint8)
            content = idx_bytes(digits)
            name = folder / f"{part}-images-idx3-ubyte"
            (name.with_name(f"{name.name}.gz") if gzipped else name).write_bytes(gzip.compress(content) if gzipped else content)
    return folder


def walker(frames: int, height: int = 120, width: int = 160, speed: int = 2) -> np.ndarray:
    """A bright figure that walks from left to right over grey ground, [T, H, W]."""
    clip = np.full((frames, height, width), 100, np.uint8)
    for t in range(frames):
        left = (4 + speed * t) % (width - width // 8)
        clip[t, height // 3 : height * 5 // 6, left : left + width // 8] = 220
    return clip


def write_video(path: Path, frames: np.ndarray) -> Path:
    """A video of grey frames [T, H, W] or coloured ones [T, H, W, 3], 25 a second, MPEG-4 as KTH's."""
    import av  # here: the other samples, which tests on a bare GPU machine need, do without

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.bit_rate = *frames.shape[1:3], "yuv420p", 2_000_000
        for frame in frames:
            rgb = frame if frame.ndim == 3 else np.repeat(frame[..., None], 3, axis=2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")))
        container.mux(stream.encode())
    return path


KTH_VIDEOS: dict[str, tuple[tuple[int, int], ...]] = {
    "person01_walking_d1": ((1, 12), (15, 24)),
    "person01_boxing_d1": ((1, 10), (11, 20)),
    "person15_running_d2": ((3, 17),),
    "person17_walking_d1": ((1, 13), (13, 24)),
    "person22_jogging_d4": ((1, 11),),
}
"""Name -> listed frames of the videos that `write_kth` makes, 24 frames each."""


def write_kth(folder: Path, videos: Mapping[str, Iterable[tuple[int, int]]] = KTH_VIDEOS, flat: bool = False) -> Path:
    """KTH's videos, in action folders or one flat folder, with their 00sequences.txt."""
    lines = []
    for speed, (name, ranges) in enumerate(videos.items(), 1):
        target = folder if flat else folder / name.split("_")[1]
        write_video(target / f"{name}_uncomp.avi", walker(24, speed=speed))
        lines.append(f"{name}\t\tframes\t" + ", ".join(f"{first}-{last}" for first, last in ranges))
    (folder / "00sequences.txt").write_text("\n".join(lines) + "\n")
    return folder


def prepare_kth(folder: Path, size: int = 16) -> list[str]:
    """Prepare the made-up KTH videos into the data root."""
    return prepare("kth", {"source": str(write_kth(folder)), "size": size})


def write_frames(folder: Path, splits: Mapping[str, Iterable[int]], suffix: str = "png", colour: bool = False) -> Path:
    """Frame folders in the authors' layout. splits: split -> the length of each of its videos. Pixels tell video and frame."""
    for s, (split, lengths) in enumerate(splits.items()):
        for v, length in enumerate(lengths):
            video = folder / split / f"video_{v:05d}"
            video.mkdir(parents=True)
            for t in range(length):
                frame = np.full((8, 12, 3) if colour else (8, 12), 100 * s + 20 * v + t, np.uint8)
                Image.fromarray(frame).save(video / f"frame_{t}.{suffix}", quality=95)
    return folder
