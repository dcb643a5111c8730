"""Preparing Moving-MNIST: its digits, the published test set, and frozen sets of one's own."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.common.arrays import mapped
from bench.common.download import download
from bench.common.errors import BenchError, Blocked
from bench.common.files import replacing, write_json
from bench.common.reading import Unreadable
from bench.data import manifest
from bench.data.base import FIXED_SEED
from bench.data.layout import arranged, parse_layout, refuse_doubtful_time
from bench.data.moving_mnist import PUBLISHED, SIZE, MovingMNIST, fixed_command, fixed_folder, frozen_name
from bench.data.preparing.mnist import prepare_mnist
from reports.quantities import several

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.data.preparing.sources import Progress

URL = "http://www.cs.toronto.edu/~nitish/unsupervised_video/mnist_test_seq.npy"  # the authors of the set
MD5 = "be083ec986bfe91a449d63653c411eb2"  # as torchvision has it
AT_ONCE = 100  # clips
LENGTH = 20  # frames of a clip of the published set


def prepare_moving_mnist(
    *, source: str | None = None, clips: int | None = None, frames: int = 40, only_t10k: bool = False, progress: Progress
) -> list[str]:
    """Make sure that the digits are there; with `clips`, also freeze that many test clips of `frames` frames into a fixed set.

    Returns lines about what is prepared now.
    """
    dataset = MovingMNIST(only_t10k=only_t10k)
    try:
        lines = [] if source else [f"the digits are ready: {dataset.fingerprint()}"]
    except Blocked:
        lines = []
    lines = lines or prepare_mnist(source=source, progress=progress)  # of a source that is named: it must not be another
    if clips is None:
        return lines
    if clips < 1 or frames < 1:
        raise BenchError(f"--clips and --frames must be at least 1, got {clips} and {frames}")
    name = frozen_name(clips, frames, only_t10k)
    settings = {"dataset": "moving_mnist", "generator": dataset.fingerprint(), "seed": FIXED_SEED, "only_t10k": only_t10k}
    bounds = ((first, min(first + AT_ONCE, clips)) for first in range(0, clips, AT_ONCE))
    pieces = (dataset.painted("test", FIXED_SEED, first, last, frames) for first, last in bounds)
    _freeze(fixed_folder(name), pieces, clips, frames, settings, progress)
    use = f"`--set data=moving_mnist_fixed --set data.name={name}` uses them"
    return [*lines, f"{fixed_folder(name)}: {several(clips, 'test clip')} of {several(frames, 'frame')}; {use}"]


def prepare_moving_mnist_fixed(*, source: str | None = None, layout: str | None = None, progress: Progress) -> list[str]:
    """Pack `mnist_test_seq.npy`, given as a file or the folder that it is in, else fetched.

    layout: of an array that is not as published, such as NTHW. Returns lines that say what is there now.
    """
    target = fixed_folder(PUBLISHED)
    path = Path(source) if source else target.parent / f"{PUBLISHED}.npy"
    path = path / f"{PUBLISHED}.npy" if path.is_dir() else path
    if not path.is_file():
        if source:
            raise BenchError(f"{path} does not exist; --source takes {PUBLISHED}.npy or the folder that it is in")
        _download(path, progress)
    array = _published(path, layout)
    clips, frames = array.shape[:2]
    with path.open("rb") as file:
        published = hashlib.file_digest(file, "md5").hexdigest() == MD5
    notes = [] if published else [f"{path} is not the published {PUBLISHED}.npy (other MD5 sum)"]
    pieces = (array[first : first + AT_ONCE] for first in range(0, clips, AT_ONCE))
    settings = {"dataset": "moving_mnist_fixed", "only_t10k": False}
    _freeze(target, pieces, clips, frames, settings, progress, notes)
    return [f"{target}: {several(clips, 'test clip')} of {several(frames, 'frame')}", *notes]


def _published(path: Path, layout: str | None) -> NDArray[np.uint8]:
    """The clips of the fixed test set, [N, T, 64, 64], memory-mapped. The file has time first: [20, 10000, 64, 64]."""
    import numpy as np

    try:
        array: NDArray[np.uint8] = mapped(path)
    except (OSError, ValueError, EOFError) as error:
        reason = error.strerror if isinstance(error, Unreadable) else error
        raise BenchError(f"{path} cannot be read ({reason}); fetch it again from {URL}") from error
    clips = arranged(array, parse_layout(layout), str(path)) if layout else None
    if clips is None and array.ndim == 4 and array.shape[0] == LENGTH != array.shape[1]:
        clips = array.swapaxes(0, 1)[:, :, None]
        refuse_doubtful_time(clips, "NTHW", str(path))
    has_frame_size = array.shape[2:] == (SIZE, SIZE) if clips is None else clips.shape[2:] == (1, SIZE, SIZE)
    if array.dtype != np.uint8 or not has_frame_size:
        raise BenchError(
            f"{path} holds {array.dtype} {array.shape}, expected uint8 (20, 10000, {SIZE}, {SIZE}); fetch it from {URL}"
        )
    if clips is None:
        raise BenchError(
            f"{path} is {list(array.shape)}, and the published file [{LENGTH}, 10000, {SIZE}, {SIZE}]: which axis is time? "
            "--layout TNHW as published, or --layout NTHW"
        )
    return clips[:, :, 0]


def _freeze(
    folder: Path, pieces: Iterable[NDArray[np.uint8]], clips: int, frames: int, settings: dict[str, Any], progress: Progress,
    notes: Iterable[str] = (),
) -> None:  # fmt: skip
    """Write clips [N, T, 64, 64] as the test split of a prepared folder, which gets its name once it is whole.

    BenchError if the folder is there with other content.
    """
    from bench.data.packed import INDEX
    from bench.data.preparing.packing import prepared_otherwise

    ready = manifest.find(folder)
    if ready is None and folder.exists():
        raise BenchError(f"{folder} is there but not a prepared data set; remove it or move it away")
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    partial.mkdir(parents=True)
    try:
        with replacing(partial / "test.u8") as temporary, temporary.open("wb") as file:
            for done, piece in enumerate(pieces):
                file.write(piece.tobytes())
                progress(min((done + 1) * AT_ONCE, clips), clips, folder.name)
        sequences = [(str(number), frames) for number in range(clips)]
        write_json(partial / INDEX, {"shape": [1, SIZE, SIZE], "splits": {"test": sequences}})
        prepared = manifest.seal(partial, [INDEX, "test.u8"], settings, notes)
        if ready is not None and ready.checksum != prepared.checksum:
            raise BenchError(prepared_otherwise(folder, ready, prepared.settings, "clips"))
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _download(path: Path, progress: Progress) -> None:
    """Fetch the published set. Without a network: one message that says which file to put where."""
    try:
        download(URL, path, partial(progress, name=f"downloading {path.name}"))
    except BenchError as error:
        command = fixed_command(PUBLISHED)
        raise BenchError(
            f"{error}; fetch {URL} by hand, put it into {path.parent} and run `{command}` again, or say where it is: "
            f"`{command} --source FILE`"
        ) from error
