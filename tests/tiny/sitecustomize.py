"""On Python's path, this makes every experiment and every search space tiny: two steps of two clips, scored on three."""

from dataclasses import replace

from bench.spec import loading
from bench.tune import spaces

CLIPS = 3


def _tiny(spec, unit):
    steps = 2 * spec.steps // unit if spec.steps else 0
    return spec.but(steps=steps, batch=2, validate_every=max(steps // 2, 1), validation_clips=2)


def _experiment(name, scale="small"):
    experiment = _load(name, scale)
    unit = min((spec.steps for spec in experiment.variants.values() if spec.steps), default=1)
    variants = {label: _tiny(spec, unit) for label, spec in experiment.variants.items()}
    clips = min(experiment.evaluation.clips or CLIPS, CLIPS)
    return replace(experiment, variants=variants, evaluation=replace(experiment.evaluation, clips=clips))


def _space(name, scale):
    space = _load_space(name, scale)

    def draw(trial):
        spec = space.draw(trial)
        return _tiny(spec, spec.steps)

    return replace(space, draw=draw)


_load, loading.load = loading.load, _experiment
_load_space, spaces.load = spaces.load, _space
