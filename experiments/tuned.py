"""What does tuning buy? `bench run tuned_lmc` compares the settings of `bench tune lmc` with the recipe, on the test clips.

`bench run tuned_comparison` is the comparison with the settings that `bench tune comparison` has found, at equal budgets. The
cost of the search is in the report's table of costs.
"""

from dataclasses import replace
from pathlib import Path

from bench.common.search_names import SEARCH, TUNED
from bench.metrics import METRICS
from bench.spec import Claim, Experiment, RunSpec
from bench.spec.loading import canonical
from bench.store.search_results import Result, existing, read, report_command
from bench.store.store import Store
from experiments import comparison
from experiments.recipes import trivial_baseline
from experiments.spans import NEGLIGIBLE


def tuned(subject: str, scale: str, folder: Path | str | None = None) -> Experiment:
    """The experiment with the results of the studies of that name in the store; BenchError where there are none yet.

    folder: of the store; that of the environment if not given.
    """
    store = Store(folder)
    return _tuned_comparison(store, scale) if subject == "comparison" else _tuned_model(store, subject, scale)


def hint(name: str, folder: Path | str | None = None) -> str:
    """What a name that no experiment has may mean, for the end of a message: a search of the store; nothing if it is none."""
    store, study = Store(folder), canonical(name).removeprefix(SEARCH).removeprefix("tuned:")
    searches = existing(store)
    if scales := [scale for other, scale in searches if other == study]:
        return f"; a search of that name exists: `{report_command(store, study, scales[0])}`"
    if not canonical(name).startswith("tune"):
        return ""
    prefix = SEARCH if name.startswith(SEARCH) else TUNED
    names = ", ".join(f"{prefix}{other}" + f" --scale {scale}" * (scale != "small") for other, scale in searches)
    if not names and ":" in name:
        return f": did you mean '{TUNED}{study}'?"
    if not names:
        return f"; there are no searches in {store.root} yet: `bench tune lmc` makes one"
    return f"; from the searches in {store.root} there are {names}"


def _tuned_model(store: Store, study: str, scale: str) -> Experiment:
    """The winner of one study, the starting point of its search space, and trivial baselines.

    A space without a starting point is compared with the recipe of the same model on the same clips, if any.
    """
    result, compared = read(store, study, scale), comparison.experiment(scale)
    spec = result.candidates[0].spec
    alike = next((recipe for recipe in compared.variants.values() if _alike(recipe, spec)), None)
    base = result.base or alike
    base_label = "recipe" if base is None or (alike is not None and alike.key == base.key) else "base"
    base_won = base is not None and base.key == spec.key  # nothing that was tried is better
    label = f"tuned (the {base_label})" if base_won else "tuned"
    return replace(
        compared,
        question=f"What does tuning buy {study}?",
        variants={
            **({base_label: base} if base and not base_won else {}),
            label: spec,
            "copy last frame": trivial_baseline(spec, "copy_last"),
            "all black": trivial_baseline(spec, "black"),
        },
        searched={label: result.spent},
        claims=_claims(result, label, base_label) if base and not base_won else (),
    )


def _claims(result: Result, label: str, base_label: str) -> tuple[Claim, ...]:
    """That the search has paid, in the score that was its first objective; nothing where that was a cost."""
    if (metric := result.objectives[0]) not in METRICS:
        return ()
    began_with = "those it began with" if result.base else "the recipe's"
    claim = Claim(
        f"The settings found by the search predict better than {began_with}.",
        *(label, base_label),
        metric=metric,
        within=NEGLIGIBLE if metric == "psnr" else None,
        source="this suite",
    )
    return (claim,)


def _tuned_comparison(store: Store, scale: str) -> Experiment:
    """The comparison, with every trained model at the settings of its own study."""
    compared = comparison.experiment(scale)
    results: dict[str, Result] = {
        label: read(store, spec.model.name, scale) for label, spec in compared.variants.items() if spec.steps
    }
    return replace(
        compared,
        question="How does LMC-Memory compare with the baselines, all of them tuned alike?",
        variants={
            **compared.variants,
            **{label: _with_found_settings(result, compared.variants[label], compared) for label, result in results.items()},
        },
        searched={label: result.spent for label, result in results.items()},
    )


def _with_found_settings(result: Result, variant: RunSpec, compared: Experiment) -> RunSpec:
    """The settings of a search's winner, changed in the way in which a control of the comparison changes its recipe."""
    recipe = next(spec for spec in compared.variants.values() if spec.model.name == variant.model.name)
    control_settings = {
        name: getattr(variant, name) for name in ("steps", "learner") if getattr(variant, name) != getattr(recipe, name)
    }
    return result.candidates[0].spec.but(**control_settings)


def _alike(recipe: RunSpec, spec: RunSpec) -> bool:
    """The same model on the same clips."""
    same_clips = (repr(recipe.data), recipe.context, recipe.horizon) == (repr(spec.data), spec.context, spec.horizon)
    return recipe.model.name == spec.model.name and same_clips
