"""metrics.jsonl of a run: one line per logged step, with the losses, the learning rate and validation scores of that step."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from bench.common.files import appending, write_bytes
from bench.common.json_schemas import LARGEST
from bench.common.reading import LARGE, Unreadable, content, tail, tail_at

NAME = "metrics.jsonl"
TAIL = 8192  # bytes that hold the newest lines
MAX_SECONDS = 2**40  # since 1970; what is later is no time
PAUSE = 30.0  # a gap between two lines that is this many times longer than usual is a pause, not slow training


@dataclass(frozen=True)
class MetricsLog:
    """What was logged in one run directory. Reading skips lines that a crash has cut in half, and lines without numbers."""

    folder: Path

    def append(self, step: int, values: Mapping[str, float]) -> None:
        """Log the values of a step: one line, with the present time."""
        line = json.dumps({"step": step, "time": round(time.time(), 3), **values}) + "\n"
        with appending(self.folder / NAME) as file:
            file.write(line.encode())

    def lines(self) -> Iterator[dict[str, float]]:
        """Every line: `step`, `time` in seconds since 1970 (0 if it is not known), and the values by name."""
        try:
            text = content(self.folder / NAME, LARGE, self.folder)
        except OSError:
            return
        yield from _lines(text)

    def cut(self, step: int) -> None:
        """Forget what was logged after `step`: a resumed run logs it again. An OSError where the file cannot be read now."""
        try:
            text = content(self.folder / NAME, LARGE, self.folder)
        except (FileNotFoundError, Unreadable):
            text = b""
        lines = [json.dumps(line) + "\n" for line in _lines(text) if line["step"] <= step]
        write_bytes(self.folder / NAME, "".join(lines).encode(), self.folder)

    def recent(self) -> list[dict[str, float]]:
        """The last lines, as many as stand in the file's last kilobytes."""
        try:
            return list(_lines(tail(self.folder / NAME, TAIL, self.folder)[0]))  # the first is mostly cut in half
        except OSError:
            return []

    def latest(self) -> dict[str, float]:
        """The newest value of each metric, from the end of the file alone."""
        values: dict[str, float] = {}
        for line in self.recent():
            values |= line
        return values

    def step(self) -> int:
        """The newest logged step; 0 if there is none."""
        return int(self.latest().get("step", 0))

    def newest(self, metric: str) -> float | None:
        """The newest value of one metric in the end of the file; only lines that name it are parsed."""
        name = json.dumps(metric).encode()
        try:
            text = tail_at(self.folder, NAME, TAIL)
        except OSError:
            return None
        candidate_lines = (line for line in reversed(text.splitlines()) if name in line)
        return next((line[metric] for raw_line in candidate_lines for line in _lines(raw_line) if metric in line), None)


def steps_per_second(lines: Iterable[Mapping[str, float]], fewest_gaps: int = 1) -> float | None:
    """The speed of training over these lines, without the pauses between two processes of an interrupted run.

    None where fewer gaps lie between logged steps.
    """
    points = sorted({int(line["step"]): line["time"] for line in lines}.items())
    gaps = [(end - start, last - first) for (first, start), (last, end) in pairwise(points)]
    if len(gaps) < fewest_gaps:
        return None
    usual_pace = median(seconds / steps for seconds, steps in gaps)
    without_pauses = [(seconds, steps) for seconds, steps in gaps if seconds <= PAUSE * usual_pace * steps]
    total = sum(seconds for seconds, _ in without_pauses)
    return sum(steps for _, steps in without_pauses) / total if total > 0 else None


def _lines(text: bytes) -> Iterator[dict[str, float]]:
    """The valid lines: a step from 0 up, and numbers by name."""
    for raw_line in text.splitlines():
        try:
            line = json.loads(raw_line)
        except (ValueError, RecursionError):
            continue
        if type(line) is not dict or type(line.get("step")) is not int or not 0 <= line["step"] < LARGEST:
            continue
        if all(map(_is_number, line.values())) and _is_time(line.setdefault("time", 0.0)):
            yield line


def _is_number(value: object) -> bool:
    """Whether it is a float, or a whole number that a float can be made of."""
    return type(value) is float or (type(value) is int and -LARGEST < value < LARGEST)


def _is_time(seconds: float) -> bool:
    return 0 <= seconds < MAX_SECONDS  # also false for what is no number
