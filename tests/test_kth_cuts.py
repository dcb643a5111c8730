"""KTH's test sets as others cut them: which frames stand together, where clips begin, how many there are."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.common.errors import BenchError
from bench.data.kth import KTH
from bench.data.kth_cuts import CUTS, clips, explained, from_the_end, from_the_start, in_the_middle, sequences
from bench.data.preparing.kth import persons
from bench.data.preparing.kth_sequences import read_sequences
from bench.data.preparing.listing import listing
from bench.data.preparing.prepare import prepare
from tests.data_samples import KTH_VIDEOS, walker, write_kth

LISTED = Path(__file__).parent / "data" / "00sequences.txt"


@pytest.fixture(autouse=True)
def data_root(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))


def thumls(frames, length):
    """First frames that thuml's loader finds: (video, number) of every picture, looked at from the last one backwards."""
    clips_cut, at = [], len(frames) - 1
    while at >= length - 1:
        (video, last), (other, first) = frames[at], frames[at - length + 1]
        if video == other and last - first == length - 1:
            clips_cut.append((video, first))
            at -= 2 if video.split("_")[1] in ("jogging", "running") else length - 1
        at -= 1
    return clips_cut


@pytest.mark.parametrize("length", [3, 4, 7])
def test_thumls_rule_is_what_its_loader_finds_looking_backwards(length):
    runs = {"person17_boxing_d1": [(1, 7), (9, 10), (12, 30)], "person17_jogging_d1": [(5, 5), (8, 20)],
            "person18_running_d2": [(1, 3)], "person18_walking_d2": [(2, 9), (10, 13)]}  # fmt: skip
    pictures = [(v, n) for v, ranges in runs.items() for first, last in ranges for n in range(first, last + 1)]
    ours = [
        (video, frames.start + 1 + offset)
        for video, ranges in runs.items()
        for frames in sequences(CUTS["thuml"], ranges, video.split("_")[1])
        for offset in from_the_end(len(frames), length, video.split("_")[1])
    ]
    assert sorted(ours) == sorted(thumls(pictures, length))
    assert clips(CUTS["thuml"], runs, [17, 18], length) == len(ours)


def test_where_clips_begin():
    assert list(from_the_start(11, 4, "boxing")) == [0, 4]
    assert list(from_the_end(11, 4, "boxing")) == [7, 3]
    assert list(from_the_end(11, 4, "jogging")) == [7, 4, 1]
    assert list(in_the_middle(11, 4, "walking")) == [1, 5]
    assert list(from_the_end(3, 4, "running")) == list(in_the_middle(3, 4, "running")) == list(from_the_start(3, 4, "")) == []


def test_which_frames_stand_together():
    ranges = [(1, 4), (5, 8), (7, 9), (12, 14)]
    assert sequences(CUTS["suite"], ranges, "walking") == [range(4), range(4, 8), range(8, 9), range(11, 14)]
    assert sequences(CUTS["thuml"], ranges, "walking") == [range(9), range(11, 14)]
    assert sequences(CUTS["vptr"], ranges, "walking") == [range(9), range(11, 14)]
    assert sequences(CUTS["vptr"], ranges, "boxing", frames=20) == sequences(CUTS["thuml_videos"], ranges, "running", 20)
    assert sequences(CUTS["thuml_videos"], ranges, "running", 20) == [range(20)]


def test_the_counts_that_00sequences_gives():
    videos, counts = read_sequences(LISTED), {}
    for name in ("suite", "thuml"):
        for split, persons_text in (("train", "1-16"), ("test", "17-25")):
            counts[name, split] = [clips(CUTS[name], videos, persons(persons_text), length) for length in (20, 30, 50)]
    assert counts == {
        ("suite", "train"): [6503, 4085, 2170], ("suite", "test"): [3766, 2377, 1248],
        ("thuml", "train"): [12386, 8783, 4227],
        ("thuml", "test"): [7113, 5045, 2496],  # a user counts 5,041 in thuml's pictures (issue 15), of unsaid length
    }  # fmt: skip
    assert clips(CUTS["svg"], videos, persons("21-25"), 30) == 1080
    assert clips(CUTS["vptr"], videos, persons("17-25"), 30) is None  # a detector decides, on whole videos
    assert clips(CUTS["thuml_videos"], videos, persons("17-25"), 20) is None  # the videos' lengths are not listed


@pytest.fixture
def source(tmp_path):
    return write_kth(tmp_path / "source")


def cut(name, source, **options):
    prepare("kth", {"source": str(source), "size": 16, "cut": name, **options})
    return KTH(size=16, cut=name)


def test_a_cut_is_prepared_beside_the_suites_own_and_named_in_the_footnote(source):
    prepare("kth", {"source": str(source), "size": 16})
    before = KTH(size=16).fingerprint()
    data = cut("thuml", source)
    assert KTH(size=16).fingerprint() == before != data.fingerprint()
    assert (
        "cut as thuml (PredRNN, E3D-LSTM, MIM, SimVP, OpenSTL)" in data.conventions() and "cut as" not in KTH(16).conventions()
    )
    assert [s.frames for s in data.packed.sequences["test"]] == [24, 11]  # 1-13 and 13-24 are one run
    assert data.count("test", 5) == 4 + 3  # walking: four; jogging: 6, 3 and 0
    assert {entry.options.get("cut") for entry in listing() if entry.name == "kth"} == {None, "thuml"}


