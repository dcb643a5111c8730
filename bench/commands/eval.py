"""eval: scores of anything."""

from __future__ import annotations

import hashlib
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.commands import _options, _selection
from bench.common.errors import BenchError, listed

if TYPE_CHECKING:
    from bench.data.base import Dataset, Split
    from bench.evaluation.scores import Scores
    from bench.spec.runspec import Part
    from bench.store.store import Store


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command(name="eval")(evaluate)


def evaluate(
    what: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run of the store. Or use --checkpoint or --predictions.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A checkpoint file, ours or of another code base; its content tells the model."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="What model a foreign checkpoint is of, where its content does not tell.")
    ] = None,
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
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Keep scores and frames under this name, for `bench report --with`.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="With --name: which of several trainings of theirs this is.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="model.window=3: what a foreign checkpoint does not tell; data.digits=3: the data set. Repeatable.",
        ),
    ] = None,
    protocol: _selection.Protocols = None,
    store_path: _options.StorePath = None,
    as_json: _options.Json = False,
) -> None:
    """Score any model or any frames.

    A run, a checkpoint of ours or of another code base (OpenSTL, PredRNN, PhyDNet, ...; docs/checkpoints.md lists them), on any
    data set and horizon; or predictions that some other code base wrote, against the targets beside them or the clips of
    --data. --set model.window=3 says what a foreign checkpoint does not tell, --set data.digits=3 changes the data.
    --name "Their model" keeps the scores: `bench report EXPERIMENT --with "Their model"` shows them beside the experiment's
    where they are of the same clips.
    """
    from bench.metrics.protocols import PROTOCOLS, checked

    chosen = checked(protocol.split(",") if protocol else PROTOCOLS)
    if sum(given is not None for given in (what, checkpoint, foreign)) != 1:
        raise BenchError("name one thing to score: a RUN, --checkpoint FILE, or --predictions DIR")
    part: Split = "val" if split == "val" else "test"
    if split != part:
        raise BenchError(f"--split is val or test, got '{split}'")
    store = _options.store(store_path)
    if name is not None and not name.strip():
        raise BenchError("--name takes the name that the scores are to be kept under, and it is empty")
    guest = Keeping(store, name, seed) if name else None
    about = [setting for setting in settings or [] if setting.startswith("data.")]
    described = [setting for setting in settings or [] if setting not in about]
    if foreign:
        unused = {"--set of a model": described, "--model": model, "--horizon": horizon, "--clips": clips}
        unused |= {} if data else {"--context": context, "--set data": about}
        if found := [option for option, value in unused.items() if value]:
            raise BenchError(
                f"{listed(found)} {'do' if len(found) > 1 else 'does'} not go with --predictions: all are scored, against the "
                "targets beside them or what follows --context frames of --data"
            )
        scores = _of_frames(foreign, data, about, context or 10, part, guest)
    else:
        named = what or str(checkpoint)
        scores = _of_model(named, model, data, about, context, horizon, clips, part, described, store, guest)
    if as_json:
        _options.print_json(_as_dict(scores, chosen))
    else:
        _print(scores, chosen)


@dataclass(frozen=True)
class Keeping:
    """Under which name scores are kept."""

    store: Store
    name: str
    seed: int

    @property
    def frames(self) -> Path:
        """Where predicted frames go while they are scored."""
        from bench.external.results import folder

        return folder(self.store, self.name) / f"scoring-seed-{self.seed}.npy"

    def keep(self, scores: Scores, what: str, given: str, digest: str, unfinished: str = "") -> Scores:
        """Keep the scores, and say so."""
        from bench.evaluation.scores import load
        from bench.external.results import keep, place

        former = place(self.store, self.name, self.seed, scores)
        before = load(former).facts["guest"] if former.exists() else {"hash": digest}
        about = {"name": self.name, "seed": self.seed, "what": what, "hash": digest, "unfinished": unfinished}
        guest = keep(self.store, scores, self.frames, **about, given=given, path=str(Path(given).absolute()))
        again = f"`bench report EXPERIMENT --with {shlex.quote(self.name)}{_options.same_store()}`"
        print(f"kept as '{self.name}', seed {self.seed}: {again} shows it beside the experiment's variants", file=sys.stderr)
        if before["hash"] != digest:
            print(f"in place of what that name had on these clips, from {before['what']} {before['given']}", file=sys.stderr)
        return guest.scores


