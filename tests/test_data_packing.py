"""Prepared folders: whole or not there, resumed where they stopped, and checked before they are used."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from bench.common.errors import BenchError, Blocked
from bench.data import manifest
from bench.data.packed import Packed
from bench.data.preparing import packing
from bench.data.preparing.packing import Video, pack
from bench.data.preparing.sources import Damaged


@pytest.fixture
def videos(tmp_path):
    """One video per split; each file says how many frames its video has."""
    sources = []
    for split, frames in (("train", 5), ("val", 3), ("test", 4)):
        path = tmp_path / f"{split}.txt"
        path.write_text(str(frames))
        sources.append(Video(split, split, path, label="walking", group="person01"))
    return sources


def read(video):
    for t in range(int(video.path.read_text())):
        yield video.name, np.full((1, 2, 3), 10 * len(video.name) + t, np.uint8)


def packed(tmp_path, videos, reader=read, settings=None, **options):
    read_videos = options.pop("seen", [])
    return pack(
        tmp_path / "ready", videos, reader, settings or {"size": 2}, progress=lambda *done: read_videos.append(done), **options
    )


def opened(tmp_path):
    return Packed(tmp_path / "ready", "kth", "bench prepare kth")


def hidden(tmp_path):
    return sorted(tmp_path.glob(".ready.partial*"))


def test_what_was_packed_is_read_back(tmp_path, videos):
    packed(tmp_path, videos)
    data = opened(tmp_path)
    assert data.shape == (1, 2, 3)
    assert data.frames("train")[:, 0, 0, 0].tolist() == [50, 51, 52, 53, 54]
    (sequence,) = data.sequences["test"]
    assert (sequence.name, sequence.frames, sequence.label, sequence.group) == ("test", 4, "walking", "person01")
    assert not hidden(tmp_path)


def test_progress_is_told_for_every_video(tmp_path, videos):
    calls = []
    packed(tmp_path, videos, seen=calls)
    assert [done[:2] for done in calls] == [(1, 3), (2, 3), (3, 3)]


def test_preparing_again_changes_nothing(tmp_path, videos):
    first = packed(tmp_path, videos)

    def never(video):
        raise AssertionError("nothing needs to be read")
        yield

    assert packed(tmp_path, videos, never) == first


def test_preparing_again_from_a_changed_source_is_refused(tmp_path, videos):
    packed(tmp_path, videos)
    videos[0].path.write_text("10")
    with pytest.raises(BenchError, match=r"was prepared from other videos .*remove it first"):
        packed(tmp_path, videos)


def test_an_interrupted_preparation_goes_on_with_what_is_missing(tmp_path, videos, monkeypatch):
    monkeypatch.setattr(packing.os, "cpu_count", lambda: 1)

    def interrupted(video):
        if video.split == "test":
            raise KeyboardInterrupt
        yield from read(video)

    with pytest.raises(KeyboardInterrupt):
        packed(tmp_path, videos, interrupted)
    with pytest.raises(Blocked):
        opened(tmp_path)
    read_later = []

    def counted(video):
        read_later.append(video.name)
        yield from read(video)

    packed(tmp_path, videos, counted)
    assert read_later == ["test"]
    assert opened(tmp_path).frames("train").shape == (5, 1, 2, 3)


def test_a_source_that_changed_since_the_interruption_is_read_again(tmp_path, videos):
    def interrupted(video):
        if video.split == "test":
            raise KeyboardInterrupt
        yield from read(video)

    with pytest.raises(KeyboardInterrupt):
        packed(tmp_path, videos, interrupted)
    videos[0].path.write_text("11")
    packed(tmp_path, videos)
    assert opened(tmp_path).frames("train").shape == (11, 1, 2, 3)


@pytest.mark.chaos
@pytest.mark.parametrize("moment", ["part", "join", "index", "manifest", "rename"])
def test_a_full_disk_never_leaves_something_that_counts_as_ready(tmp_path, videos, monkeypatch, moment):
    from bench.data.preparing import prepare

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    where = {
        "part": (packing.np, "ascontiguousarray"),
        "join": (packing.shutil, "copyfileobj"),
        "index": (packing, "write_json"),
        "manifest": (manifest, "write_json"),
        "rename": (packing.os, "rename"),
    }
    monkeypatch.setitem(prepare.PREPARERS, "kth", f"{__name__}:prepare_here")
    monkeypatch.setattr(f"{__name__}.prepare_here", lambda *, progress: [str(packed(tmp_path, videos))], raising=False)
    with monkeypatch.context() as during:
        during.setattr(*where[moment], full)
        with pytest.raises(BenchError, match="the disk is full, so kth is not ready; mend that and repeat"):
            prepare.prepare("kth", {})
    with pytest.raises(Blocked):
        opened(tmp_path)
    packed(tmp_path, videos)
    assert opened(tmp_path).frames("train")[:, 0, 0, 0].tolist() == [50, 51, 52, 53, 54]
    assert not hidden(tmp_path)


def test_a_second_process_on_the_same_folder_is_turned_away(tmp_path, videos):
    def inner(video):
        with pytest.raises(BenchError, match="another process is preparing"):
            packed(tmp_path, videos)
        yield from read(video)

    packed(tmp_path, videos, inner)


def test_frames_of_two_sizes_in_a_video_are_refused(tmp_path, videos):
    def growing(video):
        yield video.name, np.zeros((1, 2, 3), np.uint8)
        yield video.name, np.zeros((1, 4 if video.name == "train" else 2, 3), np.uint8)

    with pytest.raises(BenchError, match=r"train.txt changes: 3x2 pixels .* 3x4 pixels .* at frame 2; pass --size"):
        packed(tmp_path, videos, growing)


def broken(video):
    """Reads nothing: the training video cannot be read, the others show what nobody wants."""
    raise (Damaged if video.split == "train" else BenchError)(f"{video.path.name} is broken")
    yield


def test_all_videos_that_cannot_be_used_are_named_at_once_in_their_order(tmp_path, videos):
    with pytest.raises(BenchError) as error:
        packed(tmp_path, videos, broken)
    assert str(error.value).splitlines() == [
        "3 of 3 videos cannot be used:",
        "  train.txt is broken; --skip-damaged leaves such videos out",
        "  val.txt is broken",
        "  test.txt is broken",
    ]
    with pytest.raises(BenchError, match=r"2 of 3 videos cannot be used:\n  val.txt is broken\n  test.txt is broken$"):
        packed(tmp_path, videos, broken, skip_damaged=True)


def test_a_mistake_that_concerns_all_videos_is_told_before_all_were_read(tmp_path, videos):
    many = [Video("train", f"{n}", videos[0].path) for n in range(packing.MOST_REFUSED + 5)]
    with pytest.raises(BenchError, match="10 of 10 videos cannot be used, and 5 more were not looked at:"):
        packed(tmp_path, many, broken)


def test_videos_of_two_sizes_are_refused_by_name(tmp_path, videos):
    def sized(video):
        yield video.name, np.zeros((1, 2, len(video.name)), np.uint8)

    with pytest.raises(BenchError, match=r"videos differ: .*train.txt has 5x2 pixels .*val.txt has 3x2 pixels .*pass --size"):
        packed(tmp_path, videos, sized)


def test_a_changed_size_is_noticed_at_once(tmp_path, videos):
    packed(tmp_path, videos)
    with (tmp_path / "ready" / "train.u8").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(BenchError, match=r"train.u8 has changed \(31 bytes instead of 30\).*remove .* prepare it again"):
        opened(tmp_path)


def test_a_changed_byte_is_noticed_by_its_time_at_once(tmp_path, videos):
    packed(tmp_path, videos)
    flip_a_byte(tmp_path / "ready" / "train.u8")
    with pytest.raises(BenchError, match=r"train.u8 has changed \(same size, other content\)"):
        opened(tmp_path)


def test_a_changed_byte_behind_an_unchanged_time_is_noticed_by_a_full_check(tmp_path, videos):
    packed(tmp_path, videos)
    file = tmp_path / "ready" / "train.u8"
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    flip_a_byte(file)
    os.utime(file, ns=times)
    data = opened(tmp_path)
    with pytest.raises(BenchError, match="same size, other content"):
        data.checked(full=True)


def test_a_copied_folder_is_ready_under_the_same_fingerprint(tmp_path, videos):
    checksum = packed(tmp_path, videos).checksum
    for file in (tmp_path / "ready").iterdir():
        os.utime(file, ns=(0, 0))
    assert opened(tmp_path).manifest.checksum == checksum


def test_a_lost_file_and_a_damaged_manifest_are_named(tmp_path, videos):
    packed(tmp_path, videos)
    (tmp_path / "ready" / "val.u8").unlink()
    with pytest.raises(BenchError, match=r"val.u8 has disappeared"):
        opened(tmp_path)
    (tmp_path / "ready" / manifest.NAME).write_text("{")
    with pytest.raises(BenchError, match=r"manifest.json is damaged"):
        opened(tmp_path)


def test_the_fingerprint_changes_with_settings_and_content(tmp_path, videos):
    checksums = set()
    for n, settings in enumerate(({"size": 2}, {"size": 3})):
        (tmp_path / str(n)).mkdir()
        checksums.add(packed(tmp_path / str(n), videos, settings=settings).checksum)
    videos[2].path.write_text("6")
    (tmp_path / "2").mkdir()
    checksums.add(packed(tmp_path / "2", videos).checksum)
    assert len(checksums) == 3


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[7] ^= 255
    path.write_bytes(content)
