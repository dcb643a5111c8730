"""What is too large, or no size at all, is refused in one line, and nothing but regular files is opened."""

import gzip
import os
import struct
import zipfile
import zlib

import numpy as np
import pytest

from bench.common.arrays import mapped, npz
from bench.common.errors import BenchError
from bench.common.reading import Unreadable, content, json_in
from bench.data.pictures import read_picture
from bench.data.preparing.idx import read_idx
from bench.data.video import frames
from bench.spec import catalog

IMPOSSIBLE = [
    "model.slots=0", "model.width=-1", f"model.width={10**30}", f"model.width={'9' * 5000}", "model.temperature=1e999",
    "optimizer.lr=-1", "optimizer.lr=1e999", f"optimizer.lr={10**400}", f"batch={10**20}", "horizon=100000000", "steps=1e999",
    f"steps={'[' * 300}", "context=0", f"horizon={10**8}", "data.size=1000000000000",
]  # fmt: skip


@pytest.mark.parametrize("setting", IMPOSSIBLE, ids=lambda setting: setting[:30])
def test_a_setting_that_cannot_be_is_refused_by_plan_in_one_line(bench, setting):
    code, out, err = bench("plan", "mine.py", "--set", setting)
    assert code == 2 and "Traceback" not in out + err and err.startswith("error: ") and err.count("\n") == 1 and len(err) < 400


@pytest.mark.parametrize("seeds", ["1000000000", "4294967296,", "99999999999999999999999", "-1", "x"])
def test_seeds_are_so_many_as_can_be_listed_and_below_two_to_the_32(bench, seeds):
    code, _, err = bench("plan", "mine.py", "--seeds", seeds)
    assert code == 2 and "--seeds" in err and err.count("\n") <= 5


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k in ("models", "datasets") for n in catalog.CATALOG[k]])
def test_no_size_of_the_suites_own_classes_may_be_zero(kind, name):
    for option in catalog.signature(kind, name):
        if option.name not in catalog.SUPPLIED and option.annotation == "int" and (option.required or option.default >= 1):
            with pytest.raises(BenchError, match="must be at least 1"):
                catalog.check(kind, name, {option.name: 0})


def test_pipes_devices_links_and_folders_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("pipe", "folder", "link"):
        with pytest.raises(Unreadable):
            content(tmp_path / name)
    (tmp_path / "large").write_bytes(b"")
    os.truncate(tmp_path / "large", 2**40)
    with pytest.raises(Unreadable, match="at most"):
        content(tmp_path / "large")
    (tmp_path / "deep.json").write_text("[" * 200_000)
    with pytest.raises(Unreadable, match="nested"):
        json_in(tmp_path / "deep.json")
    for reader, suffix in ((read_picture, ".png"), (lambda path: list(frames(path)), ".avi"), (mapped, ".npy"), (read_idx, "")):
        path = tmp_path / f"frame{suffix}"
        os.mkfifo(path)
        with pytest.raises((BenchError, OSError)):
            reader(path)


def test_a_picture_that_declares_four_thousand_million_pixels_is_not_unpacked(tmp_path):
    head = struct.pack(">IIBBBBB", 65535, 65535, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + head
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(head)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "huge.png").write_bytes(png + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT")))
    with pytest.raises(BenchError, match="pixels that are read"):
        read_picture(tmp_path / "huge.png")


def test_a_postscript_file_called_png_reaches_no_interpreter(tmp_path):
    (tmp_path / "frame.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EOF\n")
    with pytest.raises(OSError, match="cannot identify"):
        read_picture(tmp_path / "frame.png")


def test_a_playlist_called_avi_opens_nothing_else(tmp_path):
    (tmp_path / "video.avi").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n")
    with pytest.raises(BenchError, match="damaged"):
        list(frames(tmp_path / "video.avi"))


def test_arrays_hold_what_their_headers_declare(tmp_path):
    np.save(tmp_path / "small.npy", np.zeros(3, np.float32))
    (tmp_path / "small.npy").write_bytes((tmp_path / "small.npy").read_bytes()[:-4])
    with pytest.raises(Unreadable, match="declares"):
        mapped(tmp_path / "small.npy")
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("x.npy", b"\0" * 2**24)
    with pytest.raises(Unreadable, match="declares"), npz(tmp_path / "bomb.npz", max_bytes=2**20):
        pass


def test_a_gzip_bomb_is_not_unpacked(tmp_path, monkeypatch):
    from bench.data.preparing import idx

    monkeypatch.setattr(idx, "MOST", 2**20)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(b"\0" * 2**22))
    with pytest.raises(BenchError, match="more than"):
        read_idx(tmp_path / "train-images-idx3-ubyte.gz")
