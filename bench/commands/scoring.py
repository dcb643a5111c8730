"""eval, rescore, weights: scores of anything, made again, and what LPIPS needs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.commands import options
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.scores import Scores

weights_app = typer.Typer(help="The AlexNet backbone that LPIPS needs.", no_args_is_help=True)
Protocols = Annotated[
    str | None,
    typer.Option("--protocol", metavar="NAMES", help="Only these, comma separated (`bench list protocols`). Default: all."),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command(name="eval")(evaluate)
    app.command()(rescore)
    app.add_typer(weights_app, name="weights")


def evaluate(
    what: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run of the store. Or use --checkpoint or --predictions.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A checkpoint file; --model says of what, if it is not ours.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="What model a foreign checkpoint is of, such as lmc.")] = None,
    foreign: Annotated[
        Path | None,
        typer.Option(
            "--predictions",
            metavar="DIR|FILE.npz",
            help="Frames of another code base: prediction/CLIP/*.png and target/CLIP/*.png, or arrays prediction and target.",
        ),
    ] = None,
    data: Annotated[str | None, typer.Option(help="On which data set. Default: the one that the run was trained on.")] = None,
    context: Annotated[
        int | None, typer.Option(min=1, help="Frames that the model sees. Default: as in training, or 10.")
    ] = None,
    horizon: Annotated[int | None, typer.Option(min=1, help="Frames to predict, more than in training if you like.")] = None,
    clips: Annotated[
        int | None, typer.Option(min=1, help="How many clips. Default: all, or 1,000 where they are generated.")
    ] = None,
    split: Annotated[str, typer.Option(help="test or val.")] = "test",
    settings: options.Set = None,
    protocol: Protocols = None,
    store_path: options.StorePath = None,
    as_json: options.Json = False,
) -> None:
    """Score any model or any frames.

    A run, a checkpoint of ours or of the LMC-Memory authors, on any data set and horizon; or predictions that some other code
    base wrote. --set model.slots=50 describes a foreign checkpoint, --set data.digits=3 the data.
    """
    from bench.metrics.protocols import PROTOCOLS, checked

    chosen = checked(protocol.split(",") if protocol else PROTOCOLS)
    if sum(given is not None for given in (what, checkpoint, foreign)) != 1:
        raise BenchError("name one thing to score: a RUN, --checkpoint FILE, or --predictions DIR")
    if split not in ("val", "test"):
        raise BenchError(f"--split is val or test, got '{split}'")
    if foreign:
        from bench.rescore import foreign as score_foreign
        from bench.train import default_device

        scores = score_foreign(foreign, default_device())
    else:
        named = what or str(checkpoint)
        scores = _of_model(named, model, data, context, horizon, clips, split, settings or [], options.store(store_path))
    if as_json:
        options.print_json(_as_dict(scores, chosen))
    else:
        _print(scores, chosen)


def rescore(
    name: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Whose finished runs are scored again.")],
    protocol: Protocols = None,
    scale: options.Scale = "small",
    seeds: options.Seeds = None,
    only: options.Only = None,
    settings: options.Set = None,
    store_path: options.StorePath = None,
) -> None:
    """Make scores again, without training.

    From the predictions that runs have kept, else from their checkpoints. Fills in LPIPS once its backbone is there.
    """
    from bench.metrics.protocols import PROTOCOLS, checked
    from bench.plan import plan, unique
    from bench.rescore import rescore as make_again
    from bench.train import default_device

    chosen = checked(protocol.split(",") if protocol else PROTOCOLS)
    items = unique(plan(options.experiment(name, scale, seeds, only, settings), options.store(store_path)))
    trained = [item for item in items if item.run.status().trained]
    if not trained:
        raise BenchError(f"no run of {name} is trained yet; `bench run {name}` trains them")
    for number, item in enumerate(trained, 1):
        for evaluation in item.evaluations:
            source = make_again(item.run, evaluation, chosen, default_device())
            print(f"[{number}/{len(trained)}] {item.label}, seed {item.seed}: scored again from {source}", flush=True)


@weights_app.command()
def status() -> None:
    """Whether LPIPS can be computed here."""
    from bench import weights

    available, told = weights.lpips_state()
    print(f"LPIPS by {told}" if available else f"no LPIPS: {told}")
    print(f"its place: {weights.path()}")
    sys.exit(0 if available else 1)


@weights_app.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="torchvision's AlexNet file, brought from elsewhere.")],
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Take other weights too; every footnote will name their hash.")
    ] = False,
) -> None:
    """Put a file in the backbone's place, checked."""
    from bench import weights

    print(f"added {weights.add(file, unverified)}; `bench rescore EXPERIMENT` fills in LPIPS")


