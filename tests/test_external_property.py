"""Whatever a file of predictions looks like, its scores are right, by NumPy and scikit-image, or it is refused in one line.

Frames reach from black to white, as those of a test set do: no reader can tell a range from frames that use half of it.
"""

import json

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import structural_similarity

from bench.data.clip_names import clip_name
from bench.spec import catalog

CHUNKS, EACH = 20, 16
"""320 random combinations; 48 of them whenever tests run, all with `make slow`."""
RANGES = {"0..1": (0, 1), "0..255": (0, 255), "-1..1": (-1, 2), "0..4095": (0, 4095), "0..65535": (0, 65535)}
LAYOUTS = ("NTCHW", "NTHWC", "TNCHW", "TNHWC", "NTHW", "TNHW", "NCTHW", "CTHW", "THW", "THWC", "TCHW")
DTYPES = ("uint8", "uint16", "int16", "int64", "bool", "float16", "float32", "float64")
NAMES = {
    "plain": lambda t, side: f"{t}.png",
    "padded": lambda t, side: f"frame_{t:04d}.png",
    "decimals": lambda t, side: f"{t * 0.05:g}.png",
    "hexadecimal": lambda t, side: f"{t + 8:x}.png",
    "signs": lambda t, side: f"{t - 2}.png",
    "pairs": lambda t, side: f"{t // 2 + 1}.{t % 2 * 5 + 5}.png",
    "beside": lambda t, side: f"{'pd' if side == 'prediction' else 'gt'}{t + 11}.png",
    "other": lambda t, side: f"{'a' if side == 'prediction' else 'b'}_{t}.png",
    "shifted": lambda t, side: f"{'pred' if side == 'prediction' else 'gt'}_{t + (0 if side == 'prediction' else 10)}.png",
}


def videos(random, count, frames, channels):
    """Smooth videos, [N, T, C, H, W] in [0, 1], that reach from black to white."""
    still = random.random((count, 1, channels, 12, 14))
    moving = still + 0.02 * random.standard_normal((count, frames, channels, 12, 14)).cumsum(1)
    moving = (moving - moving.min()) / (moving.max() - moving.min())
    return moving


def stored(pixels, dtype, low, span):
    """The numbers that a file holds of pixels in [0, 1], and the pixels that these mean."""
    numbers = pixels * span + low
    if np.dtype(dtype).kind in "iu":
        numbers = np.rint(numbers)
    numbers = (pixels > 0.5) if dtype == "bool" else numbers.astype(dtype)
    return numbers, ((numbers.astype(np.float64) - low) / span if dtype != "bool" else numbers.astype(np.float64))


