"""Settings that variants start from: the published ones, each number with its source, and small ones for two processor cores.

SMALL and PAPER hold the base of LMC-Memory at each scale. The small one was chosen by trial on the embedded digits so that
a run takes about two minutes on one core and still beats both floors; it proves that the machinery works, and nothing about
the paper.
"""

from bench.experiment import Evaluation
from bench.spec import Part, RunSpec

# Sources: "paper" is Lee et al., CVPR 2021 (arXiv 2104.00924), section 4 and its supplement.
LMC_MOVING_MNIST = RunSpec(
    model=Part("lmc"),  # width 64, 4 layers, 100 slots: paper
    learner=Part("memory_alignment", long=30),  # paper; warm-up 5,000 of 300,000 iterations at horizon 10: the default
    data=Part("moving_mnist"),
    context=10,  # paper
    horizon=30,  # paper
    batch=128,  # paper
    steps=300_000,  # paper
    optimizer=Part("adam", lr=2e-4),  # paper
    validate_every=1000,  # paper
)
LMC_KTH = LMC_MOVING_MNIST.but(
    model=Part("lmc", output="sigmoid"),  # paper: a sigmoid ends the decoder on KTH
    learner=Part("memory_alignment", long=40),  # paper
    data=Part("kth"),
    horizon=40,  # paper
    batch=32,  # paper
)
LMC_SMALL = RunSpec(
    model=Part("lmc", width=16, layers=1, slots=50),
    learner=Part("memory_alignment"),
    data=Part("digits"),
    context=10,
    horizon=10,
    batch=8,
    steps=400,
    optimizer=Part("adam", lr=1.5e-3),  # at 4e-3 predictions collapse to black
    schedule=Part("cosine", warmup=20),
    validate_every=50,
)
LMC = {"small": LMC_SMALL, "paper": LMC_MOVING_MNIST}

EVALUATION = {
    "small": Evaluation(clips=128, keep_predictions=True),
    "paper": Evaluation(clips=10_000),  # as many as the fixed Moving-MNIST test set has
}


def floor(base: RunSpec, name: str) -> RunSpec:
    """A prediction that learns nothing, on the same clips as `base`."""
    return base.but(model=Part(name), learner=Part("nothing"), steps=0)
