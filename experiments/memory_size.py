"""How many memory slots does LMC-Memory need?

The paper's sweep of the memory size. Small scale: under 10 minutes on two cores; expect no difference beyond noise there,
since ten digits in eight-pixel steps ask little of a memory.
"""

from itertools import pairwise

from bench.spec import Claim, Experiment
from experiments.recipes import EVALUATION, LMC, trivial_baseline
from experiments.spans import NEGLIGIBLE

SEEDS = {"small": (0,), "medium": (0, 1, 2), "paper": (0,)}
SLOTS = {"small": (5, 20, 50, 100, 200), "medium": (10, 50, 100, 200), "paper": (25, 50, 100, 200, 400)}


def experiment(scale: str) -> Experiment:
    """The full model with few to many slots, beside two predictions that learn nothing."""
    full = LMC[scale]
    return Experiment(
        question="How many memory slots does LMC-Memory need?",
        variants={
            **{f"{slots} slots": full.but(model=full.model.but(slots=slots)) for slots in SLOTS[scale]},
            "copy last frame": trivial_baseline(full, "copy_last"),
            "all black": trivial_baseline(full, "black"),
        },
        seeds=SEEDS[scale],
        evaluation=EVALUATION[scale],
        claims=claims(SLOTS[scale]),
    )


def claims(sizes: tuple[int, ...]) -> tuple[Claim, ...]:
    """Each size against the next smaller one, and the largest against the smallest."""
    pairs = [*pairwise(sizes), (sizes[0], sizes[-1])]
    return tuple(
        Claim(
            f"{more} memory slots predict better than {fewer}.",
            better=f"{more} slots",
            than=f"{fewer} slots",
            within=NEGLIGIBLE,
            source="Lee et al., CVPR 2021, sizes of the memory",
        )
        for fewer, more in pairs
    )
