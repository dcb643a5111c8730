"""Everything about a hyperparameter search at once: a folder with its tables, its figures and its page."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from reports.bibliography import bibtex
from reports.bundle import printed_sections, write_tables
from reports.files import write
from reports.page import search_page
from reports.printing import printing
from reports.tuning import Searched
from reports.tuning_figures import search_figures
from reports.tuning_tables import FILES, search_tables


def search_bundle(
    searched: Searched, folder: Path, runs: pd.DataFrame, cited: Iterable[str] = (), command: str = ""
) -> list[Path]:
    """Write the tables in every format, the figures for print, and index.html. Returns what was written.

    runs: as for `search_page`. cited: models, data sets and metrics, for references.bib. command: what makes this report again.
    """
    figures = search_figures(searched)
    with printing({name: figure for name, (_, _, figure) in figures.items()}, folder) as printed:
        tables = search_tables(searched)
        paths = [*write_tables({FILES[heading]: content for heading, content in tables.items()}, folder), *printed()]
    paths.append(write(folder / "references.bib", f"{bibtex(cited)}\n".encode()))
    text = search_page(searched, tables, printed_sections(figures, folder), runs, command)
    return [*paths, write(folder / "index.html", text.encode())]
