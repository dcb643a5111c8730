"""Moving-MNIST: the published dynamics, digits kept apart by split, clips that are functions of their number."""

import numpy as np
import pytest
import torch

from bench.common.errors import BenchError, Blocked
from bench.data import mnist
from bench.data.bouncing import draws, paint, scenes, trajectories
from bench.data.moving_mnist import fixed_folder
from bench.data.painting import paint_on_device
from bench.data.preparing.prepare import prepare
from bench.spec import catalog
from tests.data_samples import write_mnist


@pytest.fixture
def digits(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    prepare("mnist", {"source": str(write_mnist(tmp_path / "source"))})
    return tmp_path


def data(kind="moving_mnist", **options):
    return catalog.build("datasets", kind, options)


def test_every_step_is_a_tenth_of_the_unit_square_away_from_borders():
    path = trajectories(np.full((100, 2), 0.5), np.linspace(0, 2 * np.pi, 100), 4)  # 0.5 + 4 * 0.1 stays inside
    lengths = np.linalg.norm(np.diff(path, axis=1), axis=-1)
    np.testing.assert_allclose(lengths, 0.1)


def test_a_coordinate_is_clamped_at_the_border_and_comes_back():
    path = trajectories(np.array([0.5, 0.75]), np.array(0.0), 5)  # moving along x: 0.85, 0.95, clamped to 1, back
    np.testing.assert_allclose(path[:, 1], [0.85, 0.95, 1.0, 0.9, 0.8])
    np.testing.assert_allclose(path[:, 0], 0.5)
    path = trajectories(np.array([0.15, 0.5]), np.array(-np.pi / 2), 4)  # moving along y towards 0
    np.testing.assert_allclose(path[:, 0], [0.05, 0.0, 0.1, 0.2], atol=1e-12)


def test_positions_are_scaled_to_36_pixels_and_truncated():
    numbers = draws(3, 0, 0, 20, 2)
    _, corners = scenes(100, 28, 3, 0, 0, 20, frames=15, images=2, size=64)
    path = trajectories(numbers[..., 1:3], numbers[..., 3] * 2 * np.pi, 15)
    assert (corners == np.floor(path * 36)).all()


def test_digits_never_leave_the_canvas():
    _, corners = scenes(100, 28, 0, 0, 0, 500, frames=60, images=2, size=64)
    assert corners.min() == 0 and corners.max() == 36


def test_starts_and_directions_are_uniform():
    numbers = draws(0, 0, 0, 20000, 2).reshape(-1, 4)
    for column in numbers.T:  # which digit, y, x, direction
        counts = np.histogram(column, bins=10, range=(0, 1))[0]
        chi_square = ((counts - 4000) ** 2 / 4000).sum()
        assert chi_square < 27.9  # the 0.1 % point of 9 degrees of freedom
    assert abs(np.corrcoef(numbers.T) - np.eye(4)).max() < 0.02


def test_overlapping_digits_combine_by_maximum():
    images = np.stack([np.full((2, 2), 10, np.uint8), np.full((2, 2), 20, np.uint8)])[None]
    corners = np.array([[[[0, 0]], [[1, 1]]]])  # [1 clip, 2 images, 1 frame, yx]
    assert paint(images, corners, 4)[0, 0].tolist() == [[10, 10, 0, 0], [10, 20, 20, 0], [0, 20, 20, 0], [0, 0, 0, 0]]


def test_draws_are_the_words_of_philox_keyed_by_seed_and_stream():
    generator = np.random.Philox(key=np.array([7, 2], np.uint64))
    words = generator.random_raw(5 * 2 * 4).reshape(5, 2, 4)
    assert (draws(7, 2, 0, 5, 2) == (words >> np.uint64(11)) * 2.0**-53).all()
    assert (draws(7, 2, 3, 5, 2) == draws(7, 2, 0, 5, 2)[3:]).all()


def test_a_gpu_paints_the_same_bytes():  # the code is device-free, so the processor stands in
    pool = np.random.default_rng(0).integers(0, 256, (10, 28, 28), dtype=np.uint8)
    chosen, corners = scenes(10, 28, 0, 0, 0, 3, frames=12, images=2, size=64)
    painted_on_device = paint_on_device(torch.from_numpy(pool[chosen]), torch.from_numpy(corners), 64)
    assert (painted_on_device.numpy() == paint(pool[chosen], corners, 64)).all()


def test_clips_have_the_published_shape_and_range(digits):
    clips = data().clips("test", 0, 3, 20)
    assert clips.shape == (3, 20, 1, 64, 64) and clips.dtype == torch.float32
    assert clips.min() == 0 and clips.max() == 1


def test_a_clip_is_the_same_whichever_batch_it_comes_in(digits):
    whole = data().clips("val", 0, 6, 5)
    assert torch.equal(whole[4:], data().clips("val", 4, 6, 5))
    assert torch.equal(whole[:, :3], data().clips("val", 0, 6, 3))


def test_batches_are_functions_of_seed_and_step(digits):
    assert torch.equal(data().batch(1, 5, 4, 3), data().batch(1, 5, 4, 3))
    assert not torch.equal(data().batch(1, 5, 4, 3), data().batch(1, 6, 4, 3))
    assert not torch.equal(data().batch(1, 5, 4, 3), data().batch(2, 5, 4, 3))


def test_batches_from_digits_kept_on_a_device_are_the_same(digits):
    moved = data()
    moved.move_train_to(torch.device("cpu"))
    assert torch.equal(moved.batch(1, 5, 4, 3), data().batch(1, 5, 4, 3))


@pytest.mark.parametrize(("only_t10k", "sizes"), [(False, (90, 10, 50)), (True, (40, 5, 5))])
def test_no_digit_is_in_two_splits(digits, only_t10k, sizes):
    pools = [data(only_t10k=only_t10k)._pool(split) for split in ("train", "val", "test")]
    assert tuple(map(len, pools)) == sizes
    assert len({digit.tobytes() for pool in pools for digit in pool}) == sum(sizes)


def test_the_fingerprint_tells_other_digits_apart(digits, monkeypatch):
    first, t10k = data().fingerprint(), data(only_t10k=True).fingerprint()
    monkeypatch.setenv("BENCH_DATA", str(digits / "other"))
    prepare("mnist", {"source": str(write_mnist(digits / "more", train=101))})
    assert data().fingerprint() != first
    assert data(only_t10k=True).fingerprint() == t10k != first


def test_without_training_digits_the_t10k_digits_can_be_split(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    prepare("mnist", {"source": str(write_mnist(tmp_path / "source", train=0))})
    with pytest.raises(Blocked, match=r"train-images-idx3-ubyte is missing.*data.only_t10k=true.*`bench prepare mnist`"):
        data().batch(0, 0, 2, 3)
    assert data(only_t10k=True).batch(0, 0, 2, 3).shape == (2, 3, 1, 64, 64)


def test_a_changed_file_of_digits_is_noticed_before_training(digits):
    dataset = data()
    file = mnist.folder() / "train-images-idx3-ubyte"
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(BenchError, match="has changed"):
        dataset.fingerprint()


def test_the_fixed_test_set_is_read_from_the_published_file(digits):
    array = np.random.default_rng(0).integers(0, 256, (20, 6, 64, 64), dtype=np.uint8)
    np.save(digits / "mnist_test_seq.npy", array)
    prepare("moving_mnist_fixed", {"source": str(digits)})
    fixed = data("moving_mnist_fixed")
    assert fixed.count("test", 20) == fixed.count("test", 10) == 6
    assert torch.equal(fixed.clips("test", 2, 4, 10)[:, :, 0], torch.from_numpy(array[:10, 2:4]).swapaxes(0, 1).float() / 255)
    assert torch.equal(fixed.batch(0, 1, 2, 5), data().batch(0, 1, 2, 5))
    with pytest.raises(BenchError, match=r"a clip needs 40 frames .*longest sequence of the test split has 20"):
        fixed.clips("test", 0, 1, 40)


def test_the_fixed_test_set_is_scored_on_a_machine_without_any_digits(tmp_path, monkeypatch, bench):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    np.save(tmp_path / "mnist_test_seq.npy", np.random.default_rng(0).integers(0, 256, (20, 2, 64, 64), dtype=np.uint8))
    prepare("moving_mnist_fixed", {"source": str(tmp_path)})
    with pytest.raises(Blocked, match="bench prepare mnist"):
        data("moving_mnist_fixed").fingerprint()  # which runs are planned by: they need digits to train on
    write_targets(tmp_path)
    code, out, err = bench("eval", "--predictions", tmp_path / "theirs.npz", "--data", "moving_mnist_fixed")
    assert code == 0 and "means over 2 clips and 10 predicted frames" in out, err


def write_targets(folder) -> None:
    """The fixed set's last ten frames beside the predictions, since arrays do not say of which clips they are."""
    array = np.load(folder / "mnist_test_seq.npy")[10:].swapaxes(0, 1)[:, :, None] / np.float32(255)
    np.savez(folder / "theirs.npz", prediction=np.zeros_like(array), target=array)


def test_a_fixed_test_set_with_clips_first_is_refused_until_its_layout_is_said(digits):
    clips = np.random.default_rng(0).integers(0, 256, (5, 20, 64, 64), dtype=np.uint8)
    np.save(digits / "mnist_test_seq.npy", clips)
    with pytest.raises(BenchError, match="--layout TNHW as published, or --layout NTHW"):
        prepare("moving_mnist_fixed", {"source": str(digits)})
    np.save(digits / "mnist_test_seq.npy", clips[..., None])
    prepare("moving_mnist_fixed", {"source": str(digits), "layout": "NTHWC"})
    fixed = data("moving_mnist_fixed")
    assert fixed.count("test", 20) == 5
    assert torch.equal(fixed.clips("test", 2, 4, 20)[:, :, 0], torch.from_numpy(clips[2:4]).float() / 255)
    still = np.broadcast_to(np.random.default_rng(0).integers(0, 256, (20, 1, 64, 64), dtype=np.uint8), (20, 5, 64, 64))
    np.save(digits / "mnist_test_seq.npy", still)  # 20 clips of 5 frames that do not move, in a shape like the published one's
    with pytest.raises(BenchError, match="looks like a video along its first axis"):
        prepare("moving_mnist_fixed", {"source": str(digits)})


def test_a_file_that_is_not_the_fixed_set_is_refused(digits):
    np.save(digits / "mnist_test_seq.npy", np.zeros((20, 6, 32, 32), np.uint8))
    with pytest.raises(BenchError, match=r"holds uint8 \(20, 6, 32, 32\), expected"):
        prepare("moving_mnist_fixed", {"source": str(digits)})
    (digits / "mnist_test_seq.npy").write_bytes(b"\x93NUMPY cut")
    with pytest.raises(BenchError, match="cannot be read"):
        prepare("moving_mnist_fixed", {"source": str(digits)})


def test_another_fixed_test_set_never_replaces_the_one_that_is_there(digits):
    arrays = np.random.default_rng(0).integers(0, 256, (2, 20, 3, 64, 64), dtype=np.uint8)
    np.save(digits / "mnist_test_seq.npy", arrays[0])
    prepare("moving_mnist_fixed", {"source": str(digits)})
    before = data("moving_mnist_fixed").fingerprint()
    np.save(digits / "mnist_test_seq.npy", arrays[1])
    with pytest.raises(BenchError, match=r"was prepared from other clips or with other settings \(the source files differ\)"):
        prepare("moving_mnist_fixed", {"source": str(digits)})
    np.save(digits / "mnist_test_seq.npy", arrays[0])
    prepare("moving_mnist_fixed", {"source": str(digits)})
    assert data("moving_mnist_fixed").fingerprint() == before
    folder = fixed_folder("mnist_test_seq")
    (folder / "manifest.json").unlink()
    with pytest.raises(BenchError, match="is there but not a prepared data set; remove it or move it away"):
        prepare("moving_mnist_fixed", {"source": str(digits)})
    assert (folder / "test.u8").exists()


def test_clips_of_other_digits_never_replace_frozen_ones(digits, monkeypatch):
    prepare("moving_mnist", {"clips": 2, "frames": 3})
    monkeypatch.setattr("bench.data.preparing.moving_mnist.FIXED_SEED", 9)
    with pytest.raises(BenchError, match=r"other clips or with other settings \(seed: \d+ there, 9 asked\); remove it first"):
        prepare("moving_mnist", {"clips": 2, "frames": 3})


@pytest.mark.parametrize("only_t10k", [False, True])
def test_a_frozen_set_holds_the_generated_test_clips(digits, only_t10k):
    prepare("moving_mnist", {"clips": 5, "frames": 25, "only_t10k": only_t10k})
    frozen = data("moving_mnist_fixed", name="5x25-t10k" if only_t10k else "5x25")
    assert torch.equal(frozen.clips("test", 0, 5, 25), data(only_t10k=only_t10k).clips("test", 0, 5, 25))
    assert torch.equal(frozen.clips("val", 0, 2, 5), data(only_t10k=only_t10k).clips("val", 0, 2, 5))


def test_an_absent_frozen_set_is_blocked_with_the_command_that_makes_it(digits):
    with pytest.raises(Blocked, match="`bench prepare moving_mnist --clips 100 --frames 40 --only-t10k` puts it there"):
        data("moving_mnist_fixed", name="100x40-t10k").fingerprint()
