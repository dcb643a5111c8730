"""A stick figure's movements: where its joints are while it does one of KTH's six actions.

A movement is a table: the angle of each limb as a combination of a few periodic functions of the phase. Angles are in radians
from hanging straight down, positive to the front (to the outside where the figure faces us); lengths are parts of its height.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Lengths in body heights.
THIGH, SHANK, UPPER_ARM, FOREARM, TORSO, NECK, HEAD = 0.25, 0.25, 0.19, 0.19, 0.34, 0.1, 0.065
SEGMENTS, HEAD_AT = 11, 2  # of a figure: torso in two halves, head, and two segments for each leg and arm
EDGES = (0.16, 0.84)  # of the canvas's width: figures that walk, jog or run turn around there

# The periodic functions of the phase that angles are made of.
FUNCTIONS = (
    lambda phase: np.ones_like(phase),
    np.sin,
    np.cos,
    lambda phase: np.maximum(np.cos(phase), 0),
    lambda phase: np.maximum(-np.cos(phase), 0),
    lambda phase: np.maximum(np.sin(phase), 0),
    lambda phase: np.maximum(-np.sin(phase), 0),
)  # fmt: skip
ONE, SIN, COS, FORTH, BACK, FIRST, SECOND = range(len(FUNCTIONS))
Angle = dict[int, float]


def _gait(swing: float, knee: float, arms: float, elbow: float, lean: float) -> tuple[Angle, ...]:
    """Legs swing in opposite phase and bend the knee on the way to the front; arms swing against them."""
    return (
        {SIN: swing}, {SIN: swing, FORTH: -knee},
        {SIN: -swing}, {SIN: -swing, BACK: -knee},
        {SIN: -arms}, {SIN: -arms, ONE: elbow},
        {SIN: arms}, {SIN: arms, ONE: elbow},
        {ONE: lean},
    )  # fmt: skip


def _arms_to_both_sides(upper: Angle, fore: Angle) -> tuple[Angle, ...]:
    """A figure that faces us and stands still but for its arms, which mirror each other."""
    mirrored = [{function: -share for function, share in angle.items()} for angle in (upper, fore)]
    return ({ONE: 0.2}, {ONE: 0.12}, {ONE: -0.2}, {ONE: -0.12}, upper, fore, *mirrored, {})


# Action: frames of a cycle, body heights travelled in one, and the angles of left thigh and shank, right thigh and shank, left
# arm and forearm, right arm and forearm, and by how much the figure leans forward.
# The names are KTH's. Ten frames of context show less than a cycle of any of them.
MOVEMENTS: dict[str, tuple[float, float, tuple[Angle, ...]]] = {
    "boxing": (22, 0, (
        {ONE: 0.3}, {ONE: 0.1}, {ONE: -0.25}, {ONE: -0.4},
        {ONE: 0.4, FIRST: 1.15}, {ONE: 2.3, FIRST: -0.75},
        {ONE: 0.4, SECOND: 1.15}, {ONE: 2.3, SECOND: -0.75},
        {ONE: 0.05, FIRST: 0.08, SECOND: 0.08},
    )),
    "handclapping": (26, 0, _arms_to_both_sides({ONE: 0.9, COS: 0.55}, {ONE: -0.15, COS: 1.75})),
    "handwaving": (40, 0, _arms_to_both_sides({ONE: 1.6, SIN: 1.2}, {ONE: 1.6, SIN: 1.2})),
    "jogging": (18, 1.17, _gait(swing=0.65, knee=1.0, arms=0.65, elbow=1.1, lean=0.1)),
    "running": (14, 1.47, _gait(swing=0.9, knee=1.5, arms=0.9, elbow=1.5, lean=0.2)),
    "walking": (26, 0.97, _gait(swing=0.45, knee=0.5, arms=0.4, elbow=0.15, lean=0.0)),
}  # fmt: skip
ACTIONS = tuple(MOVEMENTS)
PERIODS = np.array([period for period, _, _ in MOVEMENTS.values()], float)
STRIDES = np.array([stride for _, stride, _ in MOVEMENTS.values()])
ANGLES = np.array(
    [
        [[angle.get(function, 0.0) for function in range(len(FUNCTIONS))] for angle in angles]
        for _, _, angles in MOVEMENTS.values()
    ]
)  # [actions, limbs, functions]


def joints(
    action: NDArray[np.int64],
    height: Array,
    pace: Array,
    stride: Array,
    phase: Array,
    start_x: Array,
    ground: Array,
    facing: Array,
    frames: int,
) -> NDArray[np.complex128]:
    """Both ends of every segment over time, in parts of the canvas: [SEGMENTS, 2, N, T], each x + iy, y downwards.

    action: its number [N]. height: of the body. pace, stride: 1 are the period and the stride of MOVEMENTS. phase: in
    [0, 1) of a cycle. start_x, ground: where the figure begins, and the line that its feet stand on.
    facing: 1 to the right, -1 to the left.
    """
    cycles = np.arange(frames) * (pace / PERIODS[action])[:, None]  # [N, T] since the first frame
    x, directions = _to_and_fro(start_x, facing, cycles * (STRIDES[action] * stride * height)[:, None])
    waves = np.stack([function(2 * np.pi * (phase[:, None] + cycles)) for function in FUNCTIONS], 1)  # [N, functions, T]
    angles = (ANGLES[action] @ waves).transpose(1, 0, 2)
    limbs = np.sin(angles) * directions + 1j * np.cos(angles)  # [limbs, N, T] of length 1
    left_thigh, left_shank, right_thigh, right_shank, left_arm, left_forearm, right_arm, right_forearm, lean = limbs
    left_knee, right_knee = THIGH * left_thigh, THIGH * right_thigh  # as everything here, seen from the hip
    left_foot, right_foot = left_knee + SHANK * left_shank, right_knee + SHANK * right_shank
    upright = lean.conj()
    hip, neck, head = np.zeros_like(lean), TORSO * upright, (TORSO + NECK) * upright
    left_elbow, right_elbow = neck + UPPER_ARM * left_arm, neck + UPPER_ARM * right_arm
    left_hand, right_hand = left_elbow + FOREARM * left_forearm, right_elbow + FOREARM * right_forearm
    lines = (
        (hip, neck / 2), (neck / 2, neck), (head, head),
        (hip, left_knee), (left_knee, left_foot), (hip, right_knee), (right_knee, right_foot),
        (neck, left_elbow), (left_elbow, left_hand), (neck, right_elbow), (right_elbow, right_hand),
    )  # fmt: skip
    lower = np.maximum(left_foot.imag, right_foot.imag)  # this foot stands on the ground
    return np.array(lines) * height[:, None] + (x + 1j * (ground[:, None] - lower * height[:, None]))


def radii(height: Array, thickness: Array) -> Array:
    """Half the thickness of every segment, [SEGMENTS, N], in parts of the canvas; of the head, its radius."""
    radius = np.tile(thickness, (SEGMENTS, 1))
    radius[HEAD_AT] = HEAD * height
    return radius


def _to_and_fro(start_x: Array, facing: Array, travelled: Array) -> tuple[Array, Array]:
    """Where a figure is after it has travelled that far [N, T], turning around at the edges, and which way it faces then."""
    first, last = EDGES
    length = last - first
    # on the way to and back
    distance = np.where(facing > 0, start_x - first, 2 * length - (start_x - first))[:, None] + travelled
    distance %= 2 * length
    returning = distance > length
    return first + np.where(returning, 2 * length - distance, distance), np.where(returning, -1.0, 1.0)