@weights_app.command()
def fetch() -> None:
    """Download the backbone (233 MB), checked."""
    from bench import weights

    print(f"fetched {weights.fetch()}; `bench rescore EXPERIMENT` fills in LPIPS")


def _of_model(
    named: str, model: str | None, data: str | None, context: int | None, horizon: int | None, clips: int | None,
    split: str, settings: list[str], store: Any,
) -> Scores:  # fmt: skip
    from bench import catalog
    from bench.evaluate import evaluate as score
    from bench.experiment import Evaluation
    from bench.spec import Part, parsed
    from bench.train import default_device
    from bench.trained import find

    about_data = [setting for setting in settings if setting.startswith("data.")]
    found = find(named, store, model, [setting for setting in settings if setting not in about_data])
    part = Part(data) if data else found.data
    if part is None:
        raise BenchError("say which clips to score: --data NAME (`bench list data`)")
    for setting in about_data:
        key, _, text = setting.removeprefix("data.").partition("=")
        part = part.but(**{key: parsed(text)})
    dataset = catalog.build("datasets", part.name, part.options)
    seen, ahead = context or found.context or 10, horizon or found.horizon or 10
    device = default_device()
    network = found.build(dataset.shape, device, seen)
    if (least := int(getattr(network, "min_context", 1))) > seen:
        raise BenchError(f"the model needs at least {least} context frames, got {seen}")
    if clips is None and dataset.count(split, seen + ahead) is None:
        clips = 1000
    evaluation = Evaluation(clips=clips, horizon=ahead, split="val" if split == "val" else "test")
    from rich.progress import Progress

    with Progress(console=options.console(), transient=True) as progress:
        task = progress.add_task("scoring", total=None)
        return score(
            network, dataset, seen, evaluation, device,
            on_clips=lambda done, total: progress.update(task, completed=done, total=total),
        )  # fmt: skip


def _as_dict(scores: Scores, protocols: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "clips": len(scores.values),
        "horizon": scores.values.shape[1],
        "facts": scores.facts,
        "protocols": {},
    }
    means = scores.means()
    for name in scores.names:
        protocol, _, metric = name.partition("/")
        if protocol in protocols and name in means:
            per_frame = scores[name].mean(0, dtype="float64").tolist()
            found["protocols"].setdefault(protocol, {})[metric] = {"mean": means[name], "per_frame": per_frame}
    return found


def _print(scores: Scores, protocols: tuple[str, ...]) -> None:
    from rich import box
    from rich.table import Table

    from bench.metrics import METRICS

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("protocol")
    for metric in METRICS.values():
        table.add_column(f"{metric.label} ({metric.unit})" if metric.unit else metric.label, justify="right")
    means = scores.means()
    for protocol in protocols:
        cells = [(means.get(f"{protocol}/{name}"), metric) for name, metric in METRICS.items()]
        table.add_row(protocol, *("–" if value is None else f"{value * m.scale:.{m.digits}f}" for value, m in cells))
    options.console().print(table)
    print(f"means over {len(scores.values)} clips and {scores.values.shape[1]} predicted frames")
    if missing := scores.facts.get("lpips_missing"):
        print(f"LPIPS is empty: {missing}")
