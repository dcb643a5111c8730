"""Tables of LaTeX as plain text: what a reader of the page sees of tabular, tabularx, longtable and the like."""

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from reports.columns import RAISED
from reports.latex import MATHEMATICS


@dataclass(frozen=True)
class Line:
    """A row of a table: the line of the document where it begins (from 1), and its cells without markup.

    What spans several columns stands in each of them. holds: what a page of the suite says that the whole table holds, if it
    holds no scores: settings of variants.
    """

    number: int
    cells: tuple[str, ...]
    header: bool = False
    holds: str = ""


ENVIRONMENTS = {"tabular": 1, "longtable": 1, "array": 1, "tabular*": 2, "tabularx": 2, "tabulary": 2, "xltabular": 2}
"""How many arguments come before the rows."""
WORDS = {name: sign for sign, name in MATHEMATICS.items()} | {
    "textpm": "±", "textuparrow": "↑", "textdownarrow": "↓", "texttimes": "×", "rightarrow": "→", "le": "≤", "ge": "≥",
    "epsilon": "ε", "vartheta": "θ", "phi": "φ", "ldots": "…", "dots": "…", "textminus": "-", "textendash": "–",
    "textemdash": "—", "textasciigrave": "`",
    "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textbar": "|", "textless": "<", "textgreater": ">",
    "textunderscore": "_", "quad": " ", "qquad": " ", "newline": " ", "tabularnewline": " ", "\\": " ", ",": " ", ";": " ",
    ":": " ", " ": " ", "\n": " ", **{sign: sign for sign in "&%$#_{}"},
}  # fmt: skip
"""What commands print; others print nothing, but what their last argument says."""
SILENT = {
    "textcolor": 1, "color": 1, "colorbox": 1, "rotatebox": 1, "href": 1, "cmidrule": 1, "cline": 1, "rowcolor": 1,
    "cellcolor": 1, "arrayrulecolor": 1, "specialrule": 3, "noalign": 1, "label": 1, "cite": 1, "citep": 1, "citet": 1,
    "ref": 1, "phantom": 1, "hphantom": 1, "vphantom": 1, "textsuperscript": 1, "footnote": 1, "tnote": 1, "multirow": 2,
    "resizebox": 2, "parbox": 1, "fontsize": 2, "setlength": 2, "rule": 2, "caption": 1, "hspace": 1, "vspace": 1, "begin": 1,
}  # fmt: skip
"""How many arguments of a command are no text."""
TOKEN = re.compile(r"\\[A-Za-z]+\*?|\\.|[{}&$~^_]|[^\\{}&$~^_]+", re.DOTALL)
DASHES = re.compile("-{2,}")
OPTION = re.compile(r"\[[^\]]*\]|\([lr]+\)")


def latex_tables(text: str) -> Iterator[list[Line]]:
    """Every table of a document; comments are none of it."""
    text = re.sub(r"(?<!\\)%[^\n]*", "", text)
    begin = re.compile(rf"\\begin\{{({'|'.join(map(re.escape, ENVIRONMENTS))})\}}")
    position = 0
    while match := begin.search(text, position):
        rows = _Rows(text, _after(text, match.end(), ENVIRONMENTS[match[1]]))
        yield rows.with_header()
        position = rows.position


class _Rows:
    """Reads rows until the environment ends."""

    def __init__(self, text: str, position: int):
        self.text, self.position = text, position
        self.lines: list[Line] = []
        self.cells: list[str] = []
        self.cell, self.span, self.depth, self.began = "", 1, 0, -1
        self.rules: list[int] = []  # how many rows stand above each
        self.starts = [0, *(match.end() for match in re.finditer("\n", text))]
        while self.depth >= 0 and (token := TOKEN.match(text, self.position)):
            start, self.position = self.position, token.end()
            self._take(token[0])
            if self.began < 0 and self.cell.strip():
                self.began = start + len(token[0]) - len(token[0].lstrip())
        self._end_row()

    def _take(self, word: str) -> None:
        name = word[1:].rstrip("*") or "*" if word.startswith("\\") else ""
        if word == "{" or name == "begin":
            self.depth += 1
        elif word == "}" or name == "end":
            self.depth -= 1
        if name == "begin":
            inner = re.compile(r"\{([^}]*)\}").match(self.text, self.position)
            self._skip(1 + ENVIRONMENTS.get(inner[1] if inner else "", 0))
        elif name == "end":
            self._skip(1)
        elif word == "&" and not self.depth:
            self._end_cell()
        elif name in ("\\", "tabularnewline") and not self.depth:
            self.position = _options(self.text, self.position + self.text.startswith("*", self.position))
            self._end_row()
        elif name in ("midrule", "hline"):
            self.rules.append(len(self.lines))
        elif name == "multicolumn":
            count = re.compile(r"\s*\{\s*(\d+)").match(self.text, self.position)
            self.span = int(count[1]) if count else 1
            self._skip(2)
        elif word == "^":
            self._raised()
        elif name:
            self.cell += WORDS.get(name, "")
            if name not in WORDS and name.isalpha():
                self._skip(SILENT.get(name, 0))
        elif word not in ("{", "}", "$", "_"):
            self.cell += " " if word in ("~", "&") else DASHES.sub(lambda match: "–—"[len(match[0]) > 2], word)

    def with_header(self) -> list[Line]:
        """The rows, those above the last rule before the first number with decimals as header; without rules the first one."""
        lines = [line for line in self.lines if any(line.cells)]
        numbers = [n for n, line in enumerate(self.lines) if any(re.search(r"\d\.\d", cell) for cell in line.cells)]
        last = max((rule for rule in self.rules if not numbers or rule <= numbers[0]), default=0)
        titles = [line for line in self.lines[:last] if any(line.cells)] or lines[:1]
        return [replace(line, header=line in titles) for line in lines]

    def _raised(self) -> None:
        """A footnote's mark, which is no text, or a power of ten, which is; so is what `latex` raises after {}."""
        meant = self.text.endswith("{}$^", 0, self.position)
        group = re.compile(r"\s*(?:\{([^{}]*)\}|(\\[A-Za-z]+|[^{]))").match(self.text, self.position)
        if not group:
            self._skip(1)
            return
        self.position = group.end()
        raised = (group[1] or group[2] or "").strip()
        if meant:
            self.cell += "°" if raised == r"\circ" else raised.translate(RAISED)
        else:
            self.cell += f"^{raised}" if re.fullmatch(r"[-−\d]+", raised) and re.search(r"10(\^-)?$", self.cell) else ""

    def _skip(self, arguments: int) -> None:
        self.position = _after(self.text, self.position, arguments)

    def _end_cell(self) -> None:
        plain = " ".join(self.cell.split())
        self.cells += [plain] * self.span
        self.cell, self.span = "", 1

    def _end_row(self) -> None:
        self._end_cell()
        self.lines.append(Line(bisect.bisect(self.starts, max(self.began, 0)), tuple(self.cells)))
        self.cells, self.began = [], -1


def _after(text: str, position: int, arguments: int) -> int:
    """The position after a command's options and so many arguments in braces."""
    position = _options(text, position)
    for _ in range(arguments):
        begin = re.compile(r"\s*\{").match(text, position)
        if not begin:
            return position
        depth, position = 1, begin.end()
        for match in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, position):
            depth += {"{": 1, "}": -1}.get(match[0], 0)
            if not depth:
                position = match.end()
                break
        position = _options(text, position)
    return position


def _options(text: str, position: int) -> int:
    while match := OPTION.match(text, position):
        position = match.end()
    return position
