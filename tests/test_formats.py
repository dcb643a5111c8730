"""Which files each command reads: the page says what the code does, and a message names the command that reads a file."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.common.errors import BenchError
from bench.data import formats, pictures, video
from bench.data.preparing.prepare import prepare
from bench.data.preparing.sources import Damaged
from bench.data.videos import Videos
from bench.external import frames
from bench.external.side import Reading
from bench.external.sides import read_sides
from reports.documents import tables
from tests.data_samples import write_frames

PAGE = Path(__file__).parent.parent / "docs" / "tutorials" / "video.md"


def test_the_page_of_formats_says_what_the_commands_read():
    (sheet,) = [sheet for sheet in tables(PAGE.read_text("utf-8"), "markdown") if sheet[0].cells[0] == "files"]
    header, *rows = [line.cells for line in sheet]
    shown = {f"bench {command}": set() for command in header[1:]}
    for files, *ticks in rows:
        for command, tick in zip(shown, ticks, strict=True):
            shown[command] |= set(re.findall(r"\.[a-z0-9]+", files)) if tick else set()
    assert shown == {command: set(suffixes) for command, suffixes in formats.READ_BY.items()}


def test_every_suffix_that_is_said_to_be_read_has_a_reader():
    Image.init()
    assert {Image.EXTENSION[suffix] for suffix in formats.PICTURES} == set(pictures.FORMATS)
    assert set(video.DEMUXERS) == set(formats.VIDEOS)


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_arrays_are_read_by_the_commands_that_are_said_to_read_them(tmp_path, suffix):
    clips = np.random.default_rng(0).random((2, 4, 1, 8, 8), np.float32)
    path = tmp_path / f"clips{suffix}"
    np.save(path, clips) if suffix == ".npy" else np.savez(path, prediction=clips)
    assert read_sides(path, Reading()).prediction.count == 2
    if suffix in formats.READ_BY["bench predict"]:
        assert len(frames.read(path)) == 2
    else:
        with pytest.raises(BenchError, match=r"\.npz is read by `bench eval --predictions`"):
            frames.read(path)


@pytest.mark.parametrize(
    ("kind", "file", "hint"),
    [
        ("videos", "train/a.npy", "; .npy is read by `bench predict`, `bench eval --predictions`"),
        ("videos", "train/clip/a.png", "; .png is read by `bench prepare frames`, `bench predict`, `bench eval --predictions`"),
        ("videos", "train/notes.txt", ".gif)"),
        ("frames", "val/a.mp4", "has no video folders in it; .mp4 is read by `bench prepare videos`, `bench predict`"),
        ("frames", "val/clip/a.mp4", ".tiff); .mp4 is read by `bench prepare videos`, `bench predict`"),
    ],
)
def test_files_that_another_command_reads_are_told_by_its_name(tmp_path, kind, file, hint):
    source = write_frames(tmp_path / "f", {"train": (3, 3), "test": (3,)}) if kind == "frames" else tmp_path / "f"
    for path in (source / file, source / "test" / "b.mp4"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    with pytest.raises(BenchError) as refused:
        prepare(kind, {"source": str(source)})
    assert hint in str(refused.value) and (hint != ".gif)" or str(refused.value).endswith(hint))


def test_one_picture_is_no_clip_to_predict_from(tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(BenchError, match="is one picture; give the folder that holds the frames"):
        frames.read(tmp_path / "a.png")


def write_gif(path: Path, clip: np.ndarray, durations_ms: list[int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = map(Image.fromarray, clip)
    first.save(path, save_all=True, append_images=others, duration=durations_ms)
    return path


def test_a_gif_is_read_with_the_frames_that_were_stored_once_for_several(tmp_path):
    clip = np.random.default_rng(0).integers(0, 256, (6, 16, 24), np.uint8)
    clip[3] = clip[4] = clip[2]
    path = write_gif(tmp_path / "a.gif", clip, [80] * 6)
    assert Image.open(path).n_frames == 4
    assert np.array_equal(list(video.frames(path, grey=True)), clip)
    assert np.array_equal(frames.read(path)[0:1][0, :, 0], (clip / 255).astype(np.float32))


def test_gifs_are_prepared_like_other_videos(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    clips = np.random.default_rng(0).integers(0, 256, (3, 9, 16, 16), np.uint8)
    for clip, split in zip(clips, ("train", "val", "test"), strict=True):
        write_gif(tmp_path / "f" / split / "a.gif", clip, [40] * len(clip))
    prepare("videos", {"source": str(tmp_path / "f"), "name": "waves", "grey": True, "size": 16})
    test_clip = Videos("waves").clips("test", 0, 1, 9)[0]
    assert np.array_equal(np.rint(test_clip[:, 0] * 255), clips[2])


def test_a_gif_at_30_frames_a_second_has_even_time_though_its_durations_are_rounded(tmp_path):
    clip = np.random.default_rng(0).integers(0, 256, (6, 8, 8), np.uint8)
    path = write_gif(tmp_path / "a.gif", clip, [30, 30, 40] * 2)
    assert np.array_equal(list(video.frames(path, grey=True)), clip)


@pytest.mark.parametrize(("fraction", "message"), [(0.0, "after 0 frames"), (0.5, "is cut off"), (0.99, "is cut off")])
def test_a_gif_that_is_not_whole_is_damaged(tmp_path, fraction, message):
    path = write_gif(tmp_path / "a.gif", np.random.default_rng(0).integers(0, 256, (4, 16, 16), np.uint8), [40] * 4)
    path.write_bytes(path.read_bytes()[: int(fraction * path.stat().st_size)])
    with pytest.raises(Damaged, match=message):
        list(video.frames(path))


def test_a_gif_whose_frame_would_become_minutes_is_refused(tmp_path):
    path = write_gif(tmp_path / "a.gif", np.random.default_rng(0).integers(0, 256, (2, 8, 8), np.uint8), [20, 600_000])
    with pytest.raises(BenchError, match="has no even rate: its frames last between 20 and 600000 ms"):
        list(video.frames(path))


def test_a_gif_without_an_even_rate_is_refused(tmp_path):
    path = write_gif(tmp_path / "a.gif", np.random.default_rng(0).integers(0, 256, (3, 8, 8), np.uint8), [40, 60, 40])
    with pytest.raises(BenchError, match="its frames last between 40 and 60 ms"):
        list(video.frames(path))