def test_whole_videos_and_vptrs_middle(source):
    assert [s.frames for s in cut("thuml_videos", source).packed.sequences["test"]] == [24, 24]
    data = cut("vptr", source)
    assert [s.frames for s in data.packed.sequences["train"]] == [24, 12, 10]  # boxing whole; walking: 1-12, 15-24
    assert sorted(start for start, _ in data._fixed("test", 10)) == [2, 12, 24]  # of 24 frames, then of 11


def test_svgs_clips_are_drawn_once_and_lie_within_sequences(source):
    data = cut("svg", source, train_persons="1-15", val_persons="15", test_persons="17-25")
    assert data.count("test", 6) == 1080 and data.count("test", 12) == 1080
    ends = np.cumsum([s.frames for s in data.packed.sequences["test"]])
    starts = [start for start, _ in data._fixed("test", 6)]
    assert all((ends > start).argmax() == (ends > start + 5).argmax() for start in starts)
    assert starts == [start for start, _ in KTH(size=16, cut="svg")._fixed("test", 6)] and len(set(starts)) == 8 + 6 + 6


def unpack(folder, videos=KTH_VIDEOS, listed_only=False):
    """KTH's videos as folders of pictures, image_0001.jpg and so on, with their 00sequences.txt."""
    lines = []
    for speed, (name, ranges) in enumerate(videos.items(), 1):
        target = folder / name.split("_")[1] / f"{name}_uncomp"
        target.mkdir(parents=True)
        for number, frame in enumerate(walker(24, speed=speed), 1):
            if not listed_only or any(first <= number <= last for first, last in ranges):
                Image.fromarray(frame).save(target / f"image_{number:04d}.jpg", quality=95)
        lines.append(f"{name}\t\tframes\t" + ", ".join(f"{first}-{last}" for first, last in ranges))
    (folder / "00sequences.txt").write_text("\n".join(lines) + "\n")
    return folder


def test_unpacked_pictures_are_prepared_as_well_as_videos(source, tmp_path, monkeypatch):
    prepare("kth", {"source": str(source), "size": 16})
    videos = KTH(size=16)
    frames = np.array(videos.packed.frames("test"), np.int16)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "other"))
    prepare("kth", {"source": str(unpack(tmp_path / "pictures")), "size": 16})
    pictures = KTH(size=16)
    assert pictures.packed.sequences == videos.packed.sequences
    assert np.abs(np.array(pictures.packed.frames("test"), np.int16) - frames).max() < 40  # two ways of compressing


def test_pictures_of_the_action_alone_make_thumls_runs_and_a_hole_is_refused(tmp_path):
    pictures = unpack(tmp_path / "pictures", listed_only=True)
    assert [s.frames for s in cut("thuml", pictures).packed.sequences["test"]] == [24, 11]
    assert [s.frames for s in cut("thuml", pictures).packed.sequences["train"]] == [20, 12, 10]
    (pictures / "walking" / "person17_walking_d1_uncomp" / "image_0005.jpg").unlink()
    with pytest.raises(BenchError, match="person17_walking_d1_uncomp lacks picture 5, in the middle of a sequence"):
        prepare("kth", {"source": str(pictures), "size": 16})


def test_a_video_that_is_there_twice_and_a_cut_that_is_none_are_refused(source, tmp_path):
    unpack(source / "pictures", {"person17_walking_d1": ((1, 13),)})
    (source / "pictures" / "walking" / "person17_walking_d1_uncomp").rename(source / "boxing" / "person17_walking_d1")
    with pytest.raises(BenchError, match="person17_walking_d1 in two places"):
        prepare("kth", {"source": str(source), "size": 16})
    with pytest.raises(BenchError, match="KTH has no cut 'thulm': did you mean 'thuml'"):
        KTH(cut="thulm")


def test_data_show_explains_the_cuts_with_their_counts(bench, source, tmp_path):
    bench("prepare", "kth", "--source", source, "--size", 16)
    code, out, _ = bench("data", "show", "kth", "--set", "size=16", "--frames", 5, "--clips", 1)
    assert code == 0 and "thuml (PredRNN, E3D-LSTM, MIM, SimVP, OpenSTL): 7 clips, persons 17-25" in out
    assert "108,717 training and 4,086 test clips" in out and "suite (this suite): 6 clips" in out
    lines = explained(read_sequences(LISTED), 30, persons)
    assert any("thuml (" in line and "5,045 clips" in line for line in lines)
    assert any("suite (" in line and "as many clips as the videos give" in line for line in explained(None, 30, persons))


def test_every_rule_names_where_it_was_read():
    assert all(cut.source for name, cut in CUTS.items() if name != "suite")
