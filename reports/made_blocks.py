"""Blocks of a page that `bench results write` makes: between `<!-- results NAME PART ROWS -->` and `<!-- /results -->`."""

import re

BLOCK = re.compile(
    r"(?P<begin><!-- results (?P<name>\S+) (?P<part>\w+)(?: (?P<rows>[\d,]+))? -->\n).*?(?P<end><!-- /results -->)",
    re.DOTALL,
)
_MARK = re.compile(r"^[ \t]*<!--\s*/?results\b.*", re.MULTILINE)


def name_by_line(text: str) -> dict[int, str]:
    """The lines that lie in blocks, counted from 1, and the name of the scores of record that each was made from."""
    return {
        number: match["name"]
        for match in BLOCK.finditer(text)
        for number in range(text.count("\n", 0, match.start()) + 1, text.count("\n", 0, match.end()) + 2)
    }


def refuse_strange_marks(text: str) -> None:
    """ValueError for a mark that looks like a block's and begins or ends none: nobody would hold what it encloses."""
    outside = BLOCK.sub(lambda match: "\n" * match[0].count("\n"), text)
    if mark := _MARK.search(outside):
        line = outside.count("\n", 0, mark.start()) + 1
        raise ValueError(
            f"line {line} is no block of results: {mark[0].strip()!r:.100}; one begins with "
            "`<!-- results NAME claims 1,2 -->` and ends with `<!-- /results -->`, each on a line of its own"
        )
