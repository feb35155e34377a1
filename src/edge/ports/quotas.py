"""Quotas: exact counts by name and day."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Allowance(NamedTuple):
    """At most `most` calls in one `period`, a text such as `2026-11-29T20:05` that sorts by time."""

    period: str
    most: int


class Quotas(Protocol):
    """Exact counts by name and day, stored through restarts; the counts of past days are deleted."""

    async def add(self, name: str, day: str) -> int:
        """Count one more and return the count; `day` is `YYYY-MM-DD` and never goes back for a name."""

    async def take(self, name: str, allowances: Sequence[Allowance]) -> list[int]:
        """Count one call in each allowance, or in none if one is used up; return the counts before the call.

        Each place in the list has a count of its own, which begins anew with a later period.
        """

    async def probe(self) -> None:
        """Raise `PortError` unless the counter answers."""
