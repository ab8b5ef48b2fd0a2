"""The middle of several runs, and how far they lie apart."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Spread"]


@dataclass(frozen=True, kw_only=True)
class Spread:
    """One figure, such as frames per second, over several runs."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def over(cls, values: Sequence[float]) -> Spread:
        """Of one value or more, rounded to hundredths."""
        return cls(
            median=round(statistics.median(values), 2), lowest=round(min(values), 2), highest=round(max(values), 2)
        )
