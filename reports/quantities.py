"""Counts, durations and sizes as text, the same everywhere: three digits, and a fitting unit."""

import math


def counted(value: float) -> str:
    """A count: 950, 1.52 M, 56.8 G."""
    power = 0 if value < 1000 else min(4, int(math.log10(value) // 3))
    return f"{short(value / 1000**power)} {('', 'k', 'M', 'G', 'T')[power]}".rstrip()


def several(number: int, noun: str) -> str:
    """So many of something: 1 clip, 2 clips."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def lasting(seconds: float, digits: int = 3) -> str:
    """A duration: 3.1 ms, 42 s, 5.23 min, 3.4 h, 2.1 d."""
    for unit, length, enough in (("d", 86400, 48 * 3600), ("h", 3600, 3600), ("min", 60, 120), ("s", 1, 1)):
        if seconds >= enough:
            return f"{short(seconds / length, digits)} {unit}"
    return f"{short(seconds * 1000, digits)} ms" if seconds else "0 s"


def remaining(seconds: float) -> str:
    """A time that is only estimated, and changes while one looks: whole seconds, else two digits."""
    return f"{seconds:.0f} s" if seconds < 119.5 else lasting(seconds, 2)


def sized(count: float) -> str:
    """Bytes, in binary units: 512 MiB, 3.2 GiB."""
    power = 0 if count < 1024 else min(4, int(math.log(count, 1024)))
    return f"{short(count / 1024**power)} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}"


def short(value: float, digits: int = 3) -> str:
    """A number in so many digits, 3 if not said: 0.0123, 4.56, 789, 1234."""
    return f"{value:.{digits}g}" if value < 10**digits - 0.5 else f"{value:.0f}"
