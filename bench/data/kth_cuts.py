"""Which clips of KTH are the test set: papers cut the same videos by different rules and get different numbers of clips.

Each rule is read from a public loader: whose persons, which frames of a video, and where in consecutive frames clips begin.
`bench data show kth` explains them with the number of clips that each gives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Range = tuple[int, int]
"""First and last frame, counted from 1, both included."""

CLOSE = ("boxing", "handclapping", "handwaving")  # actions during which nobody leaves the picture
SHORT = ("jogging", "running")  # of which thuml's loader takes a clip every third frame, as they last so short a time


@dataclass(frozen=True)
class Cut:
    """A rule by which test clips are cut.

    used_by: the code bases that follow it. persons: of training, validation (taken out of training) and test.
    frames: which stand in one sequence. "listed": those of a line of 00sequences.txt, no frame twice. "runs": listed ones that
    follow each other. "videos": all of a video. "people": all where nobody leaves the picture, else runs.
    begins: where clips begin in a sequence of an action: (frames of the sequence, frames of a clip, action) -> offsets.
    random_clips: how many test clips are drawn at random, 0 where the rule gives each.
    size, centred: of that code's own frames.
    """

    used_by: str
    source: str
    persons: tuple[str, str, str]
    frames: Literal["listed", "runs", "videos", "people"]
    begins: Callable[[int, int, str], Sequence[int]]
    rule: str
    random_clips: int = 0
    size: int = 128
    centred: bool = False
    remark: str = ""

    def takes_whole_video(self, action: str) -> bool:
        """Whether all frames of a video of this action are taken, whatever 00sequences.txt lists."""
        return self.frames == "videos" or (self.frames == "people" and action in CLOSE)


def from_the_start(length: int, clip: int, action: str) -> Sequence[int]:
    """One after another from the first frame; the remaining frames at the end are dropped."""
    return range(0, length - clip + 1, clip)


def from_the_end(length: int, clip: int, action: str) -> Sequence[int]:
    """Backwards from the last frame: one after another, or of the short actions every third frame."""
    step = 3 if action in SHORT else clip
    return range(length - clip, -1, -step)


def in_the_middle(length: int, clip: int, action: str) -> Sequence[int]:
    """One after another, with as many frames dropped at the start as at the end."""
    first = length % clip // 2
    return range(first, first + length // clip * clip, clip)


def anywhere(length: int, clip: int, action: str) -> Sequence[int]:
    """At every frame that leaves room for a clip."""
    return range(max(0, length - clip + 1))


SUITE = "suite"
CUTS: Mapping[str, Cut] = {
    SUITE: Cut(
        "this suite", "", ("1-16", "15-16", "17-25"), "listed", from_the_start,
        "frame ranges of 00sequences.txt, no frame twice; clips do not overlap and begin at the first frame of a sequence",
    ),
    "thuml": Cut(
        "PredRNN, E3D-LSTM, MIM, SimVP, OpenSTL", "thuml/predrnn-pytorch core/data_provider/kth_action.py @816c004, "
        "google/e3d_lstm src/data_provider/kth_action.py @fc68c79, OpenSTL openstl/datasets/dataloader_kth.py @08392ec",
        ("1-16", "15-16", "17-25"), "runs", from_the_end,
        "runs of the frames in 00sequences.txt (or of the pictures that are there); clips from the last frame backwards, "
        "without overlap, but of jogging and running one every third frame",
        remark="thuml's own evaluation leaves out the last batch.",
    ),
    "thuml_videos": Cut(
        "the same loaders, given every frame of the videos", "thuml/predrnn-pytorch issue 3: 105,855 test pictures, 17,145 "
        "clips of 20 frames", ("1-16", "15-16", "17-25"), "videos", from_the_end,
        "all frames of a video; clips as thuml cuts them",
    ),
    "vptr": Cut(
        "VPTR", "XiYe20/VPTR utils/dataset.py @9791d15", ("1-16", "15-16", "17-25"), "people", in_the_middle,
        "boxing, clapping and waving: all frames; walking, jogging and running: runs of the frames in 00sequences.txt; clips "
        "do not overlap and lie in the middle",
        size=64, centred=True,
        remark="VPTR finds empty frames with a person detector (Faster R-CNN, above 0.5); 00sequences.txt stands in for it, so "
        "its number of clips cannot be derived.",
    ),
    "svg": Cut(
        "SVG and DrNet", "edenton/svg data/kth.py @32b6c97", ("1-20", "19-20", "21-25"), "listed", anywhere,
        "frame ranges of 00sequences.txt; each clip is drawn: an action, a video of it, a sequence of that, a first frame",
        random_clips=6 * 36 * 5, size=64,
        remark="SVG draws anew in every evaluation, in an order that depends on its loader's workers; ours are drawn once.",
    ),
}  # fmt: skip
"""Names of `--set data.cut=...` and `bench prepare kth --cut ...`."""


def sequences(cut: Cut, listed_ranges: Sequence[Range], action: str, frames: int | None = None) -> list[range]:
    """The frames of a video, counted from 0, that stand in one sequence each.

    listed_ranges: the video's line in 00sequences.txt. frames: of the whole video, None where only the listed ones are known.
    """
    if cut.takes_whole_video(action):
        return [range(frames)] if frames else []
    runs: list[range] = []
    for first, last in sorted(listed_ranges):
        start, stop = max(first - 1, runs[-1].stop if runs else 0), last
        if start >= stop:
            continue
        if cut.frames != "listed" and runs and runs[-1].stop == start:
            runs[-1] = range(runs[-1].start, stop)
        else:
            runs.append(range(start, stop))
    return runs


def clips(cut: Cut, videos: Mapping[str, Sequence[Range]], persons: Sequence[int], length: int) -> int | None:
    """How many clips of a length the rule gives for these persons; None where 00sequences.txt does not tell.

    videos: name (person01_boxing_d1) -> listed ranges.
    """
    if cut.random_clips:
        return cut.random_clips
    if cut.frames in ("videos", "people"):
        return None
    total = 0
    for name, listed_ranges in videos.items():
        person, action = int(name[6:8]), name.split("_")[1]
        if person in persons:
            total += sum(len(cut.begins(len(frames), length, action)) for frames in sequences(cut, listed_ranges, action))
    return total


def explained(videos: Mapping[str, Sequence[Range]] | None, length: int, persons: Callable[[str], Sequence[int]]) -> list[str]:
    """The rules in sentences, with how many test clips of a length each gives.

    videos: name -> listed ranges, None where 00sequences.txt is not here. persons: the numbers in '17-25'.
    """
    lines = [f"how others cut KTH's test set (clips of {length} frames; --set data.cut=NAME):"]
    for name, cut in CUTS.items():
        number = None if videos is None and not cut.random_clips else clips(cut, videos or {}, persons(cut.persons[2]), length)
        amount = f"{number:,} clips" if number is not None else "as many clips as the videos give"
        sentences = [f"  {name} ({cut.used_by}): {amount}, persons {cut.persons[2]}", cut.rule[0].upper() + cut.rule[1:]]
        lines.append(". ".join(sentences) + f". {cut.remark}".rstrip())
    return lines + EXPLANATION


EXPLANATION = [
    "  Counts differ with the length of a clip, with the frames that were unpacked (all, or those that show the action),",
    "  and with the step: every third frame gives many more clips of jogging and running than whole clips do.",
    "  108,717 training and 4,086 test clips (PredRNN, E3D-LSTM): none of the public loaders read here gives them;",
    "  a user of the pictures that thuml shares counts 8,488 and 5,041 clips (thuml/predrnn-pytorch, issue 15).",
    "  Conv-TT-LSTM has no cut here: its rule is known from its code alone, whose licence forbids its use.",
]
