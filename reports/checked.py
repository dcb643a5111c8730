"""What a check of a document has found."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Difference:
    """A number that differs from the store's.

    line: its line in the document. stands: the cell in the document. store: the cell as the store has it.
    """

    line: int
    row: str
    column: str
    stands: str
    store: str


@dataclass
class Checked:
    """How many numbers of how many tables were compared, which differ, and what could not be matched, in words.

    unchecked: numbers in the tables of the document that were compared with nothing. others: tables of the suite that hold no
    scores and no costs, which is no fault.
    """

    numbers: int = 0
    tables: int = 0
    unchecked: int = 0
    differences: list[Difference] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
