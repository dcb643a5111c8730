"""show: what an experiment consists of, setting by setting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.commands import _options, _output, _searches
from bench.commands._settings import differing, whole_settings
from bench.common.errors import BenchError
from bench.common.search_names import SEARCH

if TYPE_CHECKING:
    from bench.spec.experiment import Experiment


def show(
    name: _options.Name,
    variants: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="VARIANT",
            help="One variant, or trial of a search by its number: all its settings. Two: what differs between them. "
            "None: every variant or trial.",
        ),
    ] = None,
    scale: _options.Scale = "small",
    settings: _options.Set = None,
    store_path: _options.StorePath = None,
    as_json: _options.Json = False,
) -> None:
    """Show what an experiment consists of, or a search (tune:lmc).

    Prints its question, seeds, evaluation, and how each variant differs from the first; or all settings of one variant, with
    the command that runs just that; or what differs between two. As YAML, in the names that --set takes.
    """
    labels, store = variants or [], _options.store(store_path)
    if len(labels) > 2:
        raise BenchError(f"show compares at most two variants, got {len(labels)}")
    if name.startswith(SEARCH):
        if settings:
            raise BenchError("--set changes an experiment; a search is shown as it was made")
        shown = _searches.settings(name.removeprefix(SEARCH), scale, labels, store)
    else:
        shown = _of_experiment(_options.Choice(name, scale, settings=settings), labels)
    if as_json:
        _output.print_json(shown)
    else:
        import yaml

        _output.print_as_it_is(yaml.safe_dump(_plain(shown), sort_keys=False, allow_unicode=True, width=120))


def _of_experiment(choice: _options.Choice, labels: list[str]) -> dict[str, Any]:
    """The whole experiment, one of its variants, or what differs between two."""
    from dataclasses import replace

    experiment = choice.experiment()
    experiment.only(labels or list(experiment.variants))  # refuses labels that there are not
    match [experiment.variants[label] for label in labels]:
        case [spec]:
            command = replace(choice, only=labels[0]).command("run")
            return {"variant": labels[0], "settings": whole_settings(spec), "command": command}
        case [first, second]:
            return {"differs": differing(first, second, labels)}
    return _whole(experiment)


def _whole(experiment: Experiment) -> dict[str, Any]:
    from dataclasses import asdict

    first, *others = experiment.variants
    base = experiment.variants[first]
    differences = {label: differing(base, experiment.variants[label]) for label in others}
    return {
        "experiment": experiment.name,
        "question": experiment.question,
        "scale": experiment.scale,
        "seeds": list(experiment.seeds),
        "evaluation": asdict(experiment.evaluation.at(base)),
        "claims": [claim.sentence for claim in experiment.claims],
        "variants": {
            first: whole_settings(base),
            **{label: {setting: now for setting, (_, now) in pairs.items()} for label, pairs in differences.items()},
        },
    }


def _plain(value: Any) -> Any:
    """Tuples as lists, which YAML has."""
    if isinstance(value, dict):
        return {key: _plain(setting) for key, setting in value.items()}
    return [_plain(element) for element in value] if isinstance(value, list | tuple) else value
