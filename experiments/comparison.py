"""How does LMC-Memory compare with the RNN baselines?

Every model sees the same clips, as many of them, and is scored alike; learning rates and learners are each paper's own.
SimVP and TAU stand outside the family of recurrent models, for reference. Small scale: under 25 minutes on two cores. Paper
scale: Moving-MNIST, 10 -> 10 frames, three seeds.
"""

from bench.spec import Claim, Evaluation, Experiment, Part, RunSpec
from experiments.recipes import EVALUATION, LMC_MOVING_MNIST, LMC_SMALL, MOVING_MNIST, SMALL, SMALL_STEPS, floor
from experiments.spans import NEGLIGIBLE, far

SEEDS = {"small": (0,), "paper": (0, 1, 2)}
RIVALS = ("ConvLSTM", "PredRNN", "PhyDNet", "SimVP")
BUDGET = {"batch": 16, "steps": 125_000, "clip_norm": None}  # OpenSTL's Moving-MNIST runs


def experiment(scale: str) -> Experiment:
    """LMC-Memory first, then the baselines by year, then what learns nothing."""
    models = _small() if scale == "small" else _paper()
    first = next(iter(models.values()))
    floors = {"copy last frame": "copy_last", "mean of context": "mean_context", "all black": "black"}
    return Experiment(
        question="How does LMC-Memory compare with the RNN baselines?",
        variants={**models, **{label: floor(first, name) for label, name in floors.items()}},
        seeds=SEEDS[scale],
        evaluation=EVALUATION[scale],
        claims=claims(first, EVALUATION[scale]),
    )


def claims(lmc: RunSpec, evaluation: Evaluation) -> tuple[Claim, ...]:
    """LMC-Memory against one model of each kind, where the paper sees its strength: in the last third of the horizon."""
    return tuple(
        Claim(
            f"LMC-Memory predicts distant frames better than {rival}.",
            *("LMC-Memory", rival),
            frames=far(lmc, evaluation),
            within=NEGLIGIBLE,
            source="Lee et al., CVPR 2021, comparison",
        )
        for rival in RIVALS
    )


def _small() -> dict[str, RunSpec]:
    return {"LMC-Memory": LMC_SMALL.but(steps=SMALL_STEPS), **SMALL}


def _paper() -> dict[str, RunSpec]:
    lmc = LMC_MOVING_MNIST.but(learner=Part("memory_alignment", long=20), horizon=10, validate_every=625)
    return {label: spec.but(**BUDGET) for label, spec in {"LMC-Memory": lmc, **MOVING_MNIST}.items()}
