"""How does LMC-Memory compare with the baselines?

Every model sees the same clips, as many of them, and is scored alike; learning rates and learners are each paper's own at paper
scale. SimVP and TAU stand outside the family of recurrent models, for reference. Small scale: under 25 minutes on two cores.
Medium scale: the baselines that claims are made about, three seeds, on the embedded actions (`--set data=digits`: on the
digits), about an hour and a half a seed on two cores. LMC-Memory updates its weights twice for each batch and has a loss of its
own, so it stands there also with half the batches and as many updates as the baselines, and these also with its loss. Paper
scale: Moving-MNIST, 10 -> 10 frames, three seeds.
"""

from collections.abc import Mapping

from bench.spec import Claim, Evaluation, Experiment, RunSpec
from experiments.controls import SAME_LOSS
from experiments.recipes import EVALUATION, MEDIUM, MOVING_MNIST, SMALL, trivial_baseline
from experiments.spans import NEGLIGIBLE, far

SEEDS = {"small": (0,), "medium": (0, 1, 2), "paper": (0, 1, 2)}
MODEL = "LMC-Memory"
RIVALS = ("ConvLSTM", "PredRNN", "PhyDNet", "SimVP")
BUDGET = {"batch": 16, "steps": 125_000, "clip_norm": None}  # OpenSTL's Moving-MNIST runs


def experiment(scale: str) -> Experiment:
    """LMC-Memory first, then the baselines by year, then what learns nothing."""
    recipes = models(scale)
    lmc = recipes[MODEL]
    trivial = {"copy last frame": "copy_last", "mean of context": "mean_context", "all black": "black"}
    return Experiment(
        question="How does LMC-Memory compare with the baselines?",
        variants={
            **({label: recipes[label] for label in (MODEL, *RIVALS)} if scale == "medium" else recipes),
            **(_controls(recipes) if scale == "medium" else {}),
            **{label: trivial_baseline(lmc, name) for label, name in trivial.items()},
        },
        seeds=SEEDS[scale],
        evaluation=EVALUATION[scale],
        claims=(
            *claims(MODEL, lmc, EVALUATION[scale]),
            *(claims("LMC-Memory, equal updates", lmc, EVALUATION[scale]) if scale == "medium" else ()),
        ),
    )


def claims(label: str, lmc: RunSpec, evaluation: Evaluation) -> tuple[Claim, ...]:
    """LMC-Memory against one model of each kind, where the paper sees its strength: in the last third of the horizon."""
    return tuple(
        Claim(
            f"LMC-Memory predicts distant frames better than {rival}{', both with as many weight updates' * (label != MODEL)}.",
            better=label,
            than=rival,
            frames=far(lmc, evaluation),
            within=NEGLIGIBLE,
            source="Lee et al., CVPR 2021, comparison",
        )
        for rival in RIVALS
    )


def _controls(recipes: Mapping[str, RunSpec]) -> dict[str, RunSpec]:
    """LMC-Memory with as many updates as the baselines, and these with its loss."""
    lmc = recipes[MODEL]
    return {
        f"{MODEL}, equal updates": lmc.but(steps=lmc.steps // 2),
        **{f"{rival}, equal loss": recipes[rival].but(learner=SAME_LOSS) for rival in RIVALS},
    }


def models(scale: str) -> dict[str, RunSpec]:
    """The recipe of every model at a scale, LMC-Memory first, all on equal numbers of clips."""
    if scale == "paper":
        return {label: spec.but(**BUDGET) for label, spec in MOVING_MNIST.items()}
    return dict({"small": SMALL, "medium": MEDIUM}[scale])
