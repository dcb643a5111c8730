"""KTH: from AVI files and 00sequences.txt to labelled clips, split by person."""

import numpy as np
import pytest
import torch

from bench.common.errors import BenchError, Blocked
from bench.data.preparing.kth import persons, splits_of_persons
from bench.data.preparing.prepare import prepare
from bench.spec import catalog
from tests.data_samples import KTH_VIDEOS, prepare_kth, walker, write_kth, write_video


@pytest.fixture(autouse=True)
def data_root(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def kth(**options):
    return catalog.build("datasets", "kth", {"size": 16, **options})


def names(data, split):
    return [sequence.name for sequence in data.packed.sequences[split]]


def test_persons_are_kept_apart_and_sequences_cut_as_listed(tmp_path):
    prepare_kth(tmp_path / "source")
    data = kth()
    assert names(data, "train") == [f"person01_{action}_d1/{n}" for action in ("boxing", "walking") for n in (1, 2)]
    assert names(data, "val") == ["person15_running_d2/1"]
    assert names(data, "test") == ["person17_walking_d1/1", "person17_walking_d1/2", "person22_jogging_d4/1"]
    assert [s.frames for s in data.packed.sequences["train"]] == [10, 10, 12, 10]
    assert [s.frames for s in data.packed.sequences["test"]] == [13, 11, 11]  # 1-13, 13-24: frame 13 is in the first


def test_frames_are_the_listed_ones_grey_and_resized(tmp_path):
    prepare_kth(tmp_path / "source")
    clip = kth().clips("test", 0, 1, 12)[0]
    assert clip.shape == (12, 1, 16, 16)
    original = walker(24, speed=4)[0].reshape(120, 16, 10).mean(2)[60]  # the row through the figure, 16 columns
    assert np.abs(clip[0, 0, 8].numpy() * 255 - original).max() < 30  # compression, and the filter's wider reach
    assert clip.max() > 0.8 > 0.45 > clip.min() > 0.3  # figure 220, ground 100 of 255: full range


def test_fixed_clips_do_not_overlap_and_carry_their_action(tmp_path):
    prepare_kth(tmp_path / "source")
    data = kth()
    assert data.count("test", 5) == 2 + 2 + 2
    starts = [start for start, _ in data._fixed("test", 5)]
    assert sorted(starts) == [0, 5, 13, 18, 24, 29]  # sequences of 13, 11 and 11 frames
    assert data.labels("test", 5, 99) == ["walking" if start < 24 else "jogging" for start in starts]
    frames = torch.from_numpy(np.array(data.packed.frames("test")))
    expected = torch.stack([frames[start : start + 5] for start in starts]).float() / 255
    assert torch.equal(data.clips("test", 0, 6, 5), expected)


def test_the_first_fixed_clips_stand_for_all_actions(tmp_path):
    prepare_kth(tmp_path / "source")
    labels = kth().labels("test", 1, 99)  # 24 frames of walking, then 11 of jogging
    assert len(set(labels[:8])) == 2


def test_training_clips_stay_within_a_sequence(tmp_path):
    prepare_kth(tmp_path / "source")
    assert kth()._window_starts(10).tolist() == [0, 10, 20, 21, 22, 32]  # sequences of 10, 10, 12, 10 frames


def test_a_flat_folder_is_prepared_alike(tmp_path, monkeypatch):
    prepare_kth(tmp_path / "source")
    first = kth().fingerprint()
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "other"))
    prepare("kth", {"source": str(write_kth(tmp_path / "flat", flat=True)), "size": 16})
    assert kth().fingerprint() == first


def test_the_central_square_is_an_option(tmp_path):
    source = write_kth(tmp_path / "source")
    prepare("kth", {"source": str(source), "size": 30})
    prepare("kth", {"source": str(source), "size": 30, "centred": True})
    whole, centred = (kth(size=30, centred=flag).packed.frames("train")[9, 0] for flag in (False, True))
    figure = [np.maximum(picture.astype(int) - 112, 0).sum() for picture in (whole, centred)]  # above the ground's 100
    assert 1.25 < figure[1] / figure[0] < 1.42  # 160 columns squeezed into 30, or the middle 120: wider by 4 / 3
    assert kth(size=30).fingerprint() != kth(size=30, centred=True).fingerprint()


def test_split_persons_can_be_chosen():
    assert persons("1-3,7") == [1, 2, 3, 7]
    chosen = splits_of_persons("1-16", "15-16", "17-25")
    assert (chosen["train"], chosen["val"], chosen["test"]) == (list(range(1, 15)), [15, 16], list(range(17, 26)))
    with pytest.raises(BenchError, match="person 17 would be in the test split and in training"):
        splits_of_persons("1-17", "16", "17-25")
    with pytest.raises(BenchError, match="persons are 1 to 25"):
        persons("20-26")
    with pytest.raises(BenchError, match="written like 1-14,16"):
        persons("one")


def test_other_persons_into_the_same_folder_are_refused(tmp_path):
    source = write_kth(tmp_path / "source")
    prepare("kth", {"source": str(source), "size": 16})
    with pytest.raises(BenchError, match=r"test: .* there, \[17, 18, 19, 20, 21, 22\] asked\); remove it first"):
        prepare("kth", {"source": str(source), "size": 16, "test_persons": "17-22"})


def test_the_manifest_and_the_footnote_state_the_settings(tmp_path):
    prepare_kth(tmp_path / "source")
    settings = kth().packed.manifest.settings
    assert (settings["size"], settings["centred"], settings["val"]) == (16, False, [15, 16])
    assert "training persons 1-14, validation 15-16, test 17-25" in kth().conventions()


