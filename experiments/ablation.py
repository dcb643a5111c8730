"""Which part of LMC-Memory earns its keep?

Removes one part at a time, as the paper's ablation does, beside a ConvLSTM and two predictions that learn nothing. Small
scale: under 10 minutes on two cores; every learned variant lands 1 to 2 dB above copying the last frame. Paper scale: about
107 TFLOP an iteration.
"""

from bench.experiment import Experiment
from bench.spec import Part
from experiments.recipes import EVALUATION, LMC, floor

SLOTS = {"small": (10, 200), "paper": (50, 200)}
CONVLSTM = {"small": Part("convlstm", hidden=32, layers=1), "paper": Part("convlstm")}


def experiment(scale: str) -> Experiment:
    """Full model first, then one component less in every row."""
    full = LMC[scale]
    alone = Part("matching_only")
    return Experiment(
        question="Which part of LMC-Memory earns its keep?",
        variants={
            "full": full,
            "no memory": full.but(model=full.model.but(memory=False), learner=alone),
            "no alignment": full.but(model=full.model.but(storing=False), learner=alone),
            "no query decomposition": full.but(model=full.model.but(decompose=False)),
            **{f"{slots} slots": full.but(model=full.model.but(slots=slots)) for slots in SLOTS[scale]},
            "ConvLSTM": full.but(model=CONVLSTM[scale], learner=Part("direct")),
            "copy last frame": floor(full, "copy_last"),
            "all black": floor(full, "black"),
        },
        evaluation=EVALUATION[scale],
    )
