"""A table for a paper, in booktabs: as a document that compiles as it is, or as the bare `tabular`, to be \\input."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from reports.columns import RAISED, Column, header
from reports.table import Cell, Row, Table

# Signs that LaTeX has as mathematics only; the variants of letters are those that Unicode draws.
GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma",
    "ς": "varsigma", "τ": "tau", "υ": "upsilon", "φ": "varphi", "χ": "chi", "ψ": "psi", "ω": "omega",
    "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Υ": "Upsilon", "Φ": "Phi",
    "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
MATHEMATICS = GREEK | {
    "±": "pm", "∓": "mp", "×": "times", "÷": "div", "·": "cdot", "≤": "leq", "≥": "geq", "≠": "neq", "≈": "approx",
    "≡": "equiv", "∼": "sim", "∝": "propto", "≪": "ll", "≫": "gg", "∞": "infty", "∈": "in", "∉": "notin", "∅": "emptyset",
    "∩": "cap", "∪": "cup", "⊂": "subset", "⊆": "subseteq", "∀": "forall", "∃": "exists", "∂": "partial", "∇": "nabla",
    "∑": "sum", "∏": "prod", "√": "surd", "∘": "circ", "∗": "ast", "⊕": "oplus", "⊗": "otimes", "⊙": "odot", "↑": "uparrow",
    "↓": "downarrow", "→": "to", "←": "leftarrow", "↔": "leftrightarrow", "⇒": "Rightarrow", "⇐": "Leftarrow",
    "⇔": "Leftrightarrow", "†": "dagger", "‡": "ddagger", "•": "bullet", "★": "star", "ℓ": "ell",
}  # fmt: skip
# Signs that LaTeX reads otherwise than they are meant, or that its standard fonts lack.
SIGNS = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$", "|": r"\textbar{}",
    "`": r"\textasciigrave{}", "−": "$-$", "–": "--", "—": "---", "…": r"\ldots{}", "°": r"{}$^\circ$", "⁻": "{}$^{-}$",
    **{sign: f"{{}}$^{number}$" for number, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{sign: f"$\\{name}$" for sign, name in MATHEMATICS.items()},
}  # fmt: skip
# What else pdflatex sets as it stands: ASCII, and the letters that fonts of the encoding T1 have.
LETTERS = re.compile("[ -~¡£§«»¿À-ÖØ-öø-ĥĨ-ķĹ-ľŁ-ňŊ-ťŨ-ž]")
# Signs that are replaced by similar ones, in ASCII or from above.
ALIKE = {"‐": "-", "‑": "-", "‒": "–", "―": "—", "‘": "'", "’": "'", "“": '"', "”": '"', "⁄": "/"}
# Equal signs that a font joins to a dash or a quotation mark.
JOINED = re.compile(r"(?<=[-–—])(?=[-–—])|(?<=,)(?=,)|(?<=')(?=')")

# A tabular is broken into several, one below the other, where it has more columns or letters than can still be read: so many
# letters fill the page below at 6 points.
COLUMNS, WIDTH = 9, 160
# A sentence in a cell is set in lines of about so many letters.
LINE = 40
PARAGRAPH = r"\parbox[t]{19em}{\raggedright %s\strut}"

DOCUMENT = r"""%% To paste: everything from \begin{table} to \end{table}; it needs the packages booktabs, graphicx and xcolor.
\documentclass{article}
\usepackage[utf8]{inputenc}
\usepackage[T1]{fontenc}
\usepackage[margin=2cm]{geometry}
\usepackage{booktabs,graphicx,xcolor}
\begin{document}
%s
\end{document}
"""
TABLE = r"""\begin{table}[ht]
\centering
\caption{%s}
\label{%s}
\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%% smaller only where it is wider than the page
%s}
\par\medskip
\begin{minipage}{\linewidth}
\footnotesize\raggedright
%s
\end{minipage}
\end{table}"""
TABULAR = r"""\begin{tabular}{l%s}
\toprule
%s
\bottomrule
\end{tabular}"""
BARE = r"""%% %s
%% In a table environment, below its \caption, after \usepackage{%s}: \input{this file}
\label{%s}%%
%s
%s
"""
# Powers of ten as titles tell them.
POWER = re.compile("×10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
LOWERED = str.maketrans({raised: chr(sign) for sign, raised in RAISED.items()})
# All in one size, and no higher than the page.
STACK = r"""\resizebox*{!}{\ifdim\totalheight>0.7\textheight 0.7\textheight\else\totalheight\fi}{%%
\shortstack[l]{%s}}"""


def latex(table: Table) -> str:
    """The table as a document of its own: best bold, close to it underlined, marks as superscripts."""
    return document([table])


def document(tables: Iterable[Table]) -> str:
    """A document with these tables."""
    return DOCUMENT % "\n\n".join(map(_environment, tables))


def _environment(table: Table) -> str:
    tabulars = _tabulars(table)
    body = STACK % "\\\\[2ex]\n".join(tabulars) if len(tabulars) > 1 else tabulars[0]
    notes = [_mark([note.mark] if note.mark else []) + escaped(note.text) for note in table.footnotes]
    return TABLE % (escaped(table.title), label(table), body, "\\par\n".join(notes))


def bare(table: Table) -> str:
    """The `tabular` alone with its label, to be \\input; title and footnotes are comments.

    Of a wide table there are several, one below the other.
    """
    packages = "booktabs,xcolor" if any(row.published for row in table.rows) else "booktabs"
    notes = [f"% [{note.mark}] {note.text}" if note.mark else f"% {note.text}" for note in table.footnotes]
    return BARE % (
        printable(table.title),
        packages,
        label(table),
        "\n\\par\\medskip\n".join(_tabulars(table)),
        "\n".join(map(printable, notes)),
    )


def label(table: Table) -> str:
    """What \\ref calls the table: tab:ablation-costs."""
    return f"tab:{'-'.join(re.findall('[a-z0-9]+', (table.name or table.title).lower()))}"


def _tabulars(table: Table) -> list[str]:
    blocks = _blocks(table)
    return [_tabular(table, block, last=block is blocks[-1]) for block in blocks]


def escaped(text: str) -> str:
    """Text that LaTeX prints as it reads; a hyphen before a number becomes a minus."""
    text = re.sub(r"(?<![\w.-])-(?=\d)", "−", printable(text))
    return "{}".join("".join(SIGNS.get(sign, sign) for sign in part) for part in JOINED.split(text))


def printable(text: str) -> str:
    """The text in signs that `escaped` knows: others as the plain letters that they resemble, or as their number."""
    return "".join(map(_printable, unicodedata.normalize("NFC", text)))


def _printable(sign: str) -> str:
    if sign in SIGNS or LETTERS.match(sign):
        return sign
    kind = unicodedata.category(sign)
    if kind[0] in "ZC" and kind not in ("Co", "Cs", "Cn"):  # spaces, ends of lines, directions
        return "" if kind == "Cf" else " "
    alike = "".join(part for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part))
    if alike != sign:
        return "".join(map(_printable, alike))
    return ALIKE.get(sign, f"U+{ord(sign):04X}")


def _blocks(table: Table) -> list[list[int]]:
    """The numbers of the columns of each tabular.

    What is of one metric stays together as far as there is room, and equal titles, which tell protocols apart by their order,
    always.
    """
    every = list(range(len(table.columns)))
    if _fits(table, every):
        return [every]
    groups: dict[str, dict[str, list[int]]] = {}
    for number, column in enumerate(table.columns):
        groups.setdefault(_subject(column), {}).setdefault(column.title, []).append(number)
    blocks: list[list[int]] = [[]]
    for group in groups.values():
        whole = [number for numbers in group.values() for number in numbers]
        for numbers in [whole] if _fits(table, whole) else group.values():
            if blocks[-1] and not _fits(table, blocks[-1] + numbers):
                blocks.append([])
            blocks[-1].extend(numbers)
    return blocks


def _subject(column: Column) -> str:
    """What a column is about: its metric, or what the keys of columns without one begin with (cosine, cosine_chance)."""
    return column.score.partition("/")[2] or column.key.partition("_")[0]


def _fits(table: Table, numbers: Sequence[int]) -> bool:
    label = max((min(len(row.label), LINE) for row in table.rows), default=0)
    widths = [max([len(table.columns[n].title), *(min(len(row.cells[n].text), LINE) for row in table.rows)]) for n in numbers]
    return len(numbers) <= COLUMNS and label + sum(widths) + 2 * len(widths) <= WIDTH


def _tabular(table: Table, block: Sequence[int], last: bool) -> str:
    """Some columns of the table, aligned in the source as well; the last tabular shows the seeds."""
    seeds = last and table.has_seeds
    titles = [table.subject, *_titles([table.columns[number] for number in block]), *(["seeds"] if seeds else [])]
    lines = [
        [_title(title) for title in titles],
        *(_row(row, [row.cells[number] for number in block], seeds) for row in table.rows),
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    head, *rows = (_line(line, widths) for line in lines)
    sides = ["l" if table.columns[number].is_text else "r" for number in block] + ["r"] * seeds
    return TABULAR % ("".join(sides), "\n".join([head, r"\midrule", *rows]))


def _titles(columns: Sequence[Column]) -> list[str]:
    """The titles. Where a single frame comes first, its title names the unit, as the mean's would (MSE has two units)."""
    first = next((column for column in columns[:1] if column.score and column.key != column.score), None)
    if first is None or not first.metric.unit:
        return [column.title for column in columns]
    full = f"{header(first.score, first.metric).rstrip(' ↑↓')} t={first.title.rpartition(' t=')[2]}"
    return [full if column.title == first.title else column.title for column in columns]


