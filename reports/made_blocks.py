"""Blocks of a page that `bench results write` makes: between `<!-- results NAME PART ROWS -->` and `<!-- /results -->`."""

import re

BLOCK = re.compile(
    r"(?P<begin><!-- results (?P<name>[\w.-]+) (?P<part>\w+)(?: (?P<rows>[\d,]+))? -->\n).*?(?P<end><!-- /results -->)",
    re.DOTALL,
)


def name_by_line(text: str) -> dict[int, str]:
    """The lines that lie in blocks, counted from 1, and the name of the scores of record that each was made from."""
    return {
        number: match["name"]
        for match in BLOCK.finditer(text)
        for number in range(text.count("\n", 0, match.start()) + 1, text.count("\n", 0, match.end()) + 2)
    }
