"""Published checkpoints: where they are, what was published of them, and whether our own scores agree with it.

checkpoints.csv is the suite's table; a table of one's own has the same columns. Of each row the address is where the file is
(an address, or a path beside the table), `megabytes` the weights as float32, and `obstacle` why no score of ours can settle the
published number, where there is such a reason.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from bench.common.download import Progress, download
from bench.common.errors import BenchError, did_you_mean, listed
from bench.common.reading import sha256_of
from bench.metrics import METRICS
from bench.metrics.protocols import PROTOCOLS
from bench.metrics.weights import folder
from bench.spec import catalog
from bench.spec.component import Component
from bench.spec.shell_values import parse_value

TABLE = Path(__file__).with_name("checkpoints.csv")
PLAIN = ("name", "title", "address", "sha256", "megabytes", "obstacle", "source", "note")
NEEDED = ("name", "address", "data", "context", "horizon", "protocol", "source")
SUFFIXES = (".pth", ".pt", ".ckpt", ".tar", ".bin")

TOLERANCES = {
    "mse": (0.01, 0.0), "mae": (0.01, 0.0), "mse_sum": (0.01, 0.0), "mae_sum": (0.01, 0.0), "lpips": (0.02, 0.0),
    "ssim": (0.0, 0.002), "psnr": (0.0, 0.1),
}  # fmt: skip
"""Metric -> by how much ours may differ: a share of the published value, and an amount. Other kernels, orders of summation and
builds of a metric change less than this; another test set or convention changes more."""


@dataclass(frozen=True)
class Published:
    """A row: a checkpoint and the scores that were published of it.

    model: None where the file tells it. options: of the model, that weights do not show. data: the published test set.
    scores: metric -> the published figure as printed, in the unit that `bench list metrics` shows.
    """

    name: str
    title: str
    address: str
    sha256: str
    megabytes: str
    model: str | None
    options: dict[str, Any]
    data: Component
    context: int
    horizon: int
    protocol: str
    scores: dict[str, str]
    obstacle: str
    source: str
    note: str
    table: Path = field(repr=False)

    @property
    def filename(self) -> str:
        """What the file is called, empty where the address is a page and not a file."""
        name = PurePosixPath(unquote(urlsplit(self.address).path)).name
        return name if name.endswith(SUFFIXES) else ""

    @property
    def path(self) -> Path:
        """Where the file is, or would be once fetched: beside the table, or in torch.hub's cache."""
        if urlsplit(self.address).scheme:
            return folder() / (self.filename or f"{self.name}.pth")
        return (self.table.parent / self.address).absolute()

    @property
    def bring(self) -> str:
        """What to do where the file is not here and cannot be fetched."""
        if not urlsplit(self.address).scheme:
            return f"the table says that it is at {self.path}"
        return f"download it from {self.address} and give its path with --checkpoint, or put it at {self.path}"

    @property
    def fetchable(self) -> bool:
        """Whether the address is that of a file."""
        return bool(urlsplit(self.address).scheme and self.filename)


@dataclass(frozen=True)
class Comparison:
    """One published figure beside ours. verdict: stands, does not stand, or cannot be told. why: of the last."""

    metric: str
    published: str
    ours: float | None
    tolerance: float
    verdict: str
    why: str = ""

    @property
    def difference(self) -> float | None:
        """Ours less the published figure, in its unit."""
        return None if self.ours is None else self.ours - float(self.published)


STANDS, FALLS, OPEN = "stands", "does not stand", "cannot be told"


