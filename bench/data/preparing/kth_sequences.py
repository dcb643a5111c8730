"""KTH's `00sequences.txt`: which frames of each video show the action.

One line per video, such as `person01_boxing_d1		frames	1-95, 96-185, 186-245, 246-360`: frames counted from 1, both ends
included. The file as shipped is irregular: tabs or spaces before them, blank lines, a video `*missing*`, videos with three
sequences instead of four, sequences that overlap their neighbour or stand out of order.
"""

import re
from pathlib import Path

from bench.common.errors import BenchError

ACTIONS = ("boxing", "handclapping", "handwaving", "jogging", "running", "walking")
URL = "https://www.csc.kth.se/cvap/actions/00sequences.txt"

VIDEO = rf"person\d\d_(?:{'|'.join(ACTIONS)})_d\d"
RANGES = r"\d+-\d+(?:\s*,\s*\d+-\d+)*"
ENTRY = re.compile(rf"({VIDEO})\s+(?:frames\s+({RANGES})|\*missing\*)")

Range = tuple[int, int]
"""First and last frame of a sequence, counted from 1, both included."""


def read_sequences(path: Path) -> dict[str, tuple[Range, ...]]:
    """Video name (`person01_boxing_d1`) -> its sequences in the file's order; none for a video that is `*missing*`.

    Lines before the first entry are a header. A line behind it that is no entry is a BenchError that names it.
    """
    entries: dict[str, tuple[Range, ...]] = {}
    for number, line in enumerate(path.read_text(encoding="latin-1").splitlines(), 1):
        match = ENTRY.fullmatch(line.strip())
        if match is None:
            if (entries and line.strip()) or line.startswith("person"):
                raise BenchError(f"{path}, line {number}: '{line.strip()}' is no entry; fetch the file again from {URL}")
            continue
        name, ranges_text = match.groups()
        ranges = tuple((int(first), int(last)) for first, last in re.findall(r"(\d+)-(\d+)", ranges_text or ""))
        if name in entries or any(first < 1 or last < first for first, last in ranges):
            raise BenchError(f"{path}, line {number}: '{line.strip()}' cannot be right; fetch the file again from {URL}")
        entries[name] = ranges
    if not entries:
        raise BenchError(f"{path} lists no video; fetch the file again from {URL}")
    return entries
