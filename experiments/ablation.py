"""Which part of LMC-Memory earns its keep?

Removes one part at a time, as the paper's ablation does, beside a ConvLSTM and two predictions that learn nothing;
`memory_size` has more sizes. Small scale: 9 minutes on two cores; every learned variant lands 2 to 4 dB above copying the
last frame. Paper scale: about 107 TFLOP an iteration.
"""

from bench.spec import ALIGNMENT, CHANCE, Claim, Evaluation, Experiment, Part, RunSpec
from experiments.recipes import EVALUATION, LMC, MOVING_MNIST, SMALL, floor
from experiments.spans import NEGLIGIBLE, far, near

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
        claims=claims(full, EVALUATION[scale]),
    )


PAPER = "Lee et al., CVPR 2021, ablation of the memory"


def claims(full: RunSpec, evaluation: Evaluation) -> tuple[Claim, ...]:
    """What the paper says of its parts, in the mean over the horizon, and that the memory serves the long term."""
    return (
        Claim(
            "The memory helps: predictions are closer to what happens with it than without it.",
            *("full", "no memory"),
            within=NEGLIGIBLE,
            source=PAPER,
        ),
        Claim(
            "Memory alignment helps: a memory that learns long motions first, and then to find them from short ones, is better "
            "than one that learns from short ones alone.",
            *("full", "no alignment"),
            within=NEGLIGIBLE,
            source=PAPER,
        ),
        Claim(
            "Query decomposition helps: asking the memory at every place is better than asking once for the whole frame.",
            *("full", "no query decomposition"),
            within=NEGLIGIBLE,
            source=PAPER,
        ),
        Claim(
            "The further one predicts, the more the memory helps.",
            *("full", "no memory"),
            frames=far(full, evaluation),
            more_than=near(full, evaluation),
            within=NEGLIGIBLE,
            source="Lee et al., CVPR 2021: the memory is there for the long term",
        ),
        Claim(
            "The few frames that are seen address the memory as the long motion does that they belong to.",
            *("full", CHANCE, ALIGNMENT),
            source="Lee et al., CVPR 2021: what memory alignment learning is for",
        ),
    )
