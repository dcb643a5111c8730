"""Frame folders and video folders: read in natural order, any size, grey or colour, with every mistake explained."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from bench.common.errors import BenchError, Blocked
from bench.data.preparing.prepare import prepare
from bench.executors.inline import Inline
from bench.external.frames import read
from bench.reporting.results import results
from bench.spec import catalog
from bench.spec.component import Component
from bench.spec.experiment import Evaluation, Experiment
from bench.sweep.plan import plan, remarks
from bench.sweep.scheduler import Scheduler
from tests.data_samples import walker, write_frames, write_video

SPLITS = {"train": (12, 3), "val": (4,), "test": (9, 4)}


@pytest.fixture(autouse=True)
def data_root(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def data(kind="frames", **options):
    return catalog.build("datasets", kind, options)


def frames(source, **options):
    prepare("frames", {"source": str(source), **options})
    return data(name=options.get("name", "default"))


def test_frames_are_read_in_natural_order(tmp_path):
    clip = frames(write_frames(tmp_path / "source", SPLITS)).clips("train", 0, 1, 12)
    assert (clip[0, :, 0, 0, 0] * 255).tolist() == list(range(12))  # frame_2 before frame_10


def test_training_windows_slide_and_test_clips_do_not_overlap(tmp_path):
    dataset = frames(write_frames(tmp_path / "source", SPLITS))
    assert dataset._window_starts(3).tolist() == [*range(10), 12]
    assert dataset.count("test", 4) == 3  # two of 9 frames, one of 4
    assert sorted((dataset.clips("test", 0, 3, 4)[:, 0, 0, 0, 0] * 255).round().tolist()) == [200, 204, 220]
    assert dataset.labels("test", 4, 9) is None


@pytest.mark.parametrize("suffix", ["jpg", "png", "JPEG"])
def test_png_and_jpeg_grey_and_colour(tmp_path, suffix):
    grey = frames(write_frames(tmp_path / "grey", SPLITS, suffix), name="grey")
    colour = frames(write_frames(tmp_path / "colour", SPLITS, suffix, colour=True), name="colour")
    made_grey = frames(tmp_path / "colour", name="made_grey", grey=True)
    assert (grey.shape, colour.shape, made_grey.shape) == ((1, 8, 12), (3, 8, 12), (1, 8, 12))
    assert torch.allclose(grey.clips("test", 0, 1, 9), colour.clips("test", 0, 1, 9)[:, :, :1], atol=2 / 255)


def test_frames_can_be_brought_to_one_size(tmp_path):
    source = write_frames(tmp_path / "source", SPLITS)
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(source / "train" / "video_00000" / "frame_5.png")
    with pytest.raises(BenchError, match=r"video_00000 changes: 12x8 .* then 20x20 .* at frame 6; pass --size"):
        frames(source)
    assert frames(source, size=6).shape == (1, 6, 6)


def test_without_val_every_tenth_training_video_is_held_out(tmp_path):
    dataset = frames(write_frames(tmp_path / "source", {"train": (3,) * 11, "test": (4,)}))
    assert [s.name for s in dataset.packed.sequences["val"]] == ["video_00009"]
    assert len(dataset.packed.sequences["train"]) == 10


def test_a_single_training_video_without_val_is_refused(tmp_path):
    with pytest.raises(BenchError, match="has a single video, so none can be held out"):
        frames(write_frames(tmp_path / "source", {"train": (3,), "test": (3,)}))


def test_an_unreadable_picture_is_named_and_its_video_left_out_when_told_to(tmp_path):
    source = write_frames(tmp_path / "source", SPLITS, "jpg")
    picture = source / "train" / "video_00001" / "frame_1.jpg"
    picture.write_bytes(picture.read_bytes()[:200])
    with pytest.raises(BenchError, match=r"video_00001/frame_1.jpg cannot be read .* --skip-damaged"):
        frames(source)
    assert len(frames(source, skip_damaged=True).packed.sequences["train"]) == 1


def test_a_video_folder_without_pictures_is_named(tmp_path):
    source = write_frames(tmp_path / "source", SPLITS)
    (source / "test" / "video_00007").mkdir()
    with pytest.raises(BenchError, match="video_00007 has no pictures in it"):
        frames(source)


def test_grey_and_coloured_pictures_are_told_how_to_become_alike_and_hidden_files_are_none(tmp_path):
    source = write_frames(tmp_path / "source", SPLITS)
    (source / "train" / ".git").mkdir()
    (source / "train" / "video_00000" / "._frame_0.png").write_bytes(b"of another system")
    frames(source)
    for path in (source / "test").glob("*/*"):
        with Image.open(path) as picture:
            picture.convert("RGB").save(path)
    with pytest.raises(BenchError, match=r"the videos differ: .*; pass --grey to make them all grey$"):
        frames(source, name="mixed")


def test_pictures_of_16_bits_are_refused_until_their_range_is_said(tmp_path):
    source = write_frames(tmp_path / "source", SPLITS)
    Image.fromarray(np.zeros((8, 12), np.uint16)).save(source / "train" / "video_00000" / "frame_0.png")
    with pytest.raises(BenchError, match=r"frame_0.png holds uint16 .* such as --range 0\.\.65535"):
        frames(source)
    with pytest.raises(BenchError, match=r"frame_1\.png is uint8 .* and others are uint16"):
        read(source / "train" / "video_00000")


def test_pictures_of_16_bits_masks_and_other_formats_become_bytes(tmp_path):
    for split, value in (("train", 10), ("val", 20), ("test", 30)):
        for t in range(3):
            frame = np.full((8, 12), (value + t) * 257, np.uint16)
            for form, picture in (("deep", Image.fromarray(frame)), ("masks", Image.fromarray((frame % 2).astype(np.uint8)))):
                folder = tmp_path / form / split / "v"
                folder.mkdir(parents=True, exist_ok=True)
                picture.save(
                    folder / f"{t}.{'tiff' if form == 'deep' else 'webp'}", **({} if form == "deep" else {"lossless": True})
                )
    assert (frames(tmp_path / "deep", name="deep", range="0..65535").clips("test", 0, 1, 3)[0, :, 0, 0, 0] * 255).tolist() == [
        30,
        31,
        32,
    ]
    with pytest.raises(BenchError, match=r"masks of 0 and 1, say so with --range 0\.\.1"):
        frames(tmp_path / "masks", name="masks", grey=True, allow_leak=True)
    masks = frames(tmp_path / "masks", name="masks", range="0..1", grey=True, allow_leak=True)
    assert masks.clips("test", 0, 1, 3)[0, :, 0, 0, 0].tolist() == [0, 1, 0]


@pytest.mark.parametrize("names", [("train", "valid", "test"), ("Training", "validation", "testing"), ("train", "VAL", "test")])
def test_other_usual_names_of_splits_are_understood_and_folders_that_are_none_are_named(tmp_path, names):
    source = write_frames(tmp_path / "source", SPLITS)
    (source / "extra").mkdir()
    for split, name in zip(("train", "val", "test"), names, strict=True):
        (source / split).rename(source / name)
    lines = prepare("frames", {"source": str(source)})
    assert "train 2 videos, val 1 video, test 2 videos" in lines[0] and f"not a split, left out: {source / 'extra'}" in lines
    assert [s.frames for s in data().packed.sequences["val"]] == [4]  # the user's, none held out of training


def test_it_is_said_how_many_videos_are_too_short_for_a_clip(tmp_path):
    dataset = frames(write_frames(tmp_path / "source", SPLITS))
    assert dataset.remarks("train", 4) == ["1 of 2 videos of the train split is shorter than 4 frames"]
    assert not dataset.remarks("train", 3)


def test_two_folders_of_one_split_are_refused(tmp_path):
    source = write_frames(tmp_path / "source", SPLITS)
    (source / "validation").mkdir()
    with pytest.raises(BenchError, match="are both the val split by their names"):
        frames(source)


def test_a_video_that_is_in_two_splits_is_refused_unless_that_is_allowed_and_then_noted(tmp_path):
    source = write_frames(tmp_path / "source", SPLITS)
    shutil.copytree(source / "test" / "video_00000", source / "train" / "copied")
    with pytest.raises(
        BenchError, match=r"train/copied \(train\) and .*test/video_00000 \(test\) show the same frames; .*--allow-leak"
    ):
        frames(source)
    lines = prepare("frames", {"source": str(source), "allow_leak": True})
    assert any("show the same frames" in line for line in lines)


def test_videos_left_out_are_not_counted(tmp_path):
    source = write_frames(tmp_path / "source", SPLITS)
    (source / "train" / "video_00001" / "frame_1.png").write_bytes(b"no picture")
    lines = prepare("frames", {"source": str(source), "skip_damaged": True})
    assert "train 1 video, val 1 video, test 2 videos; 1 damaged, left out" in lines[0]


def test_frames_become_any_width_and_height_and_can_be_cropped_before(tmp_path):
    source = write_frames(tmp_path / "source", SPLITS)
    assert frames(source, name="wide", size="6x4").shape == (1, 4, 6)
    assert frames(source, name="square", crop="8").shape == (1, 8, 8)
    assert frames(source, name="both", crop="8x4", size="4x2").shape == (1, 2, 4)
    for options, message in (
        ({"size": "6:4"}, "--size takes pixels"),
        ({"size": "0x4"}, "--size takes"),
        ({"crop": "99"}, "smaller than --crop 99x99"),
    ):
        with pytest.raises(BenchError, match=message):
            frames(source, name="wrong", **options)


def test_frames_whose_names_do_not_tell_their_order_are_refused_with_two_of_them(tmp_path):
    source = write_frames(tmp_path / "source", SPLITS)
    video = source / "test" / "video_00000"
    (video / "frame_0.png").rename(video / "cover.png")
    with pytest.raises(
        BenchError, match=r"video_00000: the names (cover.png|frame_\d.png) and (cover.png|frame_\d.png) do not say"
    ):
        frames(source)


def test_decimals_in_names_are_the_order_of_time(tmp_path):
    source = write_frames(tmp_path / "source", SPLITS)
    for path in (source / "test").glob("*/*.png"):
        number = int(path.stem.removeprefix("frame_"))
        path.rename(path.with_name(f"{number * 0.05:.2f}".rstrip("0").rstrip(".") + ".png"))
    clip = frames(source).clips("test", 0, 1, 9)
    assert (clip[0, :, 0, 0, 0] * 255).tolist() == list(range(200, 209))


@pytest.mark.parametrize(
    ("level", "says"),
    [
        ("nowhere", "does not exist"),
        ("source/train", "is one split of a data set; use --source"),
        ("", "has no folders 'train', 'val', 'test', but .*source has; use --source"),
        ("source/train/video_00000", "has no folder 'train' and 'test'"),
        ("loose", "has no video folders in it; its pictures must be in one folder per video"),
    ],
)
def test_a_wrong_source_is_explained(tmp_path, level, says):
    write_frames(tmp_path / "source", SPLITS)
    for split in ("train", "test"):
        (tmp_path / "loose" / split).mkdir(parents=True)
        Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "loose" / split / "frame_0.png")
    if level == "":
        for folder in ("train", "test"):
            (tmp_path / "loose" / folder / "frame_0.png").unlink()
            (tmp_path / "loose" / folder).rmdir()
    with pytest.raises(BenchError, match=says):
        frames(tmp_path / level)


def test_no_source_at_all_says_what_to_give():
    with pytest.raises(BenchError, match=r"`bench prepare frames --source DIR` needs --source DIR"):
        prepare("frames", {})


def test_sets_of_several_names_live_side_by_side(tmp_path):
    robots = frames(write_frames(tmp_path / "robots", SPLITS), name="robots")
    cars = frames(write_frames(tmp_path / "cars", {**SPLITS, "test": (5,)}), name="cars")
    assert (robots.count("test", 3), cars.count("test", 3)) == (4, 1)
    assert robots.fingerprint() != cars.fingerprint()


@pytest.mark.parametrize("name", ["../elsewhere", "a/b", "", ".."])
def test_a_name_is_no_path(name):
    with pytest.raises(BenchError, match="a set's name is made of letters"):
        data(name=name)
    with pytest.raises(BenchError, match="a set's name is made of letters"):
        prepare("frames", {"source": ".", "name": name})


def test_an_absent_set_is_blocked_with_the_command():
    with pytest.raises(Blocked, match="`bench prepare frames --source DIR --name robots` puts it there"):
        data(name="robots").batch(0, 0, 1, 2)


def write_videos(folder, suffix="avi"):
    for speed, split in enumerate(("test", "train", "val"), 2):  # no video is in two splits
        write_video(folder / split / f"a.{suffix}", walker(8, 32, 48, speed))
    return folder


@pytest.mark.parametrize("suffix", ["avi", "mp4"])
def test_video_files_keep_their_colours_and_size(tmp_path, suffix):
    prepare("videos", {"source": str(write_videos(tmp_path / "source", suffix))})
    clip = data("videos").clips("test", 0, 1, 8)[0]
    assert clip.shape == (8, 3, 32, 48)
    assert (clip[:, 0].numpy() * 255 - walker(8, 32, 48)).__abs__().mean() < 6


def test_videos_can_be_made_grey_and_square(tmp_path):
    prepare("videos", {"source": str(write_videos(tmp_path / "source")), "grey": True, "size": 16})
    assert data("videos").shape == (1, 16, 16)


def test_a_folder_without_videos_is_named(tmp_path):
    source = write_videos(tmp_path / "source")
    (source / "test" / "a.avi").unlink()
    with pytest.raises(BenchError, match=r"test has no video files in it \(.avi"):
        prepare("videos", {"source": str(source)})


@pytest.mark.parametrize("suffix", ["avi", "mp4"])
@pytest.mark.parametrize("keep", [0, 40, 0.5, 0.9])
def test_a_truncated_video_is_named(tmp_path, suffix, keep):
    source = write_videos(tmp_path / "source", suffix)
    video = source / "train" / f"a.{suffix}"
    content = video.read_bytes()
    video.write_bytes(content[: keep if isinstance(keep, int) else int(len(content) * keep)])
    with pytest.raises(
        BenchError, match=rf"train/a.{suffix} is (cut off|damaged).*fetch the file again; --skip-damaged leaves such videos out"
    ):
        prepare("videos", {"source": str(source)})


def test_a_file_that_is_no_video_is_named(tmp_path):
    source = write_videos(tmp_path / "source")
    (source / "train" / "b.mp4").write_text("hello")
    with pytest.raises(BenchError, match=r"train/b.mp4 is damaged"):
        prepare("videos", {"source": str(source)})


def test_fewer_test_clips_than_were_asked_for_are_told_before_training_and_under_the_table(tmp_path, store, tiny):
    frames(write_frames(tmp_path / "f", {"train": (11, 11), "test": (11, 11)}), size=16)
    spec = tiny.but(data=Component("frames"), model=Component("copy_last"), learner=Component("nothing"), steps=0)
    experiment = Experiment("?", {"copy": spec}, evaluation=Evaluation(clips=8), name="few")
    planned_runs = plan(experiment, store)
    assert "8 test clips were asked for, 2 are there" in remarks(planned_runs)
    Scheduler(planned_runs, store, Inline()).run()
    notes = results(experiment, plan(experiment, store), ("standard",)).metadata.notes
    assert notes[0] == "8 test clips were asked for, 2 are there."
    enough = replace(experiment, evaluation=Evaluation(clips=2))
    assert not any("asked for" in remark for remark in remarks(plan(enough, store)))
