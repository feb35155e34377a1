"""The `Telemetry` port: points of numbers under names, written without waiting and read as totals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Point:
    """One point, as Analytics Engine stores it: at most 20 blobs (16 KB together), 20 doubles, an index of 96 bytes."""

    index: str
    blobs: Sequence[str]
    doubles: Sequence[float]


@dataclass(frozen=True, slots=True)
class Total:
    """Totals of the points with the same blobs: their number, and the sum of each requested double."""

    blobs: tuple[str, ...]
    count: int
    sums: tuple[float, ...]


class Telemetry(Protocol):
    """A dataset of points, stored for three months. A point that is over a limit is dropped, and logged."""

    def write(self, point: Point) -> None:
        """Write a point, without waiting."""

    async def totals(self, blobs: Sequence[int], doubles: Sequence[int], since: datetime) -> list[Total]:
        """Return totals since an instant for each set of values of the numbered blobs (from 1), largest first.

        `doubles` are the numbers of those to sum. Errors: `PortError`; `NotConfigured` if reading needs a key.
        """

    async def probe(self) -> None:
        """Raise `PortError` unless a point can be written."""
