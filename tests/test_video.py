"""Videos are read as players show them, whole and at an even rate, or refused in words."""

import re
import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from bench.common.errors import BenchError
from bench.data.containers import refuse_cut_off
from bench.data.preparing.prepare import prepare
from bench.data.preparing.sources import Damaged
from bench.data.video import frames, whole_clip

CLIP = np.random.default_rng(0).integers(0, 256, (12, 16, 24), np.uint8)
MATRIX = b"\0\1\0\0" + bytes(12) + b"\0\1\0\0" + bytes(12) + b"\x40\0\0\0"  # of an MP4 track: as it is stored


def write(path, clip=CLIP, codec="ffv1", pixels="gray", times=None, options=None, aspect=None):
    """A video at 25 frames a second, or with frames at these times in milliseconds."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *clip.shape[1:3], pixels
        if path.suffix != ".avi":  # in which frames have numbers, not times
            stream.codec_context.time_base = Fraction(1, 1000)
        if aspect:
            stream.codec_context.sample_aspect_ratio = Fraction(aspect)
        for number, values in enumerate(clip):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(values), "gray" if values.ndim == 2 else "rgba")
            frame.pts, frame.time_base = (times or range(0, 10**6, 40))[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


CONTAINERS = {
    "mkv": ("ffv1", "gray", {}), "webm": ("libvpx", "yuv420p", {}), "avi": ("ffv1", "gray", {}), "mov": ("qtrle", "gray", {}),
    "mp4": ("mpeg4", "yuv420p", {}),
}  # fmt: skip


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_video_that_is_cut_off_anywhere_is_damaged_and_a_whole_one_is_not(tmp_path, suffix):
    path = write(tmp_path / f"a.{suffix}", CLIP, *CONTAINERS[suffix][:2])
    assert len(list(frames(path))) == len(CLIP)
    content = path.read_bytes()
    for fraction in (0.3, 0.67, 0.9, 0.999):
        path.write_bytes(content[: int(fraction * len(content))])
        with pytest.raises(Damaged, match=r"is (cut off|damaged).*fetch the file again"):
            list(frames(path))


@pytest.mark.parametrize(
    ("name", "options"),
    [("live.mkv", {"live": "1"}), ("stream.webm", {"live": "1"}), ("parts.mp4", {"movflags": "frag_keyframe+empty_moov"})],
)
def test_a_video_that_was_written_as_a_stream_is_damaged_where_it_ends_within_a_part(tmp_path, name, options):
    codec = {"mkv": ("ffv1", "gray"), "ebm": ("libvpx", "yuv420p"), "mp4": ("mpeg4", "yuv420p")}[name[-3:]]
    path = write(tmp_path / name, CLIP, *codec, options=options)
    assert len(list(frames(path))) == len(CLIP)
    content = path.read_bytes()
    path.write_bytes(content[: content.rfind(b"mfra") - 40 if name.endswith("mp4") else -20])
    with pytest.raises(Damaged, match="is cut off"):
        list(frames(path))


def test_a_matroska_file_without_the_length_of_any_part_is_damaged_where_it_ends_within_a_frame(tmp_path):
    path = write(tmp_path / "a.mkv", options={"live": "1"})
    content = path.read_bytes()
    size = content.index(b"\x1f\x43\xb6\x75") + 4  # of the one cluster, in two bytes
    content = content[:size] + b"\x7f\xff" + content[size + 2 :]  # unknown, as browsers write it
    path.write_bytes(content)
    assert len(list(frames(path))) == 12
    path.write_bytes(content[:-20])
    with pytest.raises(Damaged, match="is cut off"):
        list(frames(path))


def test_what_follows_the_end_of_a_video_is_no_part_of_it(tmp_path):
    path = write(tmp_path / "a.mkv")
    path.write_bytes(path.read_bytes() + b"\xec\x8fa void of 15 bytes, cut"[:9])
    assert len(list(frames(path))) == 12


def test_a_matroska_file_that_ends_before_the_time_that_it_says_is_damaged(tmp_path):
    path = write(tmp_path / "a.mkv")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"00:00:00.480000000", b"00:00:00.980000000"))
    assert len(list(frames(path))) == 12  # a tag that an earlier file has left, since the whole file lasts 0.48 s
    longer = struct.pack(">d", 980).join(content.split(struct.pack(">d", 480)))  # in milliseconds, as FFmpeg writes it
    path.write_bytes(longer.replace(b"00:00:00.480000000", b"00:00:00.980000000"))
    with pytest.raises(Damaged, match=r"has frames up to second 0\.44 and says that it lasts 0\.98"):
        list(frames(path))


def test_an_avi_file_of_several_lists_is_whole_where_the_last_one_ends(tmp_path):
    path, further = write(tmp_path / "a.avi"), b"RIFF" + (100).to_bytes(4, "little") + b"AVIX" + bytes(96)
    content = path.read_bytes()
    path.write_bytes(content + further)
    refuse_cut_off(path)
    path.write_bytes(content + further[:-30])
    with pytest.raises(Damaged, match="is cut off"):
        refuse_cut_off(path)
    odd = content[:4] + (len(content) - 7).to_bytes(4, "little") + content[8:] + b"x"
    path.write_bytes(odd + b"\0" + further[:-30])  # lists begin at even bytes
    with pytest.raises(Damaged, match="is cut off"):
        refuse_cut_off(path)


def test_times_that_containers_round_and_a_frame_that_was_dropped_are_no_uneven_rate(tmp_path):
    rounded = write(tmp_path / "a.mkv", times=[round(number * 1000 / 60) for number in range(12)])
    assert len(list(frames(rounded))) == 12
    trembling = write(tmp_path / "b.mkv", times=[40 * number + 3 * (number % 3) for number in range(12)])
    assert len(list(frames(trembling))) == 12
    dropped = write(tmp_path / "c.mkv", np.repeat(CLIP, 5, 0), times=[40 * (number + (number > 30)) for number in range(60)])
    assert len(list(frames(dropped))) == 60


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_video_without_an_even_rate_is_refused_with_its_times(tmp_path, suffix):
    times = [40 * number if number < 6 else 240 + 200 * (number - 6) for number in range(12)]
    path = write(tmp_path / f"a.{suffix}", CLIP, *CONTAINERS[suffix][:2], times=times)
    with pytest.raises(BenchError, match=r"has no even rate: its frames last between 40 and 200 ms, .* ffmpeg -i IN"):
        list(frames(path))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("quarters", range(4))
def test_a_video_is_turned_as_players_turn_it(tmp_path, quarters, mirrored):
    path = write(tmp_path / "a.mp4", CLIP, "mpeg4", "yuv420p")
    stored, content = np.stack(list(frames(path, grey=True))), path.read_bytes()
    turn = np.linalg.matrix_power(np.array([[0, 1], [-1, 0]]), quarters)  # clockwise, for row vectors (x, y)
    (a, b), (c, d) = (np.array([[-1, 0], [0, 1]]) @ turn if mirrored else turn).tolist()
    entries = (a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    track = content.index(MATRIX, content.index(b"tkhd"))
    matrix = b"".join(entry.to_bytes(4, signed=True) for entry in entries)
    path.write_bytes(content[:track] + matrix + content[track + len(MATRIX) :])
    shown = np.rot90(stored[:, :, ::-1] if mirrored else stored, -quarters, (1, 2))
    assert np.array_equal(list(frames(path, grey=True)), shown)
    assert whole_clip(path).shape == (12, 3, *shown.shape[1:])


def test_a_video_that_is_to_be_shown_aslant_is_refused(tmp_path):
    path = write(tmp_path / "a.mp4", CLIP, "mpeg4", "yuv420p")
    content = path.read_bytes()
    track = content.index(MATRIX, content.index(b"tkhd"))
    slant = b"".join(entry.to_bytes(4, signed=True) for entry in (46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30))
    path.write_bytes(content[:track] + slant + content[track + len(MATRIX) :])
    with pytest.raises(BenchError, match="turned by other than quarters"):
        list(frames(path))


def test_a_video_whose_pixels_are_not_square_is_refused(tmp_path):
    path = write(tmp_path / "a.mp4", CLIP, "mpeg4", "yuv420p", aspect="16/11")
    with pytest.raises(BenchError, match=r"has pixels 1\.455 times as wide as high, and frames need square ones"):
        list(frames(path))
    assert len(list(frames(write(tmp_path / "b.mp4", CLIP, "mpeg4", "yuv420p", aspect="1/1")))) == 12


def transparent(opaque):
    """The clip with an alpha channel, which is opaque everywhere or not at the left."""
    alpha = np.full_like(CLIP, 255)
    alpha[:, :, :4] = 255 if opaque else 0
    return np.stack([CLIP, CLIP, CLIP, alpha], 3)


@pytest.mark.parametrize("suffix", ["gif", "mov"])
def test_a_video_that_is_transparent_in_places_is_refused_as_a_picture_is(tmp_path, suffix):
    for opaque in (True, False):
        path = tmp_path / f"{opaque}.{suffix}"
        if suffix == "gif":
            first, *others = map(Image.fromarray, transparent(opaque))
            first.save(path, save_all=True, append_images=others, duration=40, disposal=2)
        else:
            write(path, transparent(opaque), "qtrle", "argb")
    assert len(list(frames(tmp_path / f"True.{suffix}"))) == 12
    with pytest.raises(BenchError, match="is transparent in places; save frames without an alpha channel"):
        list(frames(tmp_path / f"False.{suffix}"))


def test_a_webm_file_with_an_alpha_channel_is_refused_since_decoders_leave_that_out(tmp_path):
    with av.open(str(tmp_path / "a.webm"), "w") as container:
        stream = container.add_stream("libvpx", rate=25)
        stream.height, stream.width, stream.pix_fmt, stream.metadata["alpha_mode"] = 16, 24, "yuv420p", "1"
        for values in CLIP:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(values, "gray")))
        container.mux(stream.encode())
    with pytest.raises(BenchError, match="is transparent in places"):
        list(frames(tmp_path / "a.webm"))


def test_a_video_whose_frames_change_size_is_refused_by_all_that_read_it(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    packets = []
    for side, start in ((64, 0), (32, 6)):
        encoder = av.CodecContext.create("mjpeg", "w")
        encoder.width = encoder.height = side
        encoder.pix_fmt, encoder.time_base = "yuvj420p", Fraction(1, 25)
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(np.full((side, side), 20 * number, np.uint8), "gray")
            frame = frame.reformat(format="yuvj420p")
            frame.pts, frame.time_base = start + number, Fraction(1, 25)
            packets += encoder.encode(frame)
    (tmp_path / "f" / "train").mkdir(parents=True)
    path = tmp_path / "f" / "train" / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuvj420p"
        for packet in packets:
            packet.stream = stream
            container.mux(packet)
    says = re.escape(f"{path} changes: 64x64 pixels") + ".*, then 32x32 pixels.* at frame 7;"
    with pytest.raises(BenchError, match=says.replace("32x32 pixels", "32x32")):
        whole_clip(path)
    for split in ("val", "test"):
        (tmp_path / "f" / split).mkdir()
        write(tmp_path / "f" / split / "a.mkv")
    with pytest.raises(BenchError, match=says):
        prepare("videos", {"source": str(tmp_path / "f")})