def _title(title: str) -> str:
    """A title, its power of ten as one formula."""
    start, *pieces = POWER.split(title)
    powers = zip(pieces[::2], pieces[1::2], strict=True)
    return escaped(start) + "".join(rf"$\times10^{{{power.translate(LOWERED)}}}${escaped(after)}" for power, after in powers)


def _row(row: Row, shown: Sequence[Cell], seeds: bool) -> list[str]:
    name = escaped(row.label)
    if name.lstrip()[:1] in ("[", "*"):
        name = "{}" + name  # or it would belong to the end of the line above
    label = _folded(name + _mark(row.marks), row.label)
    cells = [label, *map(_cell, shown), *([escaped(row.seeds)] if seeds else [])]
    return [rf"\textcolor{{gray}}{{{cell}}}" for cell in cells] if row.published else cells


def _cell(cell: Cell) -> str:
    text = escaped(cell.text)
    if cell.best:
        bold = r"\boldmath " if "$" in text else ""  # a sign in mathematics stays thin in \textbf alone
        text = rf"\textbf{{{bold}{text}}}"
    elif cell.close:
        text = rf"\underline{{{text}}}"
    return _folded(text + _mark([cell.mark] if cell.mark else []), cell.text)


def _folded(source: str, text: str) -> str:
    """The LaTeX of a cell as a paragraph, if its text is long."""
    return PARAGRAPH % source if len(text) > LINE else source


def _mark(marks: tuple[str, ...] | list[str]) -> str:
    return rf"\textsuperscript{{{','.join(marks)}}}" if marks else ""


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """A line of the source: the label to the left, all else to the right."""
    (name, name_width), *numbers = zip(cells, widths, strict=True)
    return " & ".join([name.ljust(name_width), *(cell.rjust(width) for cell, width in numbers)]) + r" \\"
