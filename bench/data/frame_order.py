"""The order of frames and clips by their file names.

Numbers in names count: frame_2 stands before frame_10. What a number means is not always plain, though: `0.05` may be a
decimal, `-2` a time before zero, `0a` hexadecimal, and two series of pictures may lie in one folder. Names with one meaning are
sorted by it. Names with two possible orders are refused, with two of the names as an example.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

DIGITS = re.compile(r"(\d+)")  # \d are the decimal digits of all scripts, which int() reads; a superscript is none
NUMBER = re.compile(r"([-+]?\d+(?:\.\d+)?)")  # with sign and decimals
HEX = re.compile(r"[0-9a-f]+")
RENAME = "number the frames alike, such as frame_00001.png"

Key = list[Any]


class DoubtfulOrder(ValueError):
    """Names whose order can be read in two ways. The message names two of them; callers say in which folder."""


def natural(name: str) -> Key:
    """A key that sorts frame_2 before frame_10, whatever else a name holds."""
    return [int(piece) if number else piece.lower() for number, piece in _pieces(DIGITS, name)]


def in_natural_order(paths: Iterable[Path]) -> list[Path]:
    """Paths sorted by their names, numbers by their value. For clips and videos, where an order suffices, whichever it is."""
    return sorted(paths, key=lambda path: (natural(path.name), path.name))


def in_frame_order(paths: Sequence[Path]) -> list[Path]:
    """The pictures of one video in the order of time; DoubtfulOrder where their names do not tell it."""
    return [paths[position] for position in frame_order([path.name for path in paths])]


def frame_order(names: Sequence[str]) -> list[int]:
    """The positions of names of pictures in the order of time; DoubtfulOrder where the names do not tell it."""
    stems = [stem(name) for name in names]
    keys = list(map(_reading(names, stems), stems))
    order = sorted(range(len(names)), key=lambda position: keys[position])
    for earlier, later in pairwise(order):
        if keys[earlier] == keys[later]:
            raise DoubtfulOrder(f"{names[earlier]} and {names[later]} are the same frame by their names; keep one of them")
    return order


def numbers(name: str) -> tuple[int, ...]:
    """The numbers in a name without its ending: `gt12.png` -> (12,)."""
    return tuple(map(int, re.findall(r"\d+", stem(name))))


def stem(name: str) -> str:
    """The name without its ending, which begins with a letter: 0.05.png -> 0.05, and 0.05 stays."""
    return re.sub(r"\.[A-Za-z][A-Za-z0-9]*$", "", name)


def _pieces(pattern: re.Pattern[str], name: str) -> list[tuple[bool, str]]:
    """The text between matches and the matches, in turn; whether each is a match."""
    return [(position % 2 == 1, piece) for position, piece in enumerate(pattern.split(name))]


def _reading(names: Sequence[str], stems: Sequence[str]) -> Callable[[str], Key]:
    """The key by which these names are to be sorted."""
    shapes = {DIGITS.sub("#", stem).lower() for stem in stems}
    if len(shapes) == 1 and not re.search(r"^-#|#\.#", min(shapes)):  # a first hyphen is a sign, a later one separates
        return natural if "#" in min(shapes) or len(names) == 1 else _letters(names, stems)
    if len({NUMBER.sub("#", stem).lower() for stem in stems}) == 1:
        _refuse_doubtful_decimals(names, stems)
        return _with_sign_and_decimals
    return _hexadecimal(stems) or _letters(names, stems)


def _with_sign_and_decimals(stem: str) -> Key:
    return [Fraction(piece) if number else piece.lower() for number, piece in _pieces(NUMBER, stem)]


def _refuse_doubtful_decimals(names: Sequence[str], stems: Sequence[str]) -> None:
    """Refuse names such as 1.5 and 1.10: 1.10 is less as a decimal, and more if these are two numbers each.

    Leading zeros show decimals, such as .05 and .1: two separate numbers would be padded to one length or not at all.
    """
    fractions = {fraction for stem in stems for fraction in re.findall(r"\d\.(\d+)", stem)}
    zeros_lead = any(re.match(r"0\d", fraction) for fraction in fractions)
    zeros_end = any(re.search(r"\d0$", fraction) for fraction in fractions)
    if len({len(fraction) for fraction in fractions}) < 2 or (zeros_lead and not zeros_end):
        return
    name_by_parts: dict[tuple[str, str], str] = {}
    for name, stem in zip(names, stems, strict=True):
        head, point, fraction = stem.rpartition(".")
        if point:
            name_by_parts.setdefault((head, fraction), name)
    for ((head, digits), name), ((other_head, other_digits), other_name) in combinations(name_by_parts.items(), 2):
        if head == other_head and (int(digits) < int(other_digits)) != (
            Fraction(f"0.{digits}") < Fraction(f"0.{other_digits}")
        ):
            raise DoubtfulOrder(
                f"{name} and {other_name} have one order as decimals and the other as two numbers each; {RENAME}"
            )


def _hexadecimal(stems: Sequence[str]) -> Callable[[str], Key] | None:
    """A key for names that count in hexadecimal digits: 09, 0a, ..., 0f, 10. None where they do not count in equal steps."""
    start = _common_start(stems)
    while start and HEX.fullmatch(stems[0][start - 1].lower()):  # a digit that all have is part of the number
        start -= 1
    ends = [stem[start:].lower() for stem in stems]
    if not all(map(HEX.fullmatch, ends)) or not re.search(r"\d", "".join(ends)):
        return None
    values = sorted(int(end, 16) for end in ends)
    equal_steps = len({higher - lower for lower, higher in pairwise(values)}) == 1
    return (lambda stem: [int(stem[start:], 16)]) if equal_steps else None


def _letters(names: Sequence[str], stems: Sequence[str]) -> Callable[[str], Key]:
    """The key of names that differ in one letter: a, b, c. Others are refused, such as gt1 and pd1, or cover and frame_1."""
    start = _common_start(stems)
    if all(re.fullmatch(r"[A-Za-z]", stem[start:]) for stem in stems):
        return lambda stem: [stem[start:].lower()]
    name_by_shape = {DIGITS.sub("#", stem).lower(): name for stem, name in zip(stems, names, strict=True)}
    first_name, second_name = [*name_by_shape.values(), *names][:2]
    raise DoubtfulOrder(
        f"the names {first_name} and {second_name} do not say which frame comes first; {RENAME}, each series in a folder of "
        "its own"
    )


def _common_start(stems: Sequence[str]) -> int:
    """How many signs all stems begin with."""
    first, last = min(stems), max(stems)
    return next(
        (n for n, (letter, other_letter) in enumerate(zip(first, last, strict=False)) if letter != other_letter), len(first)
    )
