"""Which parts of LMC-Memory help?

Removes one part at a time, as the paper's ablation does, beside a ConvLSTM and two predictions that learn nothing;
`memory_size` has more sizes. Small scale: 13 minutes on two cores; every learned variant lands 2 to 4 dB above copying the
last frame. Medium scale: about 2.5 hours a seed on two cores, a third of it the control with equal parameters. Paper scale:
about 107 TFLOP an iteration.

A variant without a part is smaller, and one without the storing phase updates its weights half as often. So controls stand
beside the variants: with as many updates, and at medium and paper scale also with as many parameters, with the same loss, and
with a memory that is there but cannot remember. `bench report ablation --differences` says of each pair what is equal in it.
"""

from bench.spec import ALIGNMENT, CHANCE, Claim, Component, Evaluation, Experiment, RunSpec
from experiments.controls import CONTROL, EQUAL_UPDATES, LONG_TERM, SAME_LOSS, longer, without_memory
from experiments.recipes import EVALUATION, LMC, MEDIUM, MOVING_MNIST, SMALL, trivial_baseline
from experiments.spans import NEGLIGIBLE, far, near

SEEDS = {"small": (0,), "medium": (0, 1, 2), "paper": (0,)}
SLOTS = {"small": (10,), "medium": (), "paper": (50, 200)}
PEER = {"small": SMALL["ConvLSTM"], "medium": MEDIUM["ConvLSTM"], "paper": MOVING_MNIST["ConvLSTM"]}
# The width at which a predictor without memory has the parameters of the full model in use, within 2%.
WIDER = {"medium": 48, "paper": 124}
PAPER = "Lee et al., CVPR 2021, ablation of the memory"


def experiment(scale: str) -> Experiment:
    """Full model first, then one component less in every row, each with its controls."""
    full, peer = LMC[scale], PEER[scale]
    no_memory = without_memory(full)
    no_alignment = full.but(model=full.model.but(storing=False), learner=Component("matching_only"))
    convlstm = full.but(model=peer.model, learner=peer.learner, optimizer=peer.optimizer, schedule=peer.schedule)
    all_controls = scale in WIDER
    variants = {
        "full": full,
        "no memory": no_memory,
        "no memory, equal updates": longer(no_memory),
        **({"no memory, equal updates and parameters": _wider(no_memory, WIDER[scale])} if all_controls else {}),
        "no alignment": no_alignment,
        "no alignment, equal updates": longer(no_alignment),
        "no query decomposition": full.but(model=full.model.but(decompose=False)),
        **(_memory_controls(full) if all_controls else {}),
        **{f"{slots} slots": full.but(model=full.model.but(slots=slots)) for slots in SLOTS[scale]},
        "ConvLSTM": convlstm,
        **({"ConvLSTM, equal updates": longer(convlstm)} if all_controls else {}),
        **({"ConvLSTM, equal loss": convlstm.but(learner=SAME_LOSS)} if all_controls else {}),
        "copy last frame": trivial_baseline(full, "copy_last"),
        "all black": trivial_baseline(full, "black"),
    }
    evaluation = EVALUATION[scale]
    return Experiment(
        question="Which parts of LMC-Memory help?",
        variants=variants,
        seeds=SEEDS[scale],
        evaluation=evaluation,
        claims=(*claims(full, evaluation), *(claim for claim in control_claims(full, evaluation) if claim.than in variants)),
    )


def claims(full: RunSpec, evaluation: Evaluation) -> tuple[Claim, ...]:
    """What the paper says of its parts, in the mean over the horizon, and that the memory serves the long term."""
    return (
        Claim(
            "The memory helps: predictions are closer to what happens with it than without it.",
            better="full",
            than="no memory",
            within=NEGLIGIBLE,
            source=PAPER,
        ),
        Claim(
            "Memory alignment helps: a memory that learns long motions first, and then to find them from short ones, is better "
            "than one that learns from short ones alone.",
            better="full",
            than="no alignment",
            within=NEGLIGIBLE,
            source=PAPER,
        ),
        Claim(
            "Query decomposition helps: a query for every place of a frame is better than one for the whole frame.",
            better="full",
            than="no query decomposition",
            within=NEGLIGIBLE,
            source=PAPER,
        ),
        Claim(
            "The further one predicts, the more the memory helps.",
            better="full",
            than="no memory",
            frames=far(full, evaluation),
            more_than=near(full, evaluation),
            within=NEGLIGIBLE,
            source=LONG_TERM,
        ),
        Claim(
            "A few frames select the same memory slots as the long motion that they belong to.",
            better="full",
            than=CHANCE,
            metric=ALIGNMENT,
            source="Lee et al., CVPR 2021: what memory alignment learning is for",
        ),
    )


def control_claims(full: RunSpec, evaluation: Evaluation) -> tuple[Claim, ...]:
    """The same against the controls: whether it is the memory that helps, and not what comes with it."""
    against = {
        "no memory, equal updates": f"The memory helps against {EQUAL_UPDATES}.",
        "no memory, equal updates and parameters": f"The memory helps against {EQUAL_UPDATES}, and is as large.",
        "no alignment, equal updates": "Memory alignment helps against training in one phase with as many weight updates.",
        "untrained slots": "Learning helps the memory: trained slots are better than random ones.",
        "shuffled addresses": "Addressing helps: the slots that a query selects are better than slots read at random.",
    }
    further = Claim(
        f"The further one predicts, the more the memory helps, against {EQUAL_UPDATES}.",
        better="full",
        than="no memory, equal updates",
        frames=far(full, evaluation),
        more_than=near(full, evaluation),
        within=NEGLIGIBLE,
        source=CONTROL,
    )
    return (
        *(Claim(sentence, "full", control, within=NEGLIGIBLE, source=CONTROL) for control, sentence in against.items()),
        further,
    )


def _wider(no_memory: RunSpec, width: int) -> RunSpec:
    """Without memory, with as many updates as the full model, and with as many parameters in use."""
    return longer(no_memory.but(model=no_memory.model.but(width=width)))


def _memory_controls(full: RunSpec) -> dict[str, RunSpec]:
    """The full model in all but what its memory can hold or tell."""
    return {
        "untrained slots": full.but(model=full.model.but(train_slots=False)),
        "shuffled addresses": full.but(model=full.model.but(shuffled=True)),
    }
