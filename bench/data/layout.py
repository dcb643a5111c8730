"""Which axis of an array is which: clips (N), time (T), channels (C), height (H) and width (W).

The same numbers in another order are other videos: [50, 20, 64, 64] may be 50 clips of 20 frames or 20 clips of 50. An array is
refused until `--layout` names its axes, if its shape is ambiguous or its content contradicts the usual order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bench.common.errors import BenchError

if TYPE_CHECKING:
    from numpy.typing import NDArray

FULL = "NTCHW"
CHANNELS = (1, 2, 3)  # grey, maps of traffic in and out, colour
SAMPLED = 16  # clips and frames that are looked at to find the axis of time
SMOOTHER = 0.5  # neighbours along another axis that differ by less than this part of those along T make T doubtful


def parse_layout(text: str) -> str:
    """A layout such as NTHWC as it is written on the command line; each letter once, T, H and W among them."""
    letters = text.strip().upper()
    if len(set(letters)) < len(letters) or not set("THW") <= set(letters) <= set(FULL):
        raise BenchError(
            f"--layout takes the letters of the array's axes in their order, such as NTHW, TNHW or NTHWC (N clips, T time, "
            f"C channels, H height, W width); got '{text}'"
        )
    return letters


def arranged(array: NDArray[Any], layout: str, subject: str) -> NDArray[Any]:
    """The array as [N, T, C, H, W], a view; axes that the layout lacks have one entry."""
    if array.ndim != len(layout):
        raise BenchError(f"{subject} has {array.ndim} axes {list(array.shape)}, and --layout {layout} names {len(layout)}")
    missing = [letter for letter in FULL if letter not in layout]
    ordered = array.reshape(*array.shape, *[1] * len(missing)) if missing else array
    letters = layout + "".join(missing)
    ordered = ordered.transpose([letters.index(letter) for letter in FULL])
    if ordered.shape[2] not in CHANNELS:
        raise BenchError(
            f"{subject} {list(array.shape)} has {ordered.shape[2]} channels in the layout {layout}; 1 to 3 are frames"
        )
    return ordered


def layout_of(shape: Sequence[int], subject: str, one_clip: bool = False, checked: bool = False) -> str:
    """The layout of a shape: [N, T, C, H, W], or channels last. BenchError, with the options, if the shape is ambiguous.

    one_clip: whether four axes are the usual [T, C, H, W] of one clip, as a model's input; otherwise they may be several clips.
    checked: whether the channels will be compared with those of a data set, so that few frames are not taken for channels.
    """
    axes = list(shape)
    usual_layouts = {5: ("NTCHW", "NTHWC"), 4: ("TCHW", "THWC") if one_clip else ()}.get(len(axes), ())
    fitting = [layout for layout in usual_layouts if axes[layout.index("C")] in CHANNELS]
    if fitting == ["NTCHW"] and not (one_clip or checked) and (axes[1] == 3 or axes[1] == 1 < axes[2]):
        fitting = ["NTCHW", "NCTHW"]  # few frames and few channels, and 3D convolutions have time after the channels
    if len(fitting) == 1:
        return fitting[0]
    if len(axes) == 5 and not fitting:
        raise BenchError(
            f"{subject} must be [N, T, C, H, W] or [N, T, H, W, C] with 1 to 3 channels, or --layout has to name its axes; "
            f"got {axes}"
        )
    suggested = fitting or {5: usual_layouts, 4: ("NTHW", "TNHW", "TCHW"), 3: ("THW",)}.get(len(axes), ())
    if not suggested:
        expected = (
            "[T, C, H, W] or [B, T, C, H, W]" if one_clip else "[N, T, C, H, W], or an array of 3 to 5 axes with --layout"
        )
        raise BenchError(f"{subject} must be {expected}; got {axes}")
    options = ", ".join(f"--layout {layout}" for layout in suggested)
    raise BenchError(f"{subject} is {axes}, which does not tell clips from time; say it: {options}")


def refuse_doubtful_time(clips: NDArray[Any], layout: str, subject: str) -> None:
    """Refuse clips [N, T, C, H, W], arranged by the usual layout, that look more like videos along N than along T."""
    import numpy as np

    sample = np.asarray(clips[:SAMPLED, :SAMPLED], np.float64)
    if sample.shape[1] == 1 < sample.shape[0]:
        swapped = layout.replace("NT", "TN")
        raise BenchError(
            f"{subject} {list(clips.shape)} may be {len(clips)} clips of one frame or one clip of {len(clips)} frames: "
            f"say --layout {layout} or --layout {swapped}"
        )
    if min(sample.shape[:2]) < 2:
        return
    with np.errstate(invalid="ignore"):  # where predictions are not finite
        along_clips, along_time = (float(np.nanmean(np.abs(np.diff(sample, axis=axis)))) for axis in (0, 1))
    if along_clips < SMOOTHER * along_time:
        swapped = layout.replace("NT", "TN")
        raise BenchError(
            f"{subject} {list(clips.shape)} looks like a video along its first axis, not its second: say which is time, "
            f"--layout {swapped} or --layout {layout}"
        )
