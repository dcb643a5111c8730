"""Texts of others in CSV files: a spreadsheet would compute what begins like a formula."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_cell(text: str) -> str:
    """A text for a cell: one that a spreadsheet would take for a formula begins with an apostrophe; a number stays as it is."""
    return f"'{text}" if text[:1] in FORMULA and text[:1] and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
