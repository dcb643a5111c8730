"""What the tests of external frames share: clips as pictures, and what `bench eval` says of predictions."""

import json

from PIL import Image


def psnr(bench, *words, protocol="standard"):
    """The mean PSNR that `bench eval` finds."""
    code, out, err = bench("eval", *words, "--json")
    assert code == 0, err
    return json.loads(out)["protocols"][protocol]["psnr"]["mean"]


def refusal(bench, *words):
    """What `bench eval` says where it refuses, in one line."""
    code, out, err = bench("eval", *words)
    assert code == 2 and err.startswith("error: ") and len(err.splitlines()) == 1 and not out, (code, err, out)
    return err


def write_clip(folder, frames, name="frame_{:05d}.png"):
    """Grey frames [T, H, W] as pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    for t, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / name.format(t))
