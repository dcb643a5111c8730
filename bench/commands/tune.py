"""tune: a search for better hyperparameters, whose trials are ordinary runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import _executors, _mlflow, _options, _output, _tables
from bench.commands._searches import typed
from bench.common.errors import BenchError
from bench.common.search_names import SEARCH, TUNED

if TYPE_CHECKING:
    from bench.tune.session import SearchOutcome
    from bench.tune.study import Study

ALL = "comparison"


def tune(
    name: Annotated[
        str,
        typer.Argument(
            metavar="SPACE",
            help="What is tuned: lmc or a baseline, by its model's name (`bench list models`); comparison, for all of them; "
            "or a Python file with a function `space(trial, scale)`.",
        ),
    ],
    trials: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, help="The total number of finished trials; a larger number later adds only the difference."
        ),
    ] = 40,
    scale: _options.Scale = "small",
    objective: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="What is optimized on the validation split: psnr, ssim, mse, lpips; or a cost: cost (FLOPs per clip), "
            "seconds (of training). Several (psnr,cost) give a Pareto front, of which the first objective chooses the best.",
        ),
    ] = "psnr",
    sampler: Annotated[
        str, typer.Option(metavar="NAME", help="The sampler, which suggests settings: tpe, random, gp, cmaes or grid.")
    ] = "tpe",
    pruner: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The pruner, which ends poor trials early: hyperband, median or none. Default: hyperband where it can.",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, help="Seeds per trial, trained one after the other; their mean counts.")
    ] = 1,
    confirm: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="K",
            help="Train the best K trials (of several objectives: of the Pareto front) again on fresh seeds, which choose the "
            "winner among them.",
        ),
    ] = 1,
    confirm_seeds: Annotated[int, typer.Option(metavar="N", min=1, help="Fresh seeds per confirmed trial.")] = 2,
    timeout: Annotated[
        float | None, typer.Option(min=1, metavar="SECONDS", help="Start no trial after this time; running ones are finished.")
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The search's name. Default: its space's; one space can have several."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Seed of the sampler.")] = 0,
    storage: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Keep the record in a database that several machines can share, such as postgresql://host/name. "
            "Default: a file in the store.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of every trial, which the space does not search: steps=100. Repeatable.",
        ),
    ] = None,
    executor: _options.Executor = "local",
    workers: _options.Workers = 0,
    per_gpu: _options.PerGPU = 1,
    threads: _options.Threads = 0,
    on: _options.On = None,
    address: _options.Address = None,
    store_path: _options.StorePath = None,
) -> None:
    """Search for better hyperparameters with Optuna.

    Trials are ordinary runs, judged on validation clips alone; the first is the recipe itself. Whatever is killed, the same
    command continues, and a trial that was already trained is not trained again. The best is trained again on fresh seeds:
    `bench run tuned_lmc` compares the winner with the recipe on the test clips. `bench report tune:lmc` and `bench ui --optuna`
    show the search. Exit codes: 0 all done, 1 some trials are still open or their confirmation failed, 2 usage or
    configuration, 130 interrupted but resumable.
    """
    from bench.common.files import writable
    from bench.spec.loading import canonical
    from bench.store.search_results import Aim
    from bench.tune import objectives, spaces
    from bench.tune.search import SearchBudget
    from bench.tune.session import Confirmation, check, run
    from bench.tune.study import begin

    names = _all_of(scale) if name == ALL else [name]
    if study and len(names) > 1:
        raise BenchError("--study names one search, and comparison is several; leave it out")
    judged = objectives.chosen(objective)
    budget = SearchBudget(trials, sampler, _pruner(pruner, judged), timeout)
    store = _options.store(store_path)
    writable(store.root)
    confirmation = Confirmation(confirm, confirm_seeds)
    outcomes = []
    for number, space_name in enumerate(names, 1):
        space = spaces.with_settings(spaces.load(space_name, scale), settings or [])
        aim = Aim(Path(space_name).name, scale, judged, seeds, seed, tuple(settings or []))
        check(store, space, aim, budget)
        searched = begin(store, canonical(space.name if study is None else study), aim, storage)
        trial_executor = _executors.executor(executor, workers, per_gpu, max(trials, 2), on, address, threads=threads)
        position = f" ({number} of {len(names)})" if len(names) > 1 else ""
        aims = " and ".join(judged) + f" (best: by {judged[0]}, the first)" * (len(judged) > 1)
        judging = f"{aims} on validation clips, {trials} trials by {sampler}"
        print(f"{searched.name} at scale {scale}{position}: {judging}", flush=True)
        command = _options.command_line()
        outcomes.append(run(searched, space, budget, confirmation, trial_executor, _output.console(), command))
        _print_best(searched)
        if outcomes[-1].interrupted:
            break
    sys.exit(_end(name, outcomes))


def _all_of(scale: str) -> list[str]:
    """The spaces of everything that the comparison trains."""
    from bench.spec.loading import load

    return list(dict.fromkeys(spec.model.name for spec in load(ALL, scale).variants.values() if spec.steps))


def _pruner(requested: str | None, judged: tuple[str, ...]) -> str:
    """The pruner asked for, or hyperband where trials can be judged before they end."""
    from bench.tune.objectives import prunable

    if prunable(judged) or requested == "none":
        return requested or "hyperband"
    if requested:
        raise BenchError(
            f"--pruner {requested} needs one objective that is logged while training (psnr or ssim), not {','.join(judged)}; "
            "leave it out"
        )
    return "none"


def _print_best(study: Study) -> None:
    """The best trials so far, as `bench report` shows them."""
    from bench.common.console import has_bold
    from bench.tune.tables import searched
    from reports.render import grid
    from reports.tuning_tables import best_table

    console = _output.console()
    if (best := best_table(searched(study, importances=False))).rows:
        console.print(grid(best, console.width if console.is_terminal else None, has_bold(console)), highlight=False)


def _end(name: str, outcomes: list[SearchOutcome]) -> int:
    """Say what to do next; the exit code."""
    from reports.quantities import lasting, several

    result, left = outcomes[-1].result, sum(outcome.open for outcome in outcomes)
    trials, seconds = sum(outcome.result.trials for outcome in outcomes), sum(outcome.result.seconds for outcome in outcomes)
    print(f"{trials} trial{'s' if trials != 1 else ''} finished, {lasting(seconds)} of training")
    _mlflow.print_trouble(next((outcome.trouble for outcome in outcomes if outcome.trouble), ""), _syncing(outcomes))
    if outcomes[-1].interrupted:
        print(f"interrupted; `{_options.command_line()}` continues from here")
        return 130
    if left:
        print(f"{left} trial{'s are' if left > 1 else ' is'} still open; `{_options.command_line()}` continues them")
    unconfirmed = [planned for outcome in outcomes for planned in outcome.unconfirmed]
    if unconfirmed:
        print(f"{several(len(unconfirmed), 'run')} of the best trials on fresh seeds did not finish:")
        _tables.print_failures(unconfirmed)
        print(f"`{_options.command_line()}` tries again what did not fail by its own settings")
    if result.candidates:
        scored = typed("run", TUNED + (ALL if name == ALL else result.study), result.scale)
        drawn = typed("report", SEARCH + result.study, result.scale, " --out DIR")
        browsed = f"`bench ui --optuna{_options.same_store()}`"
        print(f"{scored} scores what was found on the test clips, {drawn} draws the search, {browsed} browses it")
    return int(left > 0 or bool(unconfirmed))


def _syncing(outcomes: list[SearchOutcome]) -> str:
    """The commands that copy to MLflow the searches that it does not have yet."""
    missing = [outcome.result for outcome in outcomes if outcome.trouble]
    return " and ".join(typed("sync", SEARCH + result.study, result.scale) for result in missing)
