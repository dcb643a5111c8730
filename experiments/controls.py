"""Controls that stand beside the variants of several experiments, and what their claims say of them.

LMC-Memory with memory alignment updates its weights twice for each batch, and adds the absolute to the squared error. Its
ablations with one phase, and the baselines, update theirs once and mostly minimise the squared error alone.
"""

from bench.spec import Component, RunSpec

LONG_TERM = "Lee et al., CVPR 2021: the memory is there for the long term"
CONTROL = "a control of this suite"
EQUAL_UPDATES = "a predictor without memory that gets as many weight updates"
SAME_LOSS = Component("direct", absolute=True)
"""LMC-Memory's loss, absolute and squared error, for a baseline that sees its own predictions alone."""


def without_memory(lmc: RunSpec) -> RunSpec:
    """LMC-Memory's predictor alone, trained in one phase."""
    return lmc.but(model=lmc.model.but(memory=False), learner=Component("matching_only"))


def longer(spec: RunSpec) -> RunSpec:
    """Twice as many steps: with one phase, as many updates as LMC-Memory's two."""
    return spec.but(steps=2 * spec.steps)
