"""Do memories tell kinds of clips, such as actions, apart: do slots specialise, is an address nearest to those of its kind?"""

from collections.abc import Sequence

import numpy as np

from reports.memory import Addressing, centred_addresses, entropy, usage

SHUFFLES = 20  # of the labels, to see how much slots seem to tell by chance


def information(weights: np.ndarray, labels: Sequence[str]) -> float:
    """What a slot that answers tells of the clip's kind, in bits: the mutual information of slot and label under the mean
    weights, of addresses [clips, slots, h, w]. 0 where all kinds use the slots alike, at most the entropy of the labels."""
    names = np.array(labels)
    kinds, counts = np.unique(names, return_counts=True)
    within = [entropy(usage(weights[names == kind]), 0) for kind in kinds]
    return float(entropy(usage(weights), 0) - np.dot(counts / len(names), within))


def information_by_chance(weights: np.ndarray, labels: Sequence[str]) -> float:
    """The same when labels are dealt out at random: few clips seem to tell something even then. The mean of 20 deals."""
    random = np.random.default_rng(0)
    return float(np.mean([information(weights, random.permutation(labels).tolist()) for _ in range(SHUFFLES)]))


def nearest(addresses: np.ndarray, references: np.ndarray, labels: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The kinds, and of clips of each kind (row) the share whose address is nearest to each kind's (column): [kinds, kinds].

    addresses: to be classified. references: those whose mean stands for a kind. Both [clips, slots, h, w]. Nearest:
    by the cosine of what differs from the mean address of all. No mean includes the clip itself.
    """
    names = np.array(labels)
    kinds, kind_of_clip = np.unique(names, return_inverse=True)
    ours, theirs = (centred_addresses(path).reshape(len(path), -1) for path in (addresses, references))
    members = np.eye(len(kinds))[kind_of_clip]  # [clips, kinds]
    ours, middle = ours - _without_each(ours), _without_each(theirs)
    likeness = np.empty((len(names), len(kinds)))
    for kind in range(len(kinds)):
        member = members[:, kind, None]
        direction = (members[:, kind] @ theirs - member * theirs) / np.maximum(members[:, kind].sum() - member, 1) - middle
        likeness[:, kind] = (ours * direction).sum(1) / np.maximum(np.linalg.norm(direction, axis=1), 1e-12)
    nearest_kind = likeness.argmax(1)
    shares = np.array([np.bincount(nearest_kind[kind_of_clip == kind], minlength=len(kinds)) for kind in range(len(kinds))])
    return [str(kind) for kind in kinds], shares / shares.sum(1, keepdims=True)


def _without_each(values: np.ndarray) -> np.ndarray:
    """For each row the mean of the others."""
    return (values.sum(0) - values) / max(len(values) - 1, 1)


def own_kind(addresses: np.ndarray, references: np.ndarray, labels: Sequence[str]) -> float:
    """The share of clips whose address is nearest to that of their own kind; every kind counts alike."""
    return float(np.diag(nearest(addresses, references, labels)[1]).mean())


def long_path(run: Addressing) -> np.ndarray:
    """How a run addresses long clips: by the storing path, or where there is none by the encoder that it has."""
    return run.long if run.storing is None else run.storing
