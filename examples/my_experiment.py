"""Does a larger kernel help a ConvLSTM?

A ConvLSTM moves what it remembers by at most half its kernel per step, so a small kernel may lose what moves fast.
`bench plan my_experiment.py --probe` says how long it takes on your machine.
"""

from bench.spec import Claim, Experiment
from experiments.recipes import EVALUATION, MEDIUM, MOVING_MNIST, SMALL, trivial_baseline

CONVLSTM = {"small": SMALL["ConvLSTM"], "medium": MEDIUM["ConvLSTM"], "paper": MOVING_MNIST["ConvLSTM"]}


def experiment(scale: str) -> Experiment:
    """Three sizes of kernel, and the last frame again and again."""
    base = CONVLSTM[scale]
    kernels = {f"kernel {size}": base.but(model=base.model.but(kernel=size)) for size in (3, 5, 7)}
    return Experiment(
        question="Does a larger kernel help a ConvLSTM?",
        variants={**kernels, "copy last frame": trivial_baseline(base, "copy_last")},
        seeds=(0, 1),
        evaluation=EVALUATION[scale],
        claims=(Claim("A kernel of 7 predicts better than one of 3.", "kernel 7", "kernel 3", metric="psnr", within=0.1),),
    )
