"""What every data set in the catalogue promises. A new entry is covered the moment it is listed."""

import pytest
import torch

from bench.data.loading import Movable
from bench.data.preparing.prepare import prepare
from bench.spec import catalog
from tests.data_samples import walker, write_frames, write_kth, write_mnist, write_video

SPLITS = ("train", "val", "test")


def kth(folder):
    walks = {f"person{person}_{action}_d1": ((1, 24),) for person in ("01", "15", "17") for action in ("walking", "running")}
    prepare("kth", {"source": str(write_kth(folder, walks)), "size": 16})


def videos(folder):
    for number, split in enumerate(SPLITS):
        write_video(folder / split / "a.avi", walker(30, 32, 32, speed=number + 1))
    prepare("videos", {"source": str(folder)})


def mnist(folder):
    prepare("mnist", {"source": str(write_mnist(folder))})


def frozen(folder):
    mnist(folder)
    prepare("moving_mnist", {"clips": 4, "frames": 12})


# What makes a data set that needs files ready, and the options that reach it.
READY = {
    "digits": (None, {}),
    "actions": (None, {}),
    "moving_mnist": (mnist, {}),
    "moving_mnist_fixed": (frozen, {"name": "4x12"}),
    "kth": (kth, {"size": 16}),
    "frames": (lambda folder: prepare("frames", {"source": str(write_frames(folder, dict.fromkeys(SPLITS, (24,))))}), {}),
    "videos": (videos, {}),
}


@pytest.fixture(params=catalog.CATALOG["datasets"])
def build(request, tmp_path, monkeypatch):
    """A function that builds the data set anew."""
    if request.param not in READY:
        pytest.fail(f"'{request.param}' needs a row in READY (tests/test_data_contracts.py): what prepares a small one")
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    prepared, options = READY[request.param]
    if prepared:
        prepared(tmp_path / "source")
    return lambda: catalog.build("datasets", request.param, options)


def test_clips_are_frames_between_0_and_1_of_the_shape_that_the_data_set_states(build):
    data = build()
    for clips in (data.batch(0, 0, 2, 10), *(data.clips(split, 0, 2, 10) for split in SPLITS)):
        assert clips.shape == (2, 10, *data.shape) and clips.dtype == torch.float32
        assert clips.min() >= 0 and clips.min() < clips.max() <= 1


def test_a_batch_is_a_function_of_seed_and_step_alone(build):
    data = build()
    assert torch.equal(data.batch(1, 5, 4, 3), build().batch(1, 5, 4, 3))
    assert not torch.equal(data.batch(1, 5, 4, 3), data.batch(1, 6, 4, 3))
    assert not torch.equal(data.batch(1, 5, 4, 3), data.batch(2, 5, 4, 3))


@pytest.mark.parametrize("split", SPLITS)
def test_a_fixed_clip_is_the_same_in_whatever_batch_it_comes_and_a_longer_one_begins_alike(build, split):
    whole = build().clips(split, 0, 2, 10)
    assert torch.equal(build().clips(split, 1, 2, 10), whole[1:])
    if build().count(split, 10) is None:  # where clips are cut from videos, longer ones are other clips
        assert torch.equal(build().clips(split, 0, 2, 4), whole[:, :4])


def test_the_splits_have_no_fixed_clip_in_common(build):
    clips = torch.cat([build().clips(split, 0, 2, 10) for split in SPLITS])
    assert len({clip.numpy().tobytes() for clip in clips}) == len(clips)


def test_labels_are_as_many_as_asked_for_in_the_order_of_the_clips(build):
    labels = build().labels("test", 10, 2)
    if labels is not None:
        assert len(labels) == 2 and all(labels)
        assert build().labels("test", 10, 1) == labels[:1]


def test_training_clips_made_on_a_device_are_the_same(build):
    data = build()
    if isinstance(data, Movable):
        data.move_train_to(torch.device("cpu"))
        assert data.train_bytes() >= 0 and torch.equal(data.batch(1, 5, 4, 3), build().batch(1, 5, 4, 3))


def test_the_fingerprint_and_the_conventions_are_words_that_stay(build):
    assert build().fingerprint() == build().fingerprint() != ""
    assert len(build().conventions()) > 20
