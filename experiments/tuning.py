"""Where `bench tune` looks for better settings: LMC-Memory and each baseline, around the recipe of the comparison.

A space is a function from an Optuna trial to a RunSpec; a file of one's own defines `space(trial, scale)`. Every space here
starts from its recipe, which is the first trial. No trial is wider or longer than the recipe, so that equal numbers of trials
are equal budgets. At medium scale, whose comparison has to be even-handed, every space has three choices, and sizes stay: the
rate, its schedule, and what is particular to the model: how sharply LMC-Memory addresses, whether a baseline sees true frames
in training (its paper's learner) or its own alone (`direct`).
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.spec import Component, RunSpec
from experiments.comparison import models
from experiments.recipes import LMC_MEDIUM, SMALL

if TYPE_CHECKING:
    from optuna import Trial

TIMES = 5.0  # factor by which a rate may be below or above that of its recipe
SIZES = (0.5, 0.75, 1.0)  # of the recipe's width
WIDTHS = {"lmc": "width", "phydnet": "residual", "swinlstm": "width", "simvp": "spatial", "tau": "spatial"}  # else: hidden
SLOTS = {"small": (10, 200), "paper": (25, 400)}  # paper: the sizes that Lee et al. tried
TEMPERATURES = (0.1, 10.0)
SCHEDULES = {"cosine": LMC_MEDIUM.schedule, "onecycle": Component("onecycle")}  # at medium scale
SHARES = (0.1, 0.9)  # fraction of the training after which a model sees no more true frames after the context


def lmc(trial: "Trial", scale: str) -> RunSpec:
    """Rate, width, memory size, how sharply the memory is addressed, and the window that storing sees."""
    recipe = _recipe("LMC-Memory", scale)
    if scale == "medium":
        temperature = trial.suggest_float("temperature", *TEMPERATURES, log=True)
        return _rated(trial, recipe).but(model=recipe.model.but(temperature=temperature))
    spec = _resized(trial, recipe)
    long = trial.suggest_int("long", recipe.context + 1, recipe.context + recipe.horizon)
    return spec.but(
        model=spec.model.but(
            slots=trial.suggest_int("slots", *SLOTS[scale], log=True),
            temperature=trial.suggest_float("temperature", *TEMPERATURES, log=True),
        ),
        learner=recipe.learner if long == _long(recipe) else recipe.learner.but(long=long),
    )


def lmc_start(scale: str) -> dict[str, Any]:
    """The recipe."""
    recipe = _recipe("LMC-Memory", scale)
    model = recipe.options_of("model")
    if scale == "medium":
        return {**_start_rated(recipe), "temperature": model["temperature"]}
    return {**_start(recipe), "slots": model["slots"], "temperature": model["temperature"], "long": _long(recipe)}


def baseline(label: str, trial: "Trial", scale: str) -> RunSpec:
    """Rate and width; of learners that wean a model off true frames, also until when."""
    recipe = _recipe(label, scale)
    if scale == "medium":
        learners = {component.name: component for component in (SMALL[label].learner, recipe.learner)}
        return _rated(trial, recipe).but(learner=learners[trial.suggest_categorical("learner", sorted(learners))])
    spec = _resized(trial, recipe)
    if "end" in recipe.options_of("learner"):
        spec = spec.but(learner=recipe.learner.but(end=trial.suggest_float("end", *_shares(recipe))))
    return spec


def baseline_start(label: str, scale: str) -> dict[str, Any]:
    """The recipe."""
    recipe = _recipe(label, scale)
    if scale == "medium":
        return {**_start_rated(recipe), "learner": recipe.learner.name}
    learner = recipe.options_of("learner")
    return {**_start(recipe), **({"end": learner["end"]} if "end" in learner else {})}


def _recipe(label: str, scale: str) -> RunSpec:
    return models(scale)[label]


def _rated(trial: "Trial", recipe: RunSpec) -> RunSpec:
    """The recipe with another rate and another course of it."""
    rate = recipe.optimizer.options["lr"]
    return recipe.but(
        optimizer=recipe.optimizer.but(lr=trial.suggest_float("lr", rate / TIMES, rate * TIMES, log=True)),
        schedule=SCHEDULES[trial.suggest_categorical("schedule", sorted(SCHEDULES))],
    )


def _start_rated(recipe: RunSpec) -> dict[str, Any]:
    return {"lr": recipe.optimizer.options["lr"], "schedule": recipe.schedule.name}


def _resized(trial: "Trial", recipe: RunSpec) -> RunSpec:
    """The recipe with another rate and another width."""
    rate = recipe.optimizer.options["lr"]
    size = trial.suggest_categorical("size", SIZES)
    name = WIDTHS.get(recipe.model.name, "hidden")
    width = recipe.options_of("model")[name]
    scaled = tuple(round(size * channels) for channels in width) if isinstance(width, (tuple, list)) else round(size * width)
    return recipe.but(
        optimizer=recipe.optimizer.but(lr=trial.suggest_float("lr", rate / TIMES, rate * TIMES, log=True)),
        model=recipe.model.but(**{name: scaled}),
    )


def _start(recipe: RunSpec) -> dict[str, Any]:
    return {"lr": recipe.optimizer.options["lr"], "size": 1.0}


def _long(recipe: RunSpec) -> int:
    """The window that storing sees: the whole clip unless the recipe says otherwise."""
    return int(recipe.options_of("learner")["long"] or recipe.context + recipe.horizon)


def _shares(recipe: RunSpec) -> tuple[float, float]:
    """Reverse scheduled sampling ends after it starts."""
    return max(SHARES[0], recipe.options_of("learner").get("start", 0.0)), SHARES[1]


def _labels() -> dict[str, str]:
    """Model name -> its label in the comparison, for trained models."""
    return {spec.model.name: label for label, spec in models("small").items()}


SPACES: dict[str, tuple[Callable[["Trial", str], RunSpec], Callable[[str], dict[str, Any]]]] = {
    name: (partial(baseline, label), partial(baseline_start, label)) for name, label in _labels().items()
}
SPACES["lmc"] = (lmc, lmc_start)
