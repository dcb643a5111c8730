"""The blocks of the project's pages, and a shell script that does what a page says to type.

A block of code says by its language what it is:

- ```console: what stands after `$ ` is typed; other lines are what it printed.
- ```python: a file, if its first line is a comment with a name (`# my_model.py`); else a program that is run.
- ```text and other languages: nothing to run, and nothing that looks like a command.

A comment on the line before says what else there is to know: `<!-- not run: it needs a cluster -->`, with the reason, or
`<!-- until Ctrl-C -->` for what goes on until it is interrupted. In commands RUN stands for a run of the store.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
MADE = {"reference", "results"}  # folders of docs/ whose pages are made: of the code, and of scores
FENCE = re.compile(
    r"^(?:<!-- *(?P<remark>not run: .+?|until Ctrl-C) *-->\n)?"
    r"^(?P<indent> *)```(?P<language>\S*)[^\n]*\n(?P<content>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
SECONDS = 12  # that a command is let to go on which goes on for ever


@dataclass(frozen=True)
class Block:
    """A block of code of a page, and the remark above it."""

    page: Path
    line: int
    language: str
    content: str
    remark: str

    @property
    def file(self) -> str:
        """The name of the file that it is, if it is one."""
        named = re.match(r"# (\S+\.py)\n", self.content) if self.language == "python" else None
        return named[1] if named else ""

    @property
    def commands(self) -> list[str]:
        """What is typed."""
        return [line[2:] for line in self.content.splitlines() if line.startswith("$ ")] if self.language == "console" else []

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Every page that people write: of the site, and those that stand in the repository."""
    site = [path for path in sorted(DOCS.rglob("*.md")) if not MADE & set(path.relative_to(DOCS).parts)]
    return [ROOT / "README.md", ROOT / "examples" / "README.md", ROOT / "CONTRIBUTING.md", *site]


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in their order."""
    text = page.read_text()
    blocks_found = []
    for match in FENCE.finditer(text):
        indent = match["indent"]
        lines = [line.removeprefix(indent) for line in match["content"].splitlines(keepends=True)]
        line = text.count("\n", 0, match.start()) + 1
        blocks_found.append(Block(page, line, match["language"], "".join(lines), match["remark"] or ""))
    return blocks_found


def script(page: Path) -> str:
    """A bash script of what is to be run of a page, if anything: it says each line, runs it, and ends at the first error."""
    lines = [line for block in blocks(page) for line in _typed(block)]
    return "\n".join(["set -eo pipefail", *lines, ""]) if lines else ""


def _typed(block: Block) -> Iterator[str]:
    if block.remark.startswith("not run") or block.language not in ("console", "python"):
        return
    if block.language == "python":
        yield f"echo {shlex.quote(f'{block}: python')}"
        yield f"cat > {block.file or 'block.py'} <<'END_OF_BLOCK'\n{block.content.rstrip()}\nEND_OF_BLOCK"
        if not block.file:
            yield "python block.py"
    for command in block.commands:
        yield f"echo {shlex.quote(f'{block}: {command}')}"
        command = re.sub(r"\bRUN\b", "$(ls runs | grep '^lmc-' | head -n 1)", command)
        if block.remark == "until Ctrl-C":
            command = f"timeout -s INT -k 20 {SECONDS} {command} || [ $? -eq 124 -o $? -eq 130 ]"
        yield command