def rows(table: Path = TABLE) -> list[Published]:
    """The rows of a table; a BenchError names the line and the column that cannot be right."""
    try:
        with open(table, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            if missing := [name for name in NEEDED if name not in columns]:
                columns_found = f"it has {listed(map(repr, columns))}" if columns else "it is empty"
                needed = f"it needs {', '.join(NEEDED)} and columns of scores, between commas"
                raise BenchError(f"{table} has no column '{missing[0]}': {columns_found}; {needed}")
            allowed = {*PLAIN, *NEEDED, "model", "options", *TOLERANCES}
            if unknown := [name for name in columns if name not in allowed]:
                raise BenchError(
                    f"{table} has a column '{unknown[0]}'{did_you_mean(unknown[0], allowed) or ' that is not known'}"
                )
            table_rows = [_row(values, table, number) for number, values in enumerate(reader, 2)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"cannot read the table {table}: {error}") from error
    named = Counter(row.name for row in table_rows)
    if twice := [name for name, count in named.items() if count > 1]:
        raise BenchError(f"{table} has {named[twice[0]]} rows by the name of '{twice[0]}'; each needs a name of its own")
    return table_rows


def _row(values: Mapping[str, str | None], table: Path, line: int) -> Published:
    """One line of a table, every value checked."""
    text = {name: (value or "").strip() for name, value in values.items() if name}
    row_name = f"{table}, line {line}"
    for name in NEEDED:
        if not text.get(name):
            raise BenchError(f"{row_name}: '{name}' is empty")
    scores = {metric: text[metric] for metric in TOLERANCES if text.get(metric)}
    try:
        lengths = int(text["context"]), int(text["horizon"])
        if float(text.get("megabytes") or 1) <= 0:
            raise ValueError(f"megabytes is {text['megabytes']}")
        for metric, value in scores.items():
            if math.isnan(float(value)):
                raise ValueError(f"{metric} is {value}")
    except ValueError as error:
        raise BenchError(f"{row_name}: {error}") from error
    if not scores or min(lengths) < 1:
        raise BenchError(f"{row_name}: there must be a score, and context and horizon from 1 up")
    if text["protocol"] not in PROTOCOLS:
        raise BenchError(f"{row_name}: no protocol '{text['protocol']}'{did_you_mean(text['protocol'], PROTOCOLS)}")
    data, *settings = text["data"].split()
    component = Component(catalog.canonical("datasets", data), **_settings(settings, row_name)).checked("datasets")
    model = catalog.canonical("models", text["model"]) if text.get("model") else None
    plain = {name: text.get(name, "") for name in PLAIN}
    plain["title"] = plain["title"] or plain["name"]
    return Published(
        **plain, model=model, options=_settings(text.get("options", "").split(), row_name), data=component, context=lengths[0],
        horizon=lengths[1], protocol=text["protocol"], scores=scores, table=table,
    )  # fmt: skip


def _settings(words: Sequence[str], row_name: str) -> dict[str, Any]:
    """'sigmoid=true window=3' -> {"sigmoid": True, "window": 3}."""
    if bad := [word for word in words if "=" not in word]:
        raise BenchError(f"{row_name}: options are written NAME=VALUE, got '{bad[0]}'")
    return {name: parse_value(text) for name, _, text in (word.partition("=") for word in words)}


def find(name_or_file: str, table_rows: Sequence[Published], checkpoint: Path | None = None) -> tuple[Published, Path]:
    """A row of the table and its checkpoint file, by the row's name or by the file.

    A file is recognised by its SHA-256 if the table has it, else by its name.
    """
    by_name = {row.name: row for row in table_rows}
    if name_or_file in by_name:
        return by_name[name_or_file], checkpoint or by_name[name_or_file].path
    path = Path(name_or_file)
    if not path.is_file():
        hint = did_you_mean(name_or_file, by_name) or "; `bench list checkpoints` shows the table"
        raise BenchError(f"'{name_or_file}' is neither a published checkpoint nor a file{hint}")
    hashes = {row.sha256: row for row in table_rows if row.sha256}
    row = (hashes.get(sha256_of(path)) if hashes else None) or next((r for r in table_rows if r.filename == path.name), None)
    if row is None:
        raise BenchError(
            f"{path.name} is in no row of the table by its hash or name; say which it is: "
            f"`bench reproduce NAME --checkpoint {path}` (`bench list checkpoints`)"
        )
    return row, path


def fetch(row: Published, progress: Progress = lambda done, total: None) -> Path:
    """Download the file of a row into torch.hub's cache."""
    try:
        download(row.address, row.path, progress, lambda file: check(row, file))
    except BenchError as error:
        raise BenchError(f"{row.filename} could not be fetched: {error}; {row.bring}") from error
    return row.path


def check(row: Published, path: Path) -> str:
    """The SHA-256 of a file, which must be the row's where it has one."""
    sha256 = sha256_of(path)
    if row.sha256 and sha256 != row.sha256:
        raise BenchError(f"{path} is not the published file: its SHA-256 is {sha256[:12]}..., the table's {row.sha256[:12]}...")
    return sha256


def doubt(row: Published, whole: bool, unpublished: str, weight_bytes: Sequence[int]) -> str:
    """Why no score can settle the published number; empty where one can.

    whole: whether the whole test set was scored. unpublished: why that is not the published one. weight_bytes: of all weights
    in the file, in float32, and of those in use. The table has one of the two, rounded.
    """
    if row.obstacle:
        return row.obstacle
    if not whole:
        return "only a part of the test set was scored"
    if unpublished:
        return unpublished
    if row.megabytes and not row.sha256:
        megabytes = [size / 1e6 for size in weight_bytes]
        if not any(abs(size - float(row.megabytes)) <= 1 for size in megabytes):
            return f"the file holds {megabytes[0]:.1f} MB of weights, and the published one {row.megabytes} MB"
    return ""


def compare(row: Published, means: Mapping[str, float], doubtful: str, missing: Mapping[str, str]) -> list[Comparison]:
    """Every published figure beside ours. means: ours by 'protocol/metric'. doubtful: why none can be told; mostly empty.

    missing: why a score is empty, by 'protocol/metric'.
    """
    compared = []
    for metric, printed in row.scores.items():
        ours = means.get(f"{row.protocol}/{metric}")
        scaled = None if ours is None else ours * METRICS[metric].scale
        share, amount = TOLERANCES[metric]
        tolerance = share * abs(float(printed)) + amount + _half_a_digit(printed)
        if scaled is None:
            verdict, why = OPEN, missing.get(f"{row.protocol}/{metric}", "there is no score")
        elif doubtful:
            verdict, why = OPEN, doubtful
        else:
            verdict, why = (STANDS if abs(scaled - float(printed)) <= tolerance else FALLS), ""
        compared.append(Comparison(metric, printed, scaled, tolerance, verdict, why))
    return compared


def verdict(compared: Sequence[Comparison]) -> str:
    """The verdict on all figures: any that does not stand decides; those that cannot be told count only if all are such."""
    verdicts = {comparison.verdict for comparison in compared}
    return FALLS if FALLS in verdicts else STANDS if STANDS in verdicts else OPEN


def _half_a_digit(printed: str) -> float:
    """Half a unit of the last digit of a printed figure: the largest error of rounding."""
    return 0.5 * 10.0 ** -len(printed.partition(".")[2])
