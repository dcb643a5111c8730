"""A table for a paper: booktabs, compiles as it is, and its `table` environment can be pasted."""

import re

from reports.table import Cell, Row, Table

# Signs that LaTeX reads otherwise than they are meant, or that its standard fonts lack.
SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "|": r"\textbar{}",
    "±": r"$\pm$", "−": "$-$", "–": "--", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "×": r"$\times$", "→": r"$\to$",
    "⁻": "$^{-}$", **{sign: f"$^{number}$" for number, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
}  # fmt: skip

DOCUMENT = r"""%% To paste: everything from \begin{table} to \end{table}; it needs the packages booktabs, graphicx and xcolor.
\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage{booktabs,graphicx,xcolor}
\begin{document}
\begin{table}[ht]
\centering
\caption{%s}
\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%% smaller only where it is wider than the page
\begin{tabular}{l%s}
\toprule
%s
\bottomrule
\end{tabular}}
\par\medskip
\begin{minipage}{\linewidth}
\footnotesize\raggedright
%s
\end{minipage}
\end{table}
\end{document}
"""


def latex(table: Table) -> str:
    """The table as a document of its own: best bold, close to it underlined, marks as superscripts."""
    header = ["variant", *(column.title for column in table.columns), "seeds"]
    lines = [_line([escaped(title) for title in header]), r"\midrule", *(_row(row) for row in table.rows)]
    notes = [_mark([note.mark] if note.mark else []) + escaped(note.text) for note in table.footnotes]
    return DOCUMENT % (escaped(table.title), "r" * (len(header) - 1), "\n".join(lines), "\\par\n".join(notes))


def escaped(text: str) -> str:
    """Text that LaTeX prints as it reads; a hyphen before a number becomes a minus."""
    return "".join(SIGNS.get(sign, sign) for sign in re.sub(r"(?<![\w.-])-(?=\d)", "−", text))


def _row(row: Row) -> str:
    cells = [escaped(row.label) + _mark(row.marks), *(_cell(cell) for cell in row.cells), escaped(row.seeds)]
    return _line([rf"\textcolor{{gray}}{{{cell}}}" for cell in cells] if row.published else cells)


def _cell(cell: Cell) -> str:
    text = escaped(cell.text)
    if cell.best:
        # A sign in mathematics stays thin in \textbf alone.
        text = rf"\textbf{{\boldmath {text}}}"
    elif cell.close:
        text = rf"\underline{{{text}}}"
    return text + _mark([cell.mark] if cell.mark else [])


def _mark(marks: tuple[str, ...] | list[str]) -> str:
    return rf"\textsuperscript{{{','.join(marks)}}}" if marks else ""


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"
