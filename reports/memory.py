"""How memories are used: which slots answer, how sharply, and whether storing and matching ask for the same ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Addressing:
    """How one trained run addresses its memory on the test clips: float32 [clips, slots, h, w], slots sum to 1.

    matching: asked by the motion-matching encoder, which sees the context. storing: by the motion-context encoder, which sees
    the long clip; None where a model has none. long: by the motion-matching encoder, shown the long clip.
    recalled: the motion context that matching recalls, its mean over positions [clips, D].
    """

    variant: str
    seed: int
    matching: np.ndarray
    long: np.ndarray
    recalled: np.ndarray
    storing: np.ndarray | None = None


@dataclass(frozen=True)
class Shown:
    """The test clips, the same for every run.

    labels: what each one shows. labelled: what kind of thing that is. numbers: their numbers in the test split.
    context: frames seen. frames: uint8 [shown, T, C, H, W], as many frames as storing sees, of the clips that figures draw.
    places: the positions of those clips in `labels`.
    """

    labels: Sequence[str]
    labelled: str
    numbers: Sequence[int]
    context: int
    frames: np.ndarray
    places: Sequence[int]


@dataclass(frozen=True)
class Memories:
    """All of an experiment. variants: those with a memory. missing: "variant, seed" -> why a run was not looked into."""

    variants: Sequence[str]
    runs: Sequence[Addressing]
    missing: Mapping[tuple[str, int], str]
    shown: Shown | None

    def of(self, variant: str) -> list[Addressing]:
        """The runs of a variant, one a seed."""
        return [run for run in self.runs if run.variant == variant]

    def first(self) -> dict[str, Addressing]:
        """Each variant's first run, which stands for it in figures; variants without one are left out."""
        return {variant: runs[0] for variant in self.variants if (runs := self.of(variant))}


def entropy(weights: np.ndarray, axis: int) -> np.ndarray:
    """In bits, of weights that sum to 1 along an axis."""
    positive = np.maximum(weights.astype(np.float64), 1e-300)
    return -(weights * np.log2(positive)).sum(axis)


def usage(weights: np.ndarray) -> np.ndarray:
    """How much each slot answers: the mean weight over clips and positions, [clips, slots, h, w] -> [slots]."""
    return weights.mean((0, 2, 3), dtype=np.float64)


def tops(weights: np.ndarray) -> np.ndarray:
    """At what share of the clips and positions each slot answers most: [clips, slots, h, w] -> [slots]."""
    return np.bincount(weights.argmax(1).ravel(), minlength=weights.shape[1]) / weights[:, 0].size


def alike(first: np.ndarray, second: np.ndarray, centred: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Cosine of two paths' addresses [clips, slots, h, w], mean over positions: [clips] of the same clip, and its chance level
    [clips], the mean with all other clips.

    centred: of what differs from equal weights, which is the correlation over slots.
    """
    ours, theirs = ((centred_addresses if centred else _directions)(path) for path in (first, second))
    positions, clips = ours.shape[2], len(ours)
    same = np.einsum("csp,csp->c", ours, theirs) / positions
    all_clips = np.einsum("csp,sp->c", ours, theirs.sum(0)) / positions
    return same, (all_clips - same) / (clips - 1) if clips > 1 else np.full(1, np.nan)


def centred_addresses(weights: np.ndarray) -> np.ndarray:
    """What of addresses [clips, slots, h, w] differs from equal weights, of length 1 at each position: [clips, slots, h * w].

    Equal weights have no direction: zeros.
    """
    return _directions(weights - weights.mean(1, keepdims=True, dtype=np.float64))


def _directions(weights: np.ndarray) -> np.ndarray:
    """Addresses as vectors of length 1: [clips, slots, positions]."""
    flat = weights.reshape(*weights.shape[:2], -1).astype(np.float64)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
