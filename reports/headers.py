"""What the columns of a document's table show: a score and the frames, recognised by the header."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reports.costs import cost_table
from reports.latex_tables import Line
from reports.results import Results

SEEDS = "seeds"
FRAMES = (re.compile(r"(?:\bt ?=? ?|@|\bframes? )(\d+)(?: ?[-–] ?(\d+))?"), re.compile(r"(?:^|\s)(\d+)(?: ?[-–] ?(\d+))?\s*$"))
OTHER = re.compile(r"δ|\bdiff|\bstd\b|\bsd\b|\bgain\b|\brank\b")  # of a metric, but not its value
POWER = re.compile(r"×|10⁻|10\^|1e-|e-\d")


@dataclass(frozen=True)
class RequestedColumn:
    """A column: "protocol/metric", a cost or SEEDS. span: first and last frame; the whole horizon where it is None.

    scaled: whether the header tells the power of ten that the metric is shown with, where it has one.
    """

    name: str
    span: tuple[int, int] | None = None
    scaled: bool = True

    @property
    def key(self) -> str:
        """As the table's own columns are called."""
        return self.name if self.span is None else f"{self.name}@{'-'.join(map(str, sorted(set(self.span))))}"

    @property
    def is_score(self) -> bool:
        return "/" in self.name


def requested_columns(
    results: Results, header: Sequence[Line], protocols: Sequence[str]
) -> tuple[list[RequestedColumn | None], list[str]]:
    """What each column shows (None if none of our numbers), read from a header of one or more lines; then the problems.

    protocols: of columns that name none; with several of them a title that is repeated stands for one after the other.
    """
    width = max((len(line.cells) for line in header), default=0)
    titles = [" ".join(dict.fromkeys(line.cells[n] for line in header if n < len(line.cells))).strip() for n in range(width)]
    if any(title.lower() == "seed" for title in titles):
        return [], []  # a table of single runs
    costs = {column.title.lower(): column.key for column in cost_table(results).columns}
    columns: list[RequestedColumn | None] = []
    problems, earlier, before = list[str](), list[RequestedColumn](), ""
    for title in titles:
        if re.fullmatch(r"#? ?(seeds|runs|n)", title.lower()):
            columns.append(RequestedColumn(SEEDS))
        elif title.lower() in costs:
            columns.append(RequestedColumn(costs[title.lower()]))
        elif column := _score(results, title, before):
            before = column.name
            earlier.append(column)
            named = [name for name in results.protocols if re.search(rf"\b{re.escape(name)}\b", title.lower())]
            protocol = [*named, *protocols[min(earlier.count(column), len(protocols)) - 1 :]][0]
            column = replace(column, name=results.score_of(protocol, column.name))
            problem = _problem(results, column)
            problems += [f"column '{title}' (line {header[0].number}): {problem}"] if problem else []
            columns.append(None if problem else column)
        else:
            columns.append(None)
    if not problems and all(column is None or column.name == SEEDS for column in columns):
        return [], []  # the number of seeds belongs to the other columns, and those are not ours
    return columns, problems


def _problem(results: Results, column: RequestedColumn) -> str:
    if column.name in results.sets:
        return "no single frame has that score" if column.span else ""
    if column.name not in results.columns:
        return f"there is no {column.name}"
    horizon = results.metadata.horizon
    beyond = column.span and not 1 <= column.span[0] <= column.span[1] <= horizon
    return f"its frames are not within the horizon, 1 to {horizon}" if beyond else ""


def _score(results: Results, title: str, before: str) -> RequestedColumn | None:
    """The metric and frames that a title names; bare frames are of the metric to their left."""
    plain = title.lower()
    metric = _metric(results, plain, before)
    named = metric or before
    if OTHER.search(plain) or not named:
        return None
    without_unit = re.sub(r"\([^)]*\)", " ", plain)  # the unit in brackets
    frames = next((match for form in FRAMES if (match := form.search(without_unit))), None)
    if not metric and not frames and not re.fullmatch(r"\s*(mean|avg|average|all)\.?\s*", without_unit):
        return None
    span = (int(frames[1]), int(frames[2] or frames[1])) if frames else None
    return RequestedColumn(named, span, results.metrics[named].scale == 1 or POWER.search(title) is not None)


def _metric(results: Results, plain: str, before: str) -> str:
    """The metric that a title names; of several with one label the one to its left, or the one whose unit it tells."""
    words = set(re.findall(r"[a-z]+(?:_[a-z]+)*", plain))
    labels = {name: (metric.label or name).lower() for name, metric in results.metrics.items()}
    fitting = [name for name in labels if name in words] or [name for name, label in labels.items() if label in words]
    twins = [name for name in labels if fitting and labels[name] == labels[fitting[0]]]
    if before in twins and "(" not in plain:
        return before
    if "sum" in words:
        fitting = [name for name in twins if "sum" in results.metrics[name].unit] or fitting
    return fitting[0] if fitting else ""
