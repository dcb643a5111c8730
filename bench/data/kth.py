"""KTH Action (Schüldt et al., ICPR 2004): 25 persons, six actions, four scenarios; 160x120 pixels, 25 frames per second, grey.

The usual split of video prediction: persons 1-16 train, 17-25 test. Departs from it: two training persons are kept for
validation, so that the test set chooses nothing. Published test sets differ in how clips are cut: `kth_cuts.py` has the rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.errors import BenchError, did_you_mean, listed
from bench.data.kth_cuts import CUTS, SUITE, Cut
from bench.data.packed import PackedDataset
from bench.data.root import data_root

if TYPE_CHECKING:
    from bench.data import packed
    from bench.data.base import Split

DRAWS = 7  # the random stream of the test clips that are drawn


class KTH(PackedDataset):
    """People walking, jogging, running, boxing, waving and clapping; clips are labelled with the action.

    size: side of the square frames in pixels. centred: whether they show the central 120x120 pixels of a video; otherwise all
    160x120, squeezed. flip, reverse: augmentation of training clips. cut: whose rule the test clips follow (`kth_cuts.py`).
    """

    def __init__(self, size: int = 128, centred: bool = False, flip: bool = False, reverse: bool = False, cut: str = "suite"):
        self.cut = known_cut(cut)
        super().__init__(folder(size, centred, cut), "kth", command(size, centred, cut), flip, reverse)

    def conventions(self) -> str:
        """How the test set was made, for a table's footnote."""
        settings = self.packed.manifest.settings
        view = ", central square" if settings["centred"] else ""
        cut_text = f" cut as {settings['cut']} ({self.cut.used_by})" if "cut" in settings else ""
        return (
            f"KTH at {settings['size']}x{settings['size']}{view}{cut_text}: training persons "
            f"{shortened(settings['train'])}, validation {shortened(settings['val'])}, test {shortened(settings['test'])}; "
            f"{self.cut.rule}"
        )

    def _offsets(self, split: Split, sequence: packed.FrameSequence, frames: int) -> Sequence[int]:
        return self.cut.begins(sequence.frames, frames, sequence.label or "")

    def _fixed(self, split: Split, frames: int) -> list[tuple[int, packed.FrameSequence]]:
        if not self.cut.random_clips or split != "test":
            return super()._fixed(split, frames)
        if (split, frames) not in self._fixed_clips:
            self._fixed_clips[split, frames] = list(draw_clips(self._long_enough(split, frames), frames, self.cut.random_clips))
        return self._fixed_clips[split, frames]


def draw_clips(
    sequences: Sequence[tuple[int, packed.FrameSequence]], frames: int, count: int
) -> Iterator[tuple[int, packed.FrameSequence]]:
    """Clips drawn as SVG draws them: an action, a video of it, a sequence of the video, a first frame, each uniformly.

    sequences: those of at least `frames` frames, with the position of their first frame. Yields the first frame of a clip and
    its sequence.
    """
    from bench.data.bouncing import draws
    from bench.data.packed import ORDER_SEED

    videos: dict[str, dict[str, list[tuple[int, packed.FrameSequence]]]] = {}
    for start, sequence in sequences:
        videos.setdefault(sequence.label or "", {}).setdefault(sequence.name.partition("/")[0], []).append((start, sequence))
    actions = [list(of_action.values()) for of_action in videos.values()]
    for action_draw, video_draw, sequence_draw, start_draw in draws(ORDER_SEED, DRAWS, 0, count, images=1)[:, 0]:
        of_action = actions[int(action_draw * len(actions))]
        of_video = of_action[int(video_draw * len(of_action))]
        start, sequence = of_video[int(sequence_draw * len(of_video))]
        yield start + int(start_draw * (sequence.frames - frames + 1)), sequence


def known_cut(name: str) -> Cut:
    """The rule of that name; a BenchError where there is none."""
    if name not in CUTS:
        raise BenchError(f"KTH has no cut '{name}'{did_you_mean(name, CUTS) or '; there are ' + listed(CUTS)}")
    return CUTS[name]


def folder(size: int, centred: bool, cut: str = SUITE) -> Path:
    """The folder of the videos prepared at a size for a cut."""
    return data_root() / "kth" / f"{size}x{size}{'-centred' if centred else ''}{f'-{cut}' if cut != SUITE else ''}"


def command(size: int, centred: bool, cut: str = SUITE) -> str:
    """The command that prepares them at a size for a cut."""
    options = {f"--size {size}": size != 128, "--centred": centred, f"--cut {cut}": cut != SUITE}
    return " ".join(["bench prepare kth --source DIR", *(option for option, needed in options.items() if needed)])


def shortened(numbers: list[int]) -> str:
    """[1, 2, 3, 7] -> '1-3,7'."""
    runs = [[number for _, number in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