def _of_frames(path: Path, data: str | None, about: list[str], context: int, split: Split, guest: Keeping | None) -> Scores:
    from bench.common.machine import default_device
    from bench.external.predictions import score, score_on
    from bench.spec.runspec import Part

    device, keep = default_device(), guest.frames if guest else None
    if data:
        scores, digest = score_on(path, _dataset(Part(data), about), split, context, device, keep)
    else:
        scores, digest = score(path, device, keep)
    return guest.keep(scores, "the frames in", str(path), digest) if guest else scores


def _dataset(part: Part, settings: list[str]) -> Dataset:
    from bench.spec import catalog
    from bench.spec.runspec import parsed

    for setting in settings:
        key, _, text = setting.removeprefix("data.").partition("=")
        part = part.but(**{key: parsed(text)})
    return catalog.build("datasets", part.name, part.options)


def _of_model(
    named: str, model: str | None, data: str | None, about: list[str], context: int | None, horizon: int | None,
    clips: int | None, split: Split, described: list[str], store: Store, guest: Keeping | None,
) -> Scores:  # fmt: skip
    from bench.common.machine import default_device
    from bench.evaluation.evaluate import evaluate as score
    from bench.external.models import find
    from bench.spec.experiment import Evaluation
    from bench.spec.runspec import Part

    found = find(named, store, model, described)
    _options.say(found.remarks)
    part = Part(data) if data else found.data
    if part is None:
        raise BenchError("say which clips to score: --data NAME (`bench list data`)")
    dataset = _dataset(part, about)
    seen, ahead = context or found.context or 10, horizon or found.horizon or 10
    device = default_device()
    network = found.build(dataset.shape, device, seen)
    if (least := int(getattr(network, "min_context", 1))) > seen:
        raise BenchError(f"the model needs at least {least} context frames, got {seen}")
    if clips is None and dataset.count(split, seen + ahead) is None:
        clips = 1000
    evaluation = Evaluation(clips=clips, horizon=ahead, split="val" if split == "val" else "test")
    from rich.progress import Progress

    with Progress(console=_options.console(), transient=True) as progress:
        task = progress.add_task("scoring", total=None)
        scores = score(
            network, dataset, seen, evaluation, device, found.precision, keep=guest.frames if guest else None,
            on_clips=lambda done, total: progress.update(task, completed=done, total=total),
        )  # fmt: skip
    if found.remarks:
        scores = replace(scores, facts={**scores.facts, "recognised": list(found.remarks)})
    if found.unfinished:
        print(f"{found.name} has not been trained to its end: it is {found.unfinished}", file=sys.stderr)
    if not guest:
        return scores
    if not (path := Path(named)).is_file():
        return guest.keep(scores, "the run", found.name, found.name, found.unfinished)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return guest.keep(scores, "the checkpoint", named, digest, found.unfinished)


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
    import numpy as np
    from rich import box
    from rich.table import Table

    from bench.metrics import METRICS

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("protocol")
    for metric in METRICS.values():
        table.add_column(f"{metric.label} ({metric.unit})" if metric.unit else metric.label, justify="right", overflow="fold")
    means = scores.means()
    for protocol in protocols:
        cells = [(means.get(f"{protocol}/{name}"), metric) for name, metric in METRICS.items()]
        table.add_row(protocol, *("–" if value is None else f"{value * m.scale:.{m.digits}f}" for value, m in cells))
    _options.console().print(table)
    print(f"means over {len(scores.values)} clips and {scores.values.shape[1]} predicted frames")
    lost = int((~np.isfinite(scores[f"{protocols[0]}/psnr"])).any(1).sum())
    if lost:
        print(f"a mean is missing where a clip's scores are not finite: {lost} of {len(scores.values)} clips")
    if missing := scores.facts.get("lpips_missing"):
        print(f"LPIPS is empty: {missing}")
