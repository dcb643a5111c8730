"""What does tuning buy? `bench run tuned-lmc` sets what `bench tune lmc` has found beside the recipe, on the test clips.

`bench run tuned-comparison` is the comparison with the settings that `bench tune comparison` has found, at equal budgets. What
a search has cost stands in the report's costs.
"""

from dataclasses import replace

from bench.spec import Experiment, RunSpec
from bench.store.search_results import Result, read
from bench.store.store import Store
from experiments.comparison import experiment as comparison
from experiments.recipes import trivial_baseline


def tuned(subject: str, scale: str) -> Experiment:
    """The experiment with the results of the studies of that name in the store; BenchError where there are none yet."""
    return _all(scale) if subject == "comparison" else _one(subject, scale)


def _one(study: str, scale: str) -> Experiment:
    """The winner of one study, what its space began with, and what learns nothing.

    A space that does not say what it begins with is compared with the recipe of the same model on the same clips, if any.
    """
    found, compared = read(Store(), study, scale), comparison(scale)
    spec = found.candidates[0].spec
    alike = next((recipe for recipe in compared.variants.values() if _alike(recipe, spec)), None)
    base = found.base or alike
    called = "recipe" if base is None or (alike is not None and alike.key == base.key) else "base"
    won = base is not None and base.key == spec.key  # nothing that was tried is better
    label = f"tuned (the {called})" if won else "tuned"
    return replace(
        compared,
        question=f"What does tuning buy {study}?",
        variants={
            **({called: base} if base and not won else {}),
            label: spec,
            "copy last frame": trivial_baseline(spec, "copy_last"),
            "all black": trivial_baseline(spec, "black"),
        },
        searched={label: found.spent},
    )


def _all(scale: str) -> Experiment:
    """The comparison, every model that it trains with the settings of its own study."""
    compared = comparison(scale)
    found: dict[str, Result] = {
        label: read(Store(), spec.model.name, scale) for label, spec in compared.variants.items() if spec.steps
    }
    return replace(
        compared,
        question="How does LMC-Memory compare with the RNN baselines, all of them tuned alike?",
        variants={
            **compared.variants,
            **{label: _found(one, compared.variants[label], compared) for label, one in found.items()},
        },
        searched={label: one.spent for label, one in found.items()},
    )


def _found(result: Result, variant: RunSpec, compared: Experiment) -> RunSpec:
    """What a search has found, changed as a control of the comparison changes the recipe of its model."""
    recipe = next(spec for spec in compared.variants.values() if spec.model.name == variant.model.name)
    kept = {name: getattr(variant, name) for name in ("steps", "learner") if getattr(variant, name) != getattr(recipe, name)}
    return result.candidates[0].spec.but(**kept)


def _alike(recipe: RunSpec, spec: RunSpec) -> bool:
    """The same model on the same clips."""
    same = (repr(recipe.data), recipe.context, recipe.horizon) == (repr(spec.data), spec.context, spec.horizon)
    return recipe.model.name == spec.model.name and same
