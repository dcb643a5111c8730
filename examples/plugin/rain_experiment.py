"""Are two frames enough to predict rain?

`bench plan rain_experiment.py --probe` says how long it takes on your machine.
"""

from bench.spec import Component, Experiment
from experiments.recipes import EVALUATION, SMALL, trivial_baseline


def experiment(scale: str) -> Experiment:
    """The model of this package, a ConvLSTM, and the last frame again and again; all on the data set of this package."""
    convlstm = SMALL["ConvLSTM"].but(data=Component("rain"))
    two_frames = convlstm.but(model=Component("two_frames"), learner=Component("direct"))
    return Experiment(
        question="Are two frames enough to predict rain?",
        variants={"two frames": two_frames, "ConvLSTM": convlstm, "copy last frame": trivial_baseline(convlstm, "copy_last")},
        evaluation=EVALUATION[scale],
    )
