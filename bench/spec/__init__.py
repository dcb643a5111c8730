"""What a run is, as values: the catalogue of names, the spec of a run, and experiments made of specs.

Files of experiments, of the suite or of one's own, import from here.
"""

from bench.spec.component import Component
from bench.spec.experiment import Evaluation, Experiment
from bench.spec.runspec import RunSpec
from reports.claim import ALIGNMENT, CHANCE, Claim

__all__ = ["ALIGNMENT", "CHANCE", "Claim", "Component", "Evaluation", "Experiment", "RunSpec"]
