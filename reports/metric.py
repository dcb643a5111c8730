"""How a metric is written: its name, unit, direction and decimals. Nothing else decides that."""

from dataclasses import dataclass, fields
from math import log10
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """How the scores of a metric are written.

    direction: "up" where more is better. unit: of what is shown, such as dB. digits: decimals shown.
    scale: a power of ten; what is shown is the score times this, and the header says so if the unit does not.
    label: its name for people; the name in capitals if not given.
    """

    direction: Literal["up", "down"]
    unit: str = ""
    digits: int = 3
    scale: float = 1.0
    label: str = ""

    @property
    def shown_unit(self) -> str:
        """The unit of what is shown, with its power of ten: "dB", "1e-3 per pixel"."""
        power = round(log10(self.scale))
        return f"1e{-power} {self.unit}".strip() if power and "1e" not in self.unit else self.unit

    @property
    def heading(self) -> str:
        """The label with the unit: "PSNR (dB)"."""
        return f"{self.label} ({self.shown_unit})" if self.shown_unit else self.label

    def plain(self) -> dict[str, str | int | float]:
        """The five fields by name, as JSON can hold them; `Metric(**plain)` is the inverse."""
        return {field.name: getattr(self, field.name) for field in fields(Metric)}

    def written(self, value: float) -> str:
        """A score as tables write it, without its unit; never "-0.00"."""
        return f"{value * self.scale:z.{self.digits}f}"
