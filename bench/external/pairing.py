"""Which predicted frame belongs to which true one, and which clip to which, by their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.common.errors import BenchError
from bench.data.frame_order import frame_order, natural, numbers, stem

SERIES = {
    "prediction": ("pd", "pred", "preds", "predicted", "prediction", "output", "out"),
    "target": ("gt", "true", "truth", "target", "groundtruth", "ground_truth"),
    "context": ("input", "in", "context", "ctx"),
}
"""How code bases call the frames that they write into one folder: gt1.png beside pd11.png (PredRNN), input_, pred_ and gt_."""
SERIES_NAME = re.compile(r"([A-Za-z]+(?:_[A-Za-z]+)?)[-_ ]?(\d+)")


@dataclass(frozen=True)
class MixedNames:
    """The files of one folder by what they show, in order of time: predicted frames and, of each, the true one."""

    prediction: list[str]
    target: list[str]


def mixed(names: Sequence[str], folder: str) -> MixedNames | None:
    """The frames of a folder that holds predicted ones beside true ones; None where its names are of one series or of none."""
    series: dict[str, dict[int, str]] = {}
    others = []
    for name in names:
        match = SERIES_NAME.fullmatch(stem(name))
        side = next((side for side, words in SERIES.items() if match and match[1].lower() in words), None)
        if side is None or match is None:
            others.append(name)
        elif int(match[2]) in series.setdefault(side, {}):
            raise BenchError(f"{folder}: {series[side][int(match[2])]} and {name} have one number; keep one of them")
        else:
            series[side][int(match[2])] = name
    if "prediction" not in series or len(series) < 2:
        return None
    if others:
        raise BenchError(f"{folder}: {others[0]} is named neither as predicted nor as true frames are; move it elsewhere")
    predicted = [series["prediction"][number] for number in sorted(series["prediction"])]
    if "target" not in series:
        return MixedNames(predicted, [])
    true = [series["target"][number] for number in sorted(series["target"])]
    return MixedNames(predicted, [true[position] for position in pair_frames(predicted, true, folder)])


def pair_frames(predicted: Sequence[str], true: Sequence[str], folder: str) -> list[int]:
    """Of each predicted frame of a clip, the position of the true one; both in order of time.

    Matched by equal names, else by equal numbers. Targets may begin earlier, with the frames of the context. Both may also be
    numbered from their own beginning: predictions from 0 or 1, targets from after the context.
    """
    if positions := _equal(predicted, true, folder):
        return positions
    counts, true_counts = ([numbers(name)[-1:] for name in side] for side in (predicted, true))
    if all(counts) and all(true_counts) and len(set(true_counts)) == len(true_counts):
        begins_together = counts[0] == true_counts[0] and len(counts) != len(true_counts)
        if not begins_together and set(counts) <= set(true_counts) and counts[-1] == true_counts[-1]:
            return [true_counts.index(count) for count in counts]
        runs_on = all(b[0] - a[0] == 1 for side in (counts, true_counts) for a, b in pairwise(side))
        if runs_on and len(counts) == len(true_counts) and counts[0][0] in (0, 1) and counts[-1] < true_counts[0]:
            return list(range(len(counts)))
    raise BenchError(
        f"{folder}: {len(predicted)} predicted frames from {predicted[0]} on and {len(true)} true ones from {true[0]} on: "
        "which belong together? Give both the same numbers"
    )


def pair_clips(predicted: Sequence[str], true: Sequence[str], folder: str) -> list[int]:
    """Of each predicted clip, the position of the true one: by name, else by numbers; a single clip needs neither."""
    if positions := _equal(predicted, true, folder):
        return positions
    if len(predicted) == len(true) == 1:
        return [0]
    counts, true_counts = ([numbers(name) for name in side] for side in (predicted, true))
    if sorted(counts) == sorted(true_counts) and len(set(counts)) == len(counts) and all(counts):
        return [true_counts.index(count) for count in counts]
    raise BenchError(
        f"{folder}: the clips are called {predicted[0]} on one side and {true[0]} on the other, and nothing says which belong "
        "together; name clips alike in prediction/ and target/"
    )


def _equal(predicted: Sequence[str], true: Sequence[str], folder: str) -> list[int] | None:
    """Positions by equal names, in which 7 equals 007; None if no name is on both sides. Partial matches are refused."""
    unmatched = None
    for key in (stem, lambda name: tuple(natural(stem(name)))):  # 7.png is 007.png, but 0.5.png is not 0.05.png
        keys, true_keys = (list(map(key, side)) for side in (predicted, true))
        if len(set(keys)) < len(keys) or len(set(true_keys)) < len(true_keys) or not set(keys) & set(true_keys):
            continue
        lacking = [name for name, its in zip(predicted, keys, strict=True) if its not in true_keys]
        over = [name for name, its in zip(true, true_keys, strict=True) if its not in keys]
        context_alone = keys[-1] == true_keys[-1] and keys[0] != true_keys[0]  # true frames may begin with the context
        if not lacking and (not over or context_alone):
            return [true_keys.index(its) for its in keys]
        unmatched = unmatched or (lacking or over)[0]
    if unmatched:
        raise BenchError(
            f"{folder}/{unmatched} has no counterpart of that name on the other side, where others have one; "
            "name clips and frames alike in prediction/ and target/"
        )
    return None


def ordered_frames(names: Sequence[str]) -> list[str]:
    """Names of frames in order of time; `DoubtfulOrder` where they do not tell it."""
    return [names[position] for position in frame_order(names)]