def expected(prediction, target):
    """Mean PSNR per frame, and mean SSIM, of what the numbers mean."""
    prediction, target = np.clip(prediction, 0, 1), np.clip(target, 0, 1)
    with np.errstate(divide="ignore"):
        psnr = np.minimum(-10 * np.log10(((prediction - target) ** 2).mean((2, 3, 4))), 100).mean(0)
    ssim = [
        structural_similarity(
            p, t, data_range=1, channel_axis=0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        for p, t in zip(prediction.reshape(-1, *prediction.shape[2:]), target.reshape(-1, *target.shape[2:]), strict=True)
    ]  # fmt: skip
    return psnr, np.mean(ssim)


def arranged(frames, layout):
    """[N, T, C, H, W] as an array of that layout."""
    lacking = tuple(n for n, letter in enumerate("NTCHW") if letter not in layout)
    letters = [letter for letter in "NTCHW" if letter in layout]
    return frames.squeeze(lacking).transpose([letters.index(letter) for letter in layout])


def write_arrays(random, folder, sides, layout):
    """Arrays in one of the ways in which code bases write them; the path to give."""
    arrays = {side: arranged(frames, layout) for side, frames in sides.items()}
    if random.random() < 0.5:
        np.savez(folder / "theirs.npz", **arrays)
        return folder / "theirs.npz"
    (folder / "saved").mkdir()
    for side, name in (("prediction", "preds"), ("target", "trues")):
        np.save(folder / "saved" / f"{name}.npy", arrays[side])
    return folder / "saved"


def write_pictures(random, folder, sides):
    """Folders of pictures, frames named in one of several ways."""
    style = str(random.choice(list(NAMES)))
    for side, frames in sides.items():
        for n, clip in enumerate(frames):
            where = folder / "theirs" / (f"clip_{n}" if style in ("beside", "shifted") else f"{side}/clip_{n}")
            where.mkdir(parents=True, exist_ok=True)
            for t, frame in enumerate(clip):
                picture = frame[0] if len(frame) == 1 else frame.transpose(1, 2, 0)
                Image.fromarray(picture).save(where / NAMES[style](t, side))
    return folder / "theirs"


def combination(random, folder):
    """A file of predictions, the words that describe it, and what its scores are."""
    layout = str(random.choice(LAYOUTS))
    count = int(random.integers(2, 5)) if "N" in layout else 1
    frames, channels = int(random.integers(2, 6)), (int(random.choice((1, 3))) if "C" in layout else 1)
    target = videos(random, count, frames, channels)
    prediction = np.clip(target + 0.1 * random.standard_normal(target.shape), 0, 1)
    sides, meant, words = {}, {}, []
    pictures = random.random() < 0.25
    same = random.random() < 0.5
    choice = None
    for side, pixels in (("prediction", prediction), ("target", target)):
        if choice is None or not same:
            dtype = str(random.choice(("uint8", "uint16") if pictures else DTYPES))
            fitting = [name for name, (low, span) in RANGES.items() if _fits(dtype, low, span)]
            choice = dtype, str(random.choice(fitting))
        dtype, name = choice
        pixels = pixels.repeat(1, 2) if not pictures or dtype == "uint8" else pixels[:, :, :1]
        sides[side], meant[side] = stored(pixels, dtype, *RANGES[name])
        if random.random() < 0.7:
            words += ["--range", name if same and side == "prediction" else f"{side}={name}"]
    if pictures:
        path = write_pictures(random, folder, sides)
    else:
        path = write_arrays(random, folder, sides, layout)
        words += ["--layout", layout] if random.random() < 0.7 else []
    return path, words, meant["prediction"], meant["target"]


def _fits(dtype, low, span):
    if dtype == "bool":
        return (low, span) == (0, 1)
    if np.dtype(dtype).kind == "f":
        return span <= 255 or dtype != "float16"
    return low >= np.iinfo(dtype).min and low + span <= np.iinfo(dtype).max and not (low < 0)


@pytest.mark.parametrize("chunk", [n if n < 3 else pytest.param(n, marks=pytest.mark.slow) for n in range(CHUNKS)])
def test_random_files_of_predictions_are_scored_rightly_or_refused_in_one_line(bench, tmp_path, chunk):
    scored = 0
    for number in range(EACH):
        random = np.random.default_rng([chunk, number])
        folder = tmp_path / str(number)
        folder.mkdir()
        path, words, prediction, target = combination(random, folder)
        code, out, err = bench("eval", "--predictions", path, *words, "--json")
        description = f"combination {chunk}, {number}: {words} {[p.name for p in sorted(path.rglob('*'))][:4]} {err}"
        if code:
            assert code == 2 and err.startswith("error: ") and len(err.splitlines()) == 1, description
            continue
        scored += 1
        assert prediction.shape == target.shape, description
        psnr, ssim = expected(prediction, target)
        scores = json.loads(out)["protocols"]["standard"]
        assert scores["psnr"]["per_frame"] == pytest.approx(list(psnr), abs=2e-3), description
        assert scores["ssim"]["mean"] == pytest.approx(ssim, abs=2e-4), description
    assert scored  # not all are refused


@pytest.mark.parametrize("number", range(12))
def test_predictions_of_a_data_set_are_matched_by_name_or_targets_or_refused(bench, tmp_path, number):
    random = np.random.default_rng(number)
    words = ("--data", "digits", "--set", "data.size=16", "--set", "data.digit=8", "--context", 3)
    clips = catalog.build("datasets", "digits", {"size": 16, "digit": 8}).clips("test", 0, 4, 6).numpy()
    target = clips[:, 3:]
    prediction = np.clip(target + 0.1 * random.standard_normal(target.shape), 0, 1).astype(np.float32)
    names = np.array([clip_name(n, clip) for n, clip in enumerate(clips)])
    order = random.permutation(4) if number % 2 else np.arange(4)
    arrays = {"prediction": prediction[order]}
    arrays |= {"names": names[order]} if number % 3 == 0 else {}
    arrays |= {"target": target[order]} if number % 3 == 1 else {}
    np.savez(tmp_path / "theirs.npz", **arrays)
    code, out, err = bench("eval", "--predictions", tmp_path / "theirs.npz", *words, "--json")
    in_order = np.array_equal(order, np.arange(4))
    if "names" in arrays or ("target" in arrays and in_order):
        psnr, ssim = expected(prediction, target)
        scores = json.loads(out)["protocols"]["standard"]
        assert scores["psnr"]["per_frame"] == pytest.approx(list(psnr), abs=1e-4) and scores["ssim"]["mean"] == pytest.approx(
            ssim, abs=1e-5
        )
    else:
        assert code == 2 and len(err.splitlines()) == 1
        assert "bench data export" in err or "is not this data set's" in err
