"""Who still knows where things are after 40 frames?

The paper's central claim: recalled long-term motion context pays off the further one predicts. Models are trained at one
horizon and scored at 10, 20, 30 and 40 frames (`bench report long_term --frames 1-10,11-20,21-30,31-40`). Small scale:
about 10 minutes on two cores. LMC-Memory updates its weights twice for each batch, so its predictor without memory stands
there also with as many updates.
"""

from bench.spec import Claim, Experiment
from experiments import comparison
from experiments.comparison import RIVALS
from experiments.controls import CONTROL, EQUAL_UPDATES, LONG_TERM, longer, without_memory
from experiments.recipes import EVALUATION, trivial_baseline
from experiments.spans import NEGLIGIBLE

HORIZON = 40  # frames
NEAR, FAR, LAST = (1, 10), (21, 30), (31, 40)
CLAIMS = (
    Claim(
        "The memory still helps 31 to 40 frames ahead.",
        better="LMC-Memory",
        than="no memory",
        frames=LAST,
        within=NEGLIGIBLE,
        source=LONG_TERM,
    ),
    Claim(
        "The memory helps more 31 to 40 frames ahead than in the first ten.",
        better="LMC-Memory",
        than="no memory",
        frames=LAST,
        more_than=NEAR,
        within=NEGLIGIBLE,
        source=LONG_TERM,
    ),
    *(
        Claim(
            f"LMC-Memory predicts frames {frames[0]} to {frames[1]} better than {rival}.",
            better="LMC-Memory",
            than=rival,
            frames=frames,
            within=NEGLIGIBLE,
            source=LONG_TERM,
        )
        for frames in (FAR, LAST)
        for rival in RIVALS
    ),
    Claim(
        f"The memory helps 31 to 40 frames ahead, against {EQUAL_UPDATES}.",
        better="LMC-Memory",
        than="no memory, equal updates",
        frames=LAST,
        within=NEGLIGIBLE,
        source=CONTROL,
    ),
    Claim(
        f"The memory helps more 31 to 40 frames ahead than in the first ten, against {EQUAL_UPDATES}.",
        better="LMC-Memory",
        than="no memory, equal updates",
        frames=LAST,
        more_than=NEAR,
        within=NEGLIGIBLE,
        source=CONTROL,
    ),
)


def experiment(scale: str) -> Experiment:
    """The models of the comparison that stand for their kind, and LMC-Memory without its memory."""
    compared = comparison.experiment(scale)
    lmc = compared.variants["LMC-Memory"]
    return Experiment(
        question=f"Who still knows where things are after {HORIZON} frames?",
        variants={
            "LMC-Memory": lmc,
            "no memory": without_memory(lmc),
            "no memory, equal updates": longer(without_memory(lmc)),
            **{label: compared.variants[label] for label in RIVALS},
            "copy last frame": trivial_baseline(lmc, "copy_last"),
            "all black": trivial_baseline(lmc, "black"),
        },
        seeds=compared.seeds,
        evaluation=EVALUATION[scale].over(HORIZON),
        claims=CLAIMS,
    )