def test_ranges_beyond_the_end_of_a_video_are_cut_and_noted(tmp_path):
    videos = {**KTH_VIDEOS, "person01_boxing_d1": ((1, 10), (11, 40), (60, 70))}
    lines = prepare("kth", {"source": str(write_kth(tmp_path / "source", videos)), "size": 16})
    assert "person01_boxing_d1 ends early: 24 of the 51 frames listed are there" in lines
    assert [s.frames for s in kth().packed.sequences["train"]][:2] == [10, 14]


def test_a_video_without_entry_is_left_out_and_noted(tmp_path):
    source = write_kth(tmp_path / "source")
    write_video(source / "handclapping" / "person13_handclapping_d3_uncomp.avi", walker(5))
    with (source / "00sequences.txt").open("a") as file:
        file.write("person13_handclapping_d3\t*missing*\n")
    lines = prepare("kth", {"source": str(source), "size": 16})
    assert "person13_handclapping_d3_uncomp.avi left out: 00sequences.txt has no frames for it" in lines


def test_a_truncated_video_is_named_and_left_out_only_when_told_to(tmp_path):
    source = write_kth(tmp_path / "source")
    video = source / "boxing" / "person01_boxing_d1_uncomp.avi"
    video.write_bytes(video.read_bytes()[:-2000])
    with pytest.raises(BenchError, match=r"person01_boxing_d1_uncomp.avi is cut off: .* --skip-damaged"):
        prepare("kth", {"source": str(source), "size": 16})
    with pytest.raises(Blocked):
        kth().fingerprint()
    lines = prepare("kth", {"source": str(source), "size": 16, "skip_damaged": True})
    assert any(line.startswith("left out: ") and "person01_boxing_d1" in line for line in lines)
    assert f": {len(list(source.rglob('*.avi'))) - 1} videos of the " in lines[0]
    assert names(kth(), "train") == ["person01_walking_d1/1", "person01_walking_d1/2"]


def test_a_video_damaged_inside_is_named(tmp_path):
    source = write_kth(tmp_path / "source")
    video = source / "boxing" / "person01_boxing_d1_uncomp.avi"
    content = bytearray(video.read_bytes())
    begin, end = content.index(b"movi"), content.index(b"idx1")  # the frames
    content[begin + (end - begin) // 3 : end - (end - begin) // 3] = bytes(end - begin - 2 * ((end - begin) // 3))
    video.write_bytes(content)
    with pytest.raises(BenchError, match=r"person01_boxing_d1_uncomp.avi is damaged"):
        prepare("kth", {"source": str(source), "size": 16})


@pytest.mark.parametrize(
    ("level", "says"),
    [
        ("nowhere", "does not exist"),
        ("source/00sequences.txt", "is a file"),
        ("", "has no KTH videos in it, but .*source has; use --source"),
        ("source/boxing", "is one of the six action folders; use --source"),
        ("empty", "has no videos named like person01_boxing_d1_uncomp.avi"),
    ],
)
def test_a_wrong_source_is_explained(tmp_path, level, says):
    write_kth(tmp_path / "source")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchError, match=says):
        prepare("kth", {"source": str(tmp_path / level)})


def test_a_source_without_00sequences_says_where_to_fetch_it(tmp_path):
    (write_kth(tmp_path / "source") / "00sequences.txt").unlink()
    with pytest.raises(BenchError, match=r"00sequences.txt is missing.*fetch it from https"):
        prepare("kth", {"source": str(tmp_path / "source")})


def test_a_split_without_videos_is_refused(tmp_path):
    videos = {name: ranges for name, ranges in KTH_VIDEOS.items() if not name.startswith("person15")}
    with pytest.raises(BenchError, match="the val split would have no frames"):
        prepare("kth", {"source": str(write_kth(tmp_path / "source", videos)), "size": 16})


def test_absent_videos_are_blocked_with_the_command():
    with pytest.raises(Blocked, match="`bench prepare kth --source DIR --size 16` puts it there"):
        kth().batch(0, 0, 1, 2)
    with pytest.raises(Blocked, match="`bench prepare kth --source DIR --centred` puts it there"):
        kth(size=128, centred=True).fingerprint()


def test_clips_longer_than_every_sequence_are_refused(tmp_path):
    prepare_kth(tmp_path / "source")
    with pytest.raises(
        BenchError, match=r"a clip needs 14 frames \(context \+ horizon\).*longest sequence of the test split has 13"
    ):
        kth().count("test", 14)


def test_flips_and_reversals_leave_the_windows_as_they_are(tmp_path):
    prepare_kth(tmp_path / "source")
    plain = kth().batch(0, 3, 8, 6)
    for option, axis in (("flip", -1), ("reverse", 1)):
        changed = kth(**{option: True}).batch(0, 3, 8, 6)
        turned = [not torch.equal(clip, plain_clip) for clip, plain_clip in zip(changed, plain, strict=True)]
        assert 0 < sum(turned) < 8
        assert torch.equal(changed, torch.where(torch.tensor(turned)[:, None, None, None, None], plain.flip(axis), plain))


def test_batches_are_functions_of_seed_and_step(tmp_path):
    prepare_kth(tmp_path / "source")
    assert torch.equal(kth().batch(1, 5, 4, 3), kth().batch(1, 5, 4, 3))
    assert not torch.equal(kth().batch(1, 5, 8, 3), kth().batch(1, 6, 8, 3))
    assert not torch.equal(kth().batch(1, 5, 8, 3), kth().batch(2, 5, 8, 3))


def test_batches_from_a_split_kept_on_a_device_are_the_same(tmp_path):
    prepare_kth(tmp_path / "source")
    moved = kth(flip=True)
    moved.move_train_to(torch.device("cpu"))
    assert torch.equal(moved.batch(1, 5, 4, 3), kth(flip=True).batch(1, 5, 4, 3))
