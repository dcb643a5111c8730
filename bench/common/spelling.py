"""Signs for a terminal or a file whose encoding has no letters for them: spelled in ASCII instead of an error."""

from __future__ import annotations

import codecs
import unicodedata
from typing import TextIO

HANDLER = "spelled"
SIGNS = {
    "↑": "^", "↓": "v", "→": ">", "←": "<", "±": "+-", "×": "x", "–": "-", "—": "-", "−": "-", "…": "...", "≤": "<=", "≥": ">=",
    "≠": "!=", "≈": "~", "·": ".", "•": "*", "✓": "+", "✔": "+", "✗": "x", "✘": "x", "Δ": "d", "δ": "d", "σ": "sigma", "µ": "u",
    "‘": "'", "’": "'", "“": '"', "”": '"', "─": "-", "━": "-", "│": "|", "█": "#", "⁻": "-", "∞": "inf", "°": " deg",
}  # fmt: skip


def spell_on(stream: TextIO) -> None:
    """Let a stream spell what its encoding lacks; streams that cannot be changed stay as they are."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure and (stream.encoding or "").lower().replace("-", "") not in ("utf8", "utf16", "utf32"):
        reconfigure(errors=HANDLER)


def spelled(text: str) -> str:
    """One or more signs in ASCII: as the table above has them, else the letter below accents, else `?`."""
    return "".join(SIGNS.get(sign) or _bare(sign) for sign in text)


def _bare(sign: str) -> str:
    return unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode() or "?"


def _handle(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return spelled(error.object[error.start : error.end]), error.end


codecs.register_error(HANDLER, _handle)
