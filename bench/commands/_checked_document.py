"""`bench report --check`: whether the tables of a document agree with the store."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands import _output
from bench.common.errors import BenchError
from reports.quantities import several

if TYPE_CHECKING:
    from bench.commands._selection import Selection

KINDS = {".md": "markdown", ".tex": "latex", ".html": "html"}  # of documents, by their suffixes


def compare(chosen: Selection, document: str, protocols: tuple[str, ...], form: str | None, ignore_unchecked: bool) -> int:
    """Print the numbers in the tables of a document that disagree with the store; returns the exit code."""
    from dataclasses import asdict

    from reports.check import check
    from reports.claims_table import claims_table

    path, lines, text, kind = _opened(document)
    results = chosen.results
    try:
        with _output.doing() as tell:
            now = (lambda: claims_table(*chosen.judged(tell))) if chosen.experiment.claims else None
            comparison = check(results, text, kind, protocols, lines, now)
    except ValueError as error:
        raise BenchError(f"cannot check {path}: {error}") from error
    if not comparison.numbers:
        raise BenchError(f"no table in {document} has both a variant of {results.name} in its rows and a metric in its header")
    failed = bool(comparison.differences) or (comparison.unchecked > 0 and not ignore_unchecked)
    if form == "json":
        _output.print_json(asdict(comparison))
        return int(failed)
    for cell in comparison.differences:
        print(f"{path}:{cell.line}  {cell.row}, {cell.column}: the document says {cell.stands}, the store says {cell.store}")
    for line in (*comparison.unmatched, *comparison.others):
        print(f"not checked: {line}")
    wrong = len(comparison.differences)
    differing = f"{wrong} differ{'s' if wrong == 1 else ''}" if wrong else "all agree"
    compared = f"{several(comparison.numbers, 'number')} of {several(comparison.tables, 'table')}"
    print(f"{compared} checked: {differing}; numbers in sentences are not checked")
    if comparison.unchecked:
        print(
            f"{comparison.unchecked} numbers were not checked"
            + ("" if ignore_unchecked else "; --ignore-unchecked accepts that")
        )
    return int(failed)


def holds_claims(document: str) -> bool:
    """Whether a document has a table of claims, which is about all seeds, and so is what stands beside it."""
    from reports.check_claims import holds_claims
    from reports.documents import tables

    path, _, text, kind = _opened(document)
    try:
        return any(holds_claims(sheet) for sheet in tables(text, kind))
    except ValueError as error:
        raise BenchError(f"cannot check {path}: {error}") from error


def _opened(document: str) -> tuple[Path, tuple[int, int] | None, str, str]:
    """The path that --check names, the lines, the text of the file and its kind."""
    path, lines = _lines(document)
    if path.suffix not in KINDS:
        raise BenchError(f"--check reads .md, .tex and .html, got '{path.name}'")
    try:
        return path, lines, path.read_text("utf-8"), KINDS[path.suffix]
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"cannot check {path}: {getattr(error, 'strerror', None) or error}") from error


def _lines(document: str) -> tuple[Path, tuple[int, int] | None]:
    """The file and the lines that `paper.tex:120-180` names."""
    path, first, last = re.fullmatch(r"(.*?)(?::(\d+)(?:-(\d+))?)?", document, re.DOTALL).groups()  # type: ignore[union-attr]
    return Path(path), (int(first), int(last or first)) if first else None
