"""eval: scores of anything."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import _options, _output, _selection
from bench.commands._data_set import chosen_split, dataset, with_settings
from bench.commands._eval_frames import score_frames
from bench.commands._score_table import as_dict, print_scores
from bench.common.errors import BenchError, listed

if TYPE_CHECKING:
    from bench.data.base import Split
    from bench.evaluation.scores import Scores
    from bench.store.store import Store


def eval_(
    run: Annotated[
        str | None, typer.Argument(metavar="RUN", help="A run of the store. Or use --checkpoint or --predictions.")
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A checkpoint file, ours or of another code base; its content tells the model."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The model of another code base's checkpoint, where the file does not tell."),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            "--predictions",
            metavar="DIR|FILE",
            help="Predicted frames of another code base: prediction/CLIP/*.png and target/CLIP/*.png, gt*.png beside pd*.png, "
            "an .npz file with arrays prediction and target, or preds.npy beside trues.npy.",
        ),
    ] = None,
    ranges: Annotated[
        list[str] | None,
        typer.Option(
            "--range",
            metavar="LOW..HIGH",
            help="Pixel values of black and white, where files do not state them: 0..255, -1..1, 0..65535; "
            "target=0..255 sets one side. Repeatable.",
        ),
    ] = None,
    layout: _options.Layout = None,
    grey: Annotated[
        bool, typer.Option("--grey", help="Convert predictions and targets that were saved in colour to grey.")
    ] = False,
    data: Annotated[
        str | None, typer.Option(metavar="NAME", help="The data set to score on. Default: the one that the run was trained on.")
    ] = None,
    context: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Frames that the model sees. Default: as in training, or 10.")
    ] = None,
    horizon: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Frames to predict; may be more than in training. Default: as in training, or 10."
        ),
    ] = None,
    clips: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="How many clips to score. Default: all, or 1,000 where they are generated."),
    ] = None,
    split: Annotated[str, typer.Option(metavar="SPLIT", help="test or val.")] = "test",
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Keep scores and frames under this name, for `bench report --with`.")
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="With --name: the seed of this training, if there are several.")
    ] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting: model.window=3, where another code base's checkpoint does not tell it; data.digits=3, of the data "
            "set. Repeatable.",
        ),
    ] = None,
    protocol: _selection.Protocols = None,
    metrics: _options.SetMetrics = None,
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
    from bench.spec.component import Component

    chosen, sets = checked(protocol.split(",") if protocol else PROTOCOLS), _options.set_metrics(metrics)
    if sum(source is not None for source in (run, checkpoint, predictions)) != 1:
        raise BenchError("name one thing to score: a RUN, --checkpoint FILE, or --predictions DIR")
    scored_split = chosen_split(split)
    store = _options.store(store_path)
    if name is not None and not name.strip():
        raise BenchError("--name takes the name that the scores are to be kept under, and it is empty")
    external = Keeping(store, name, seed) if name else None
    data_settings = [setting for setting in settings or [] if setting.startswith("data.")]
    model_settings = [setting for setting in settings or [] if setting not in data_settings]
    if predictions:
        unused = {"--set of a model": model_settings, "--model": model, "--horizon": horizon, "--clips": clips}
        unused |= {} if data else {"--set data": data_settings}
        if unfit := [option for option, value in unused.items() if value]:
            raise BenchError(
                f"{listed(unfit)} {'do' if len(unfit) > 1 else 'does'} not go with --predictions: all are scored, against the "
                "targets beside them or what follows --context frames of --data"
            )
        scored = score_frames(
            predictions, with_settings(Component(data), data_settings) if data else None, context, scored_split, ranges or [],
            layout, grey, external.frames if external else None, sets,
        )  # fmt: skip
        for warning in scored.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        scores = external.keep(scored.scores, "the frames in", str(predictions), scored.digest) if external else scored.scores
    else:
        if unfit := [option for option, value in {"--range": ranges, "--layout": layout, "--grey": grey}.items() if value]:
            raise BenchError(f"{listed(unfit)} describes frames in files, and goes with --predictions")
        if checkpoint and not checkpoint.is_file():
            raise BenchError(f"there is no checkpoint file {checkpoint}")
        source = run or str(checkpoint)
        scores = _of_model(
            source, model, data, data_settings, context, horizon, clips, scored_split, model_settings, store, external, sets
        )
    if as_json:
        _output.print_json(as_dict(scores, chosen))
    else:
        print_scores(scores, chosen)


@dataclass(frozen=True)
class Keeping:
    """The name and seed that scores are kept under, for reports."""

    store: Store
    name: str
    seed: int

    @property
    def frames(self) -> Path:
        """Where predicted frames go while they are scored."""
        from bench.common.files import make_folder
        from bench.external.results import folder

        results_folder = folder(self.store, self.name)
        self.store.root.mkdir(parents=True, exist_ok=True)
        make_folder(results_folder, self.store.root)
        return results_folder / f"scoring-seed-{self.seed}.npy"

    def keep(self, scores: Scores, kind: str, source: str, digest: str, unfinished: str = "") -> Scores:
        """Keep the scores, and say so. kind: of the source, such as "the run"."""
        from bench.evaluation.scores import load
        from bench.external.results import keep, scores_path

        former = scores_path(self.store, self.name, self.seed, scores)
        replaced = load(former).metadata["guest"] if former.exists() else {"hash": digest}
        description = {"name": self.name, "seed": self.seed, "what": kind, "hash": digest, "unfinished": unfinished}
        external = keep(self.store, scores, self.frames, **description, given=source, path=str(Path(source).absolute()))
        command = f"`bench report EXPERIMENT --with {shlex.quote(self.name)}{_options.same_store()}`"
        print(f"kept as '{self.name}', seed {self.seed}: {command} shows it beside the experiment's variants", file=sys.stderr)
        if replaced["hash"] != digest:
            print(
                f"it replaces the scores of '{self.name}' on these clips from {replaced['what']} {replaced['given']}",
                file=sys.stderr,
            )
        return external.scores


def _of_model(
    source: str, model: str | None, data: str | None, data_settings: list[str], context: int | None, horizon: int | None,
    clips: int | None, split: Split, model_settings: list[str], store: Store, external: Keeping | None,
    sets: tuple[str, ...],
) -> Scores:  # fmt: skip
    from bench.common.machine import default_device
    from bench.common.reading import sha256_of
    from bench.evaluation.evaluate import default_clips, evaluate
    from bench.external.failing import failing_in_words
    from bench.external.models import find
    from bench.spec.component import Component
    from bench.spec.experiment import Evaluation

    trained = find(source, store, model, model_settings)
    _output.say((*trained.remarks, *trained.changes))
    component = Component(data) if data else trained.data
    if component is None:
        raise BenchError("say which clips to score: --data NAME (`bench list data`)")
    data_set = dataset(component, data_settings)
    context_length, ahead = context or trained.context or 10, horizon or trained.horizon or 10
    device = default_device()
    network = trained.build(data_set.shape, device, context_length)
    _output.say(trained.size_notes(data_set.shape))
    clips = clips or default_clips(data_set, split, context_length + ahead)
    evaluation = Evaluation(clips=clips, horizon=ahead, split="val" if split == "val" else "test", metrics=sets)
    with failing_in_words(network, context_length, data_set.shape), _output.progress("scoring") as progress:
        keep = external.frames if external else None
        scores = evaluate(
            network, data_set, context_length, evaluation, device, trained.precision, keep=keep, on_clips=progress
        )
    if trained.remarks:
        scores = replace(scores, metadata={**scores.metadata, "recognised": list(trained.remarks)})
    shortage = evaluation.shortage(data_set.count(split, context_length + ahead))
    for remark in [*data_set.remarks(split, context_length + ahead), *([shortage] if shortage else [])]:
        print(f"note: {remark}", file=sys.stderr)
    if trained.unfinished:
        print(f"{trained.name} has not been trained to its end: it is {trained.unfinished}", file=sys.stderr)
    if not external:
        return scores
    if not (path := Path(source)).is_file():
        return external.keep(scores, "the run", trained.name, trained.name, trained.unfinished)
    return external.keep(scores, "the checkpoint", source, sha256_of(path)[:12], trained.unfinished)
