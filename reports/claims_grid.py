"""Judged claims as text, in every format; for a terminal the verdict in colour, and what is compared below each sentence."""

import io
from collections.abc import Sequence

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from reports.claims import HOLDS, NO_DIFFERENCE, REFUTED, UNDECIDED, Judged
from reports.claims_table import claims_csv, claims_json, claims_table, compared, gain_text, more_text
from reports.render import render
from reports.results import Results

COLOURS = {HOLDS: "bold green", REFUTED: "bold red", NO_DIFFERENCE: "bold blue", UNDECIDED: "yellow"}
WIDE = 140  # letters, where there is no terminal


def claims_grid(results: Results, judged: Sequence[Judged]) -> Group:
    """For a rich console, of any width: long sentences are folded."""
    table = claims_table(results, judged)
    grid = Table(title=table.title, title_style="bold", title_justify="left", header_style="", show_lines=True)
    grid.add_column("claim", overflow="fold", ratio=1)
    widest = max((len(piece) for judgement in judged for piece in gain_text(results, judgement).split()), default=0)
    grid.add_column("gain, interval over seeds", justify="right", min_width=max(8, widest))
    grid.add_column("verdict", min_width=max(map(len, NO_DIFFERENCE.split())))
    grid.add_column("seeds", justify="right", min_width=5)
    for row, judgement in zip(table.rows, judged, strict=True):
        marks = "".join(f" [{mark}]" for mark in row.marks)
        claim = Text.assemble(judgement.claim.sentence, (marks, "dim"), "\n", (compared(results, judgement.claim), "dim"))
        more = f"\nmore seeds: {more_text(judgement)}" if judgement.verdict == UNDECIDED else ""
        verdict = Text.assemble((judgement.verdict, COLOURS.get(judgement.verdict, "dim")), (more, "dim"))
        clips = row.cells[2].text
        gain = Text.assemble(
            gain_text(results, judgement), (f"\n{clips} over clips" if judgement.clips_half is not None else "", "dim")
        )
        grid.add_row(claim, gain, verdict, str(len(judgement.seeds)))
    notes = [Text(f"[{note.mark}] {note.text}" if note.mark else note.text, "dim") for note in table.footnotes]
    return Group(grid, *notes)


def claims_terminal(results: Results, judged: Sequence[Judged]) -> str:
    """As a terminal shows it, for a file or a pipe: without codes for colours."""
    page = Console(file=io.StringIO(), color_system=None, width=WIDE)
    page.print(claims_grid(results, judged))
    assert isinstance(page.file, io.StringIO)
    return page.file.getvalue()


def claims_text(results: Results, judged: Sequence[Judged], format: str = "terminal") -> str:
    """The claims as "terminal", "markdown", "latex", "html", "csv" or "json"; the last two hold every number in full."""
    writers = {"terminal": claims_terminal, "csv": claims_csv, "json": claims_json}
    return writers[format](results, judged) if format in writers else render(claims_table(results, judged), format)
