"""Results as a page of Markdown that is made from scores of record alone, and blocks of it inside pages that people write."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from urllib.parse import quote

from matplotlib.figure import Figure

from reports.all_claims import all_claims, verdicts
from reports.by_label import by_label
from reports.claims import Judged, judge
from reports.claims_figure import claims_figure
from reports.claims_table import claims_table
from reports.columns import horizon_slices
from reports.costs import cost_table, with_warnings
from reports.figures import per_frame
from reports.made_blocks import BLOCK, refuse_strange_marks
from reports.quantities import lasting
from reports.record import Record
from reports.render import escaped, markdown
from reports.results import Results
from reports.scores_table import scores_table
from reports.table import Table

SLICE = 10  # frames
MADE = "<!-- made by `bench results write`: edit nothing here -->"
HOW_TO_READ = (
    "A column per file of scores: verdict, mean gain \\[its interval over seeds\\], frames, and number of seeds. "
    "\\[?\\]: too few seeds for an interval. –: not claimed there."
)
PARTS = ("claims", "scores", "costs", "verdicts")
COMMIT = re.compile(r"\b[0-9a-f]{40}\b")
Records = Mapping[str, Record]
"""Name of the file, without its end -> scores of record."""


def document(records: Records, page: Path, folder: Path) -> str:
    """The whole page: all claims, then a section per experiment. folder: where the records are; both as they are typed."""
    sections = [_section(name, record, page) for name, record in records.items()]
    intro = (
        f"Every number on this page comes from the scores of record in `{folder}/`, by `bench results write {page}`. "
        f"`bench results check {page}` says whether it still does. How claims are decided: [claims.md](claims.md)."
    )
    claimed = all_claims({name: (record.results, judged(record)) for name, record in records.items()})
    return "\n\n".join([MADE, "# Results", intro, "## All claims", HOW_TO_READ, claimed, *sections]) + "\n"


def figures(records: Records) -> dict[str, Figure]:
    """The pictures of the page, by the name of their file."""
    drawn: dict[str, Figure] = {}
    for name, record in records.items():
        if record.claims:
            drawn[f"{name}-claims"] = claims_figure(record.results, judged(record))
        drawn[f"{name}-frames"] = per_frame(record.results, _standard(record.results))
    return drawn


def picture_names(records: Records) -> list[str]:
    """What the pictures of the page are called."""
    claimed = [f"{name}-claims" for name, record in records.items() if record.claims]
    return [*claimed, *(f"{name}-frames" for name in records)]


def filled(text: str, records: Records) -> str:
    """A page with its blocks made anew: what stands between `<!-- results NAME PART ROWS -->` and `<!-- /results -->`.

    PART: claims, scores or costs; or verdicts, with a column for each NAME of several that are separated by commas.
    ROWS: which ones, 1,3,4; all if not given. Raises ValueError where a block names a record, a part or a row that does not
    exist, and where a mark of a block is written otherwise.
    """
    refuse_strange_marks(text)
    return BLOCK.sub(lambda match: f"{match['begin']}{_block(match, records)}{match['end']}", text)


def has_blocks(text: str) -> bool:
    """Whether a page has any."""
    return BLOCK.search(text) is not None


def judged(record: Record) -> list[Judged]:
    """The claims of a record with their verdicts."""
    return judge(record.results, record.claims, record.alignments)


def _block(match: re.Match[str], records: Records) -> str:
    names, part = match["name"].split(","), match["part"]
    if unknown := [name for name in names if name not in records]:
        raise ValueError(f"there are no scores of record '{unknown[0]}'; there are {', '.join(records) or 'none'}")
    if part not in PARTS:
        raise ValueError(f"a block shows {', '.join(PARTS)}; got '{part}'")
    if len(names) > 1 and part != "verdicts":
        raise ValueError(
            f"a block of {part} shows one file of scores, and one of verdicts may show several; got {match['name']}"
        )
    lines = _verdicts({name: records[name] for name in names}) if part == "verdicts" else _bare(_part(records[names[0]], part))
    head, rows = lines[:2], lines[2:]
    if match["rows"]:
        numbers = [int(number) for number in match["rows"].split(",") if number]
        if not all(1 <= number <= len(rows) for number in numbers):
            raise ValueError(f"the {part} of '{match['name']}' have rows 1 to {len(rows)}; got {match['rows']}")
        rows = [rows[number - 1] for number in numbers]
    return "\n".join([*head, *rows]) + "\n"


def _bare(shown: Table) -> list[str]:
    """A table's lines in Markdown, without title, marks and footnotes."""
    bare = replace(shown, footnotes=(), rows=tuple(replace(row, marks=()) for row in shown.rows))
    return [line for line in markdown(bare).splitlines() if line.startswith("|")]


