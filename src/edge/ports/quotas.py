"""Quotas: exact counts by name and day."""

from typing import Protocol


class Quotas(Protocol):
    """Exact counts by name and day, kept through restarts; the count of a day that is over is forgotten."""

    async def add(self, name: str, day: str) -> int:
        """Count one more and return how many it is; `day` is `YYYY-MM-DD` and never goes back for a name."""

    async def probe(self) -> None:
        """Raise `PortError` unless the counter answers."""
