"""Pictures are read with the numbers that they hold and the right way up, or refused in words."""

import struct

import numpy as np
import pytest
from PIL import Image

from bench.common.errors import BenchError
from bench.data.pictures import ORIENTATION, read_picture
from bench.data.preparing.prepare import prepare
from bench.external.frames import read
from bench.external.side_pictures import read_frame
from bench.spec import catalog

TURNED = {
    1: lambda stored: stored, 2: lambda stored: stored[:, ::-1], 3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1], 5: lambda stored: stored.T, 6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].T, 8: lambda stored: np.rot90(stored),
}  # fmt: skip
"""What is shown of the stored pixels, by the orientation (EXIF 2.32, tag 274: where row 0 and column 0 are)."""
UPRIGHT = np.random.default_rng(0).integers(0, 256, (8, 12), np.uint8)


def save_turned(path, orientation, pixels=UPRIGHT):
    picture = Image.fromarray(pixels)
    exif = picture.getexif()
    exif[ORIENTATION] = orientation
    picture.save(path, exif=exif)
    return path


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_as_its_exif_says(tmp_path, suffix, orientation):
    path = save_turned(tmp_path / f"a.{suffix}", orientation)
    with Image.open(save_turned(tmp_path / f"plain.{suffix}", 1)) as picture:
        stored = np.asarray(picture.convert("L"))
    assert np.array_equal(read_picture(path, grey=True)[0], TURNED[orientation](stored))


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage here", b"Exif\0\0II*\0", b"Exif\0\0"])
def test_a_photograph_whose_exif_is_broken_is_read_as_it_is_stored(tmp_path, exif):
    Image.fromarray(UPRIGHT).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_picture(tmp_path / "a.png")[0], UPRIGHT)


def test_16_bits_are_turned_as_well(tmp_path):
    path = save_turned(tmp_path / "a.png", 6, UPRIGHT.astype(np.uint16) * 257)
    assert np.array_equal(read_picture(path)[0], np.rot90(UPRIGHT, -1).astype(np.uint16) * 257)


def test_photographs_are_the_right_way_up_wherever_clips_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    for level, split in enumerate(("train", "val", "test"), 1):
        (tmp_path / "f" / split / "a").mkdir(parents=True)
        for number in range(3):
            save_turned(tmp_path / "f" / split / "a" / f"{number}.png", 6, UPRIGHT // level)
    prepare("frames", {"source": str(tmp_path / "f")})
    shown = np.rot90(UPRIGHT // 3, -1)
    packed = catalog.build("datasets", "frames", {}).clips("test", 0, 1, 3).numpy()
    assert np.array_equal(np.rint(packed[0, 0, 0] * 255), shown)
    assert np.array_equal(np.rint(read(tmp_path / "f" / "test" / "a")[0:1][0, 0, 0] * 255), shown)


def write_tiff(path, code, values, bits, photometric, sample_format):
    """A grey TIFF of 4 x 2 pixels. photometric: 0 where zero is white. sample_format: 1 unsigned, 2 signed, 3 floating."""
    pixels = struct.pack(f"<8{code}", *values)
    tags = [
        (256, 3, 4), (257, 3, 2), (258, 3, bits), (259, 3, 1), (262, 3, photometric), (273, 4, 134), (277, 3, 1), (278, 3, 2),
        (279, 4, len(pixels)), (339, 3, sample_format),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + pixels)
    return path


@pytest.mark.parametrize(
    ("code", "values", "bits", "photometric", "sample_format", "dtype"),
    [
        ("B", (0, 1, 2, 3, 100, 200, 254, 255), 8, 1, 1, np.uint8),
        ("H", (0, 1, 2, 3, 1000, 30000, 40000, 65535), 16, 1, 1, np.uint16),
        ("h", (-5, 0, 1, 2, 3, -32768, 32767, 7), 16, 1, 2, np.int32),
        ("I", (0, 1, 2, 3, 2**31, 2**32 - 1, 5, 6), 32, 1, 1, np.uint32),
        ("i", (-(2**31), -1, 2, 3, 2**31 - 1, 4, 5, 6), 32, 1, 2, np.int32),
        ("f", (0, 0.125, 0.25, 0.5, 1, 2, 3, -1), 32, 1, 3, np.float32),
    ],
)
def test_a_tiff_is_read_with_the_numbers_that_it_holds(tmp_path, code, values, bits, photometric, sample_format, dtype):
    numbers = read_picture(write_tiff(tmp_path / "a.tiff", code, values, bits, photometric, sample_format))
    assert numbers.dtype == dtype and numbers.ravel().tolist() == list(values)


def test_a_tiff_of_a_kind_that_is_not_read_is_refused_in_words(tmp_path):
    write_tiff(tmp_path / "a.tiff", "d", range(8), 64, 1, 3)
    with pytest.raises(
        BenchError, match=r"a.tiff cannot be read as a picture: cannot identify a picture \(PNG, .*TIFF\) of a kind"
    ):
        read_frame(tmp_path / "a.tiff")


def test_a_tiff_of_8_bits_in_which_0_is_white_is_inverted(tmp_path):
    numbers = read_picture(write_tiff(tmp_path / "a.tiff", "B", (0, 1, 2, 3, 100, 200, 254, 255), 8, 0, 1))
    assert numbers.ravel().tolist() == [255, 254, 253, 252, 155, 55, 1, 0]


@pytest.mark.parametrize(
    ("code", "bits", "photometric", "sample_format", "message"),
    [
        ("H", 16, 0, 1, r"says that 0 is white \(WhiteIsZero\); save it with 0 as black"),
        ("f", 32, 0, 3, "says that 0 is white"),
        ("b", 8, 1, 2, "holds signed numbers of 8 bits, which cannot be read; save unsigned ones"),
    ],
)
def test_a_tiff_that_would_be_misread_is_refused(tmp_path, code, bits, photometric, sample_format, message):
    with pytest.raises(BenchError, match=message):
        read_picture(write_tiff(tmp_path / "a.tiff", code, range(8), bits, photometric, sample_format))
