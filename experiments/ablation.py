"""Which part of LMC-Memory earns its keep?

Removes one part at a time, as the paper's ablation does, beside a ConvLSTM and two predictions that learn nothing;
`memory_size` has more sizes. Small scale: 9 minutes on two cores; every learned variant lands 2 to 4 dB above copying the
last frame. Paper scale: about 107 TFLOP an iteration.
"""

from bench.spec import Experiment, Part
from experiments.recipes import EVALUATION, LMC, MOVING_MNIST, SMALL, floor

SLOTS = {"small": (10,), "paper": (50, 200)}
PEER = {"small": SMALL["ConvLSTM"], "paper": MOVING_MNIST["ConvLSTM"]}


def experiment(scale: str) -> Experiment:
    """Full model first, then one component less in every row."""
    full, peer = LMC[scale], PEER[scale]
    alone = Part("matching_only")
    return Experiment(
        question="Which part of LMC-Memory earns its keep?",
        variants={
            "full": full,
            "no memory": full.but(model=full.model.but(memory=False), learner=alone),
            "no alignment": full.but(model=full.model.but(storing=False), learner=alone),
            "no query decomposition": full.but(model=full.model.but(decompose=False)),
            **{f"{slots} slots": full.but(model=full.model.but(slots=slots)) for slots in SLOTS[scale]},
            "ConvLSTM": full.but(model=peer.model, learner=peer.learner, optimizer=peer.optimizer, schedule=peer.schedule),
            "copy last frame": floor(full, "copy_last"),
            "all black": floor(full, "black"),
        },
        evaluation=EVALUATION[scale],
    )
