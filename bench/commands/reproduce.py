"""reproduce: whether a published number is reproduced by its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.commands import _options, _output
from bench.common.errors import Blocked

if TYPE_CHECKING:
    from bench.data.base import Dataset
    from bench.evaluation.scores import Scores
    from bench.external.models import Trained
    from bench.external.published import Comparison, Published


def reproduce(
    name_or_file: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="A published checkpoint (`bench list checkpoints`), or its file.")
    ],
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The file, where it is here under another name.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE.csv", help="A table of your own, with the columns of the suite's.")
    ] = None,
    clips: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Score only the first clips: quick, but no verdict.")
    ] = None,
    as_json: _options.Json = False,
) -> None:
    """Check a published number without training.

    Fetches the checkpoint if it is not here, scores it on the published test set under the published protocol, and prints the
    published figure, ours, the difference and a verdict: stands, does not stand, or cannot be told. Exit code 1 if it does not
    stand.
    """
    from bench.external import published

    row, path = published.find(name_or_file, published.rows(table or published.TABLE), checkpoint)
    dataset = _dataset(row, path, checkpoint)
    if not path.is_file():
        _fetch(row)
    outcome = _Outcome(row, path, published.check(row, path), dataset.unpublished(), *_scored(row, path, dataset, clips))
    if as_json:
        _output.print_json(outcome.as_dict())
    else:
        outcome.show()
    if outcome.verdict == published.FALLS:
        raise typer.Exit(1)


def _dataset(row: Published, path: Path, checkpoint: Path | None) -> Dataset:
    """The published test set; if data or checkpoint are missing, a BenchError names all that is missing and the remedies."""
    missing: list[str] = []
    dataset: Dataset = row.data.checked("datasets").build()
    try:
        dataset.split_fingerprint("test")
    except Blocked as error:
        missing.append(f"the test set: {error}")
    if not path.is_file():
        if checkpoint:
            missing.append(f"the checkpoint: there is no file {checkpoint}")
        elif not row.fetchable:
            missing.append(f"the checkpoint: {row.bring}")
        elif missing:
            missing.append(f"the checkpoint {row.filename}: it will be fetched from {row.address}, or {row.bring}")
    if missing:
        raise Blocked(f"to reproduce {row.name}, this is missing: " + "; and ".join(missing))
    return dataset


def _fetch(row: Published) -> None:
    """Download the checkpoint, with a progress bar."""
    from bench.external.published import fetch

    with _output.progress(f"fetching {row.filename}", of_bytes=True) as progress:
        fetch(row, progress)


def _scored(row: Published, path: Path, dataset: Dataset, clips: int | None) -> tuple[Trained, Scores, int]:
    """The checkpoint, its scores, and how many clips the whole test set has."""
    from bench.common.machine import default_device
    from bench.evaluation.evaluate import default_clips, evaluate
    from bench.external.models import from_file
    from bench.spec.experiment import Evaluation

    trained = from_file(path, row.model, row.options)
    _output.say(trained.remarks)
    device = default_device()
    network = trained.build(dataset.shape, device, row.context)
    frames = row.context + row.horizon
    evaluation = Evaluation(clips=clips or default_clips(dataset, "test", frames), horizon=row.horizon)
    with _output.progress("scoring") as progress:
        scores = evaluate(network, dataset, row.context, evaluation, device, trained.precision, on_clips=progress)
    return trained, scores, dataset.count("test", frames) or 0


@dataclass(frozen=True)
class _Outcome:
    """What a checkpoint was compared with, and how.

    unpublished: why the test set is not the published one. whole: clips of all of it, 0 where it is generated without end.
    """

    row: Published
    path: Path
    sha256: str
    unpublished: str
    trained: Trained
    scores: Scores
    whole: int

    @property
    def compared(self) -> list[Comparison]:
        from bench.external.published import compare, doubt

        used_bytes = sum(tensor.nbytes for tensor in self.trained.weights.values())
        is_whole = len(self.scores.values) == self.whole
        doubtful = doubt(self.row, is_whole, self.unpublished, (self.trained.file_bytes, used_bytes))
        return compare(self.row, self.scores.means(), doubtful, self.scores.missing())

    @property
    def verdict(self) -> str:
        from bench.external.published import verdict

        return verdict(self.compared)

    def as_dict(self) -> dict[str, Any]:
        """For a script."""
        row = self.row
        return {
            "name": row.name,
            "verdict": self.verdict,
            "checkpoint": {"path": str(self.path), "sha256": self.sha256, "recognised": list(self.trained.remarks)},
            "data": self.scores.metadata["data"],
            "context": row.context,
            "horizon": row.horizon,
            "clips": len(self.scores.values),
            "protocol": row.protocol,
            "scores": [
                {
                    "metric": c.metric, "published": float(c.published), "ours": c.ours, "difference": c.difference,
                    "tolerance": c.tolerance, "verdict": c.verdict, "why": c.why,
                }
                for c in self.compared
            ],
            "source": row.source,
            "note": row.note,
        }  # fmt: skip

    def show(self) -> None:
        """For a reader."""
        from bench.common.whole_tables import table_of
        from bench.metrics import METRICS

        row = self.row
        print(f"{row.title}: {row.context} -> {row.horizon} frames, protocol {row.protocol}, {len(self.scores.values):,} clips")
        numbers = ("published", "ours", "difference", "tolerance")
        table = table_of(("score", *numbers, "verdict"), right=numbers)
        for c in self.compared:
            metric = METRICS[c.metric]
            digits = max(metric.digits, len(c.published.partition(".")[2]))
            ours = "–" if c.ours is None else f"{c.ours:.{digits}f}"
            difference = "–" if c.difference is None else f"{c.difference:+.{digits}f}"
            table.add_row(metric.heading, c.published, ours, difference, f"{c.tolerance:.{digits}f}", c.verdict)
        _output.console().print(table, highlight=False)
        print(f"{row.name}: the published number {self.verdict}" + (f" ({self._why()})" if self._why() else ""))
        print(f"test set: {self.scores.metadata['data']}")
        print(f"published: {row.source}" + (f". {row.note}" if row.note else ""))
        print(f"checkpoint: {self.path} (sha256 {self.sha256[:12]})")

    def _why(self) -> str:
        """Why some figure gets no verdict."""
        return "; ".join(dict.fromkeys(f"{c.metric}: {c.why}" for c in self.compared if c.why))