def _verdicts(records: Records) -> list[str]:
    """A column for each file of scores, headed by what follows its experiment's name: "medium-actions"."""
    heads = [escaped(name.removeprefix(f"{record.results.name}-")) for name, record in records.items()]
    return verdicts({name: (record.results, judged(record)) for name, record in records.items()}, heads)


def _part(record: Record, part: str) -> Table:
    results = record.results
    if part == "claims":
        return claims_table(results, judged(record))
    return cost_table(results) if part == "costs" else _scores(results)


def _standard(results: Results) -> list[str]:
    return [score for score in results.columns if score.startswith("standard/") and results.scores[score].notna().any()]


def _scores(results: Results) -> Table:
    names = [score.partition("/")[2] for score in _standard(results)]
    horizon = results.metadata.horizon
    return with_warnings(
        scores_table(results, names, frames=horizon_slices(SLICE, horizon) if horizon > SLICE else ()), results
    )


def _section(name: str, record: Record, page: Path) -> str:
    results = record.results
    pictures = quote(f"{page.stem}/{name}")
    parts = [f"## {escaped(name)}", escaped(results.question), _how_made(record)]
    if record.claims:
        parts += ["### What is claimed", markdown(claims_table(results, judged(record))).strip()]
        parts += [f"![Every claim with the gain of each seed, its interval and its verdict]({pictures}-claims.png)"]
    parts += ["### Scores", markdown(_scores(results)).strip(), f"![Scores at each predicted frame]({pictures}-frames.png)"]
    for score in _standard(results)[:1]:
        if labelled := by_label(results, score):
            parts += ["### By what the clips show", markdown(labelled).strip()]
    parts += ["### Costs", markdown(cost_table(results)).strip()]
    if settings := _settings(record):
        parts += ["### How the variants differ", settings]
    return "\n\n".join(parts)


def _how_made(record: Record) -> str:
    """The commands, the machines and the code, as the runs have them."""
    runs = record.results.runs
    sentences = [f"{verb}: `{command}`." for verb, command in record.commands.items()]
    finished = runs[runs["state"] == "finished"]
    spent = float(finished["train_seconds"].sum()) if "train_seconds" in finished else 0.0
    sentences.append(
        f"{len(finished)} of {len(runs)} runs finished" + (f", {lasting(spent)} of training in all." if spent else ".")
    )
    for column, word in (("machine", "Machine"), ("torch", "PyTorch"), ("commit", "Code")):
        values = [str(value) for value in dict.fromkeys(finished[column].dropna())] if column in finished else []
        if values:
            sentences.append(f"{word}: {'; '.join(COMMIT.sub(lambda match: match[0][:12], value) for value in values)}.")
    return "\n".join(f"- {line}" for line in sentences)


def _settings(record: Record) -> str:
    names = list(dict.fromkeys(name for settings in record.settings.values() for name in settings))
    if not names:
        return ""
    rows = [["variant", *names]]
    rows += [[variant, *(settings.get(name, "–") for name in names)] for variant, settings in record.settings.items()]
    header, *lines = ("| " + " | ".join(map(escaped, row)) + " |" for row in rows)
    return "\n".join([header, "|" + " --- |" * (len(names) + 1), *lines])


def changed(text: str, expected: str) -> Sequence[tuple[int, str, str]]:
    """(number, the line, the expected line) of all lines that differ; a line that is missing on one side is empty there."""
    lines, right = text.splitlines(), expected.splitlines()
    blocks = difflib.SequenceMatcher(None, lines, right, autojunk=False).get_opcodes()
    return [
        (number, line, right_line)
        for same, first, last, first_right, last_right in blocks
        if same != "equal"
        for number, (line, right_line) in enumerate(
            zip_longest(lines[first:last], right[first_right:last_right], fillvalue=""), start=first + 1
        )
    ]
