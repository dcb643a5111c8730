"""How many memory slots does LMC-Memory need?

The paper's sweep of the memory size. Small scale: under 10 minutes on two cores; expect no difference beyond noise there,
since ten digits in eight-pixel steps ask little of a memory.
"""

from bench.spec import Experiment
from experiments.recipes import EVALUATION, LMC

SLOTS = {"small": (5, 20, 50, 100, 200), "paper": (25, 50, 100, 200, 400)}


def experiment(scale: str) -> Experiment:
    """The full model with few to many slots."""
    full = LMC[scale]
    return Experiment(
        question="How many memory slots does LMC-Memory need?",
        variants={f"{slots} slots": full.but(model=full.model.but(slots=slots)) for slots in SLOTS[scale]},
        evaluation=EVALUATION[scale],
    )
