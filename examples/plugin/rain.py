"""Are two frames enough to predict rain?

Small scale: 2 minutes on two cores.
"""

from bench.spec import Experiment, Part
from experiments.recipes import EVALUATION, SMALL, floor


def experiment(scale: str) -> Experiment:
    """The model of this package, a ConvLSTM, and the last frame again and again; all on the data set of this package."""
    convlstm = SMALL["ConvLSTM"].but(data=Part("rain"))
    two_frames = convlstm.but(model=Part("two_frames"), learner=Part("direct"))
    return Experiment(
        question="Are two frames enough to predict rain?",
        variants={"two frames": two_frames, "ConvLSTM": convlstm, "copy last frame": floor(convlstm, "copy_last")},
        evaluation=EVALUATION[scale],
    )
