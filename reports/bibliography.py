"""What to cite for a model, a data set or a metric: entries of references.bib, whose keys are the catalogue's names."""

import re
from collections.abc import Iterable
from pathlib import Path

SAME_PAPER = {
    "convlstm_peephole": ("convlstm",),
    "simvp_first": ("simvp",),
    "moving_mnist_fixed": ("moving_mnist",),
    "e3d_lstm_openstl": ("e3d_lstm",),
}
"""Names that stand on another entry, too."""


def bibtex(names: Iterable[str]) -> str:
    """The entries behind these names, each once, in the order of the names; names that have none are left out."""
    entry_of = entries()
    keys = [key for name in names for key in (*SAME_PAPER.get(name, ()), name) if key in entry_of]
    return "\n\n".join(entry_of[key] for key in dict.fromkeys(keys))


def entries() -> dict[str, str]:
    """Every entry by its key."""
    text = (Path(__file__).parent / "references.bib").read_text(encoding="utf-8")
    matches = re.finditer(r"^@\w+\{(\w+),.*?^\}", text, flags=re.MULTILINE | re.DOTALL)
    return {match[1]: match[0] for match in matches}
