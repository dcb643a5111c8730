"""How figures look: colours that the colour-blind and a black-and-white printer can tell apart, and files that never change."""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import LogFormatterMathtext

from reports.files import write

# Okabe and Ito's colours, with a grey in place of the yellow that paper swallows.
BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"
COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#888888")
INK, GREY = "#444444", "#777777"  # lines that belong to no variant; what is not decided
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)))
MARKERS = "osD^vPX*"

SETTINGS: Any = {
    "font.family": "DejaVu Sans", "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "legend.fontsize": 7.5,
    "xtick.labelsize": 7, "ytick.labelsize": 7, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "grid.color": "#dddddd", "grid.linewidth": 0.5, "lines.linewidth": 1.3, "lines.markersize": 3.5, "legend.frameon": False,
    "figure.constrained_layout.use": True, "pdf.fonttype": 42, "svg.hashsalt": "lmc-bench", "axes.axisbelow": True,
    "text.parse_math": False,  # a variant may be called a$^$b
}  # fmt: skip
COLUMN, PAGE = 3.4, 6.9  # inches: one column of a two-column paper, and both


@dataclass(frozen=True)
class LineStyle:
    """How a variant is drawn, in every figure alike."""

    colour: str
    dash: Any
    marker: str


def line_styles(variants: Sequence[str]) -> dict[str, LineStyle]:
    """A style for each variant by its declared position.

    Eight differ in colour; beyond, those of one colour differ in dash and marker, up to 32.
    """
    return {variant: _line_style(number) for number, variant in enumerate(variants)}


def _line_style(number: int) -> LineStyle:
    cycles = number // len(COLOURS)  # how often all colours have been used before
    return LineStyle(
        COLOURS[number % len(COLOURS)],
        DASHES[(number + cycles) % len(DASHES)],
        MARKERS[(number + 3 * cycles) % len(MARKERS)],
    )


@contextmanager
def paper() -> Iterator[None]:
    """Draw with these settings, whatever the user's own are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield


def save(figure: Figure, folder: Path, name: str, formats: Sequence[str] = ("pdf", "svg", "png")) -> list[Path]:
    """Write the figure as `folder/name.pdf` and so on."""
    return [write(folder / f"{name}.{format}", printed(figure, format)) for format in formats]


def _lay_out(figure: Figure) -> None:
    """Lay the panels out; where long names leave them no room, enlarge the figure."""
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        if isinstance(axis.get_major_formatter(), LogFormatterMathtext):
            for tick in axis.get_major_ticks():
                tick.label1.set_parse_math(True)  # powers of ten are matplotlib's own mathematics, no name
    for _ in range(8):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            figure.draw_without_rendering()
        if not any("constrained_layout" in str(warning.message) for warning in caught):
            break
        figure.set_size_inches(*(1.3 * figure.get_size_inches()))


def printed(figure: Figure, format: str = "png") -> bytes:
    """The figure as a file's bytes: "png", "pdf" or "svg". The same figure gives the same bytes."""
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {"Software": None}}
    data = io.BytesIO()
    with paper():
        if isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
            _lay_out(figure)  # once for all formats
            figure.set_layout_engine("none")
        figure.savefig(data, format=format, dpi=200, metadata=undated[format])
    return data.getvalue()
