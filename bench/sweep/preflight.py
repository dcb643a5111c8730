"""Refuses settings that cannot work, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.common.errors import BenchError
from bench.spec import catalog
from bench.spec.experiment import Evaluation
from bench.sweep.plan import PlannedRun


def preflight(planned_runs: Sequence[PlannedRun]) -> None:
    """Build every model to be trained, without memory for weights, and its optimizer: impossible settings are refused now."""
    import torch

    from bench.evaluation.evaluate import clips_to_score
    from bench.evaluation.sets import checked
    from bench.metrics.ssim import refuse_small_frames
    from bench.training.initial import initial_weights
    from bench.training.learner import build_learner
    from bench.training.model import build_model

    seen_identities: set[tuple[Any, ...]] = set()
    for planned in planned_runs:
        spec = planned.spec
        if (fitted := (repr(spec.optimizer), repr(spec.schedule), spec.steps)) not in seen_identities:
            seen_identities.add(fitted)
            _build_optimizer(planned)
        parts = (repr(spec.model), repr(spec.data), repr(spec.learner))
        identity = (*parts, spec.context, spec.horizon, spec.init, planned.evaluations)
        if identity in seen_identities:
            continue
        seen_identities.add(identity)
        data = spec.data.build()
        try:
            refuse_small_frames(*data.shape[1:])
            with torch.device("meta"):
                model = build_model(spec, data)
                build_learner(spec, model)
                if spec.init:
                    initial_weights(spec, model)
            for evaluation in (Evaluation(clips=1, horizon=spec.horizon, split="val"), *planned.evaluations):
                clips_to_score(data, evaluation, spec.context)
                checked(evaluation.metrics)
        except BenchError as error:
            raise BenchError(f"variant '{planned.label}': {error}") from error
        except (RuntimeError, ArithmeticError, IndexError, TypeError) as error:  # torch's errors for sizes such as -4
            raise BenchError(f"variant '{planned.label}': model '{spec.model.name}' cannot be built: {error}") from error


def _build_optimizer(planned: PlannedRun) -> None:
    """BenchError for an optimizer, of a single parameter, or a schedule that cannot be built: beta1=5."""
    import torch

    spec = planned.spec
    if not spec.steps:
        return
    try:
        spec.optimizer.build(parameters=[torch.nn.Parameter(torch.empty(1, device="meta"))])
        spec.schedule.build(steps=spec.steps)
    except BenchError as error:
        raise BenchError(f"variant '{planned.label}': {error}") from error


def refuse_short_contexts(planned_runs: Sequence[PlannedRun]) -> None:
    """BenchError if the context is too short for a model, as far as its source tells. Needs no torch."""
    for planned in planned_runs:
        least = catalog.least_context(planned.spec.model.name, planned.spec.model.options)
        if planned.spec.context < least:
            raise BenchError(
                f"variant '{planned.label}': model '{planned.spec.model.name}' needs at least {least} context frames, "
                f"got {planned.spec.context}"
            )


def refuse_unfit_learners(planned_runs: Sequence[PlannedRun]) -> None:
    """BenchError if a learner's signature names another model than the spec has. Needs no torch."""
    for planned in planned_runs:
        model, learner = planned.spec.model.name, planned.spec.learner.name
        if model not in catalog.CATALOG["models"] or learner not in catalog.CATALOG["learners"]:
            continue  # a class of the user's own may inherit from the one that is asked for
        required = next((option.annotation for option in catalog.signature("learners", learner) if option.name == "model"), "")
        model_class = catalog.target("models", model).partition(":")[2]
        if required not in ("", "nn.Module", "Module", model_class):
            raise BenchError(
                f"variant '{planned.label}': learner '{learner}' works only with {required}, not {model_class}; use 'direct'"
            )
