"""Leases: one of several isolates or processes does a piece of work; it needs the table `leases`."""

from edge.ports import Clock, SystemDatabase

_TAKE = (
    "INSERT INTO leases (name, until) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET until = excluded.until WHERE leases.until <= ? RETURNING name"
)


class Leases:
    """Leases, each taken by one statement, so by one taker alone; a taker that dies holds its lease until its end."""

    def __init__(self, db: SystemDatabase, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def take(self, name: str, seconds: float) -> float | None:
        """Take a lease and return its end, in Unix seconds; None if another taker has it.

        No two leases of a name end at the same instant, so the end identifies the lease.
        """
        now = self._clock.now().timestamp()
        return now + seconds if await self._db.first(_TAKE, name, now + seconds, now) else None

    async def give_back(self, name: str, until: float) -> None:
        """End the lease that ends at `until` early; one that was over, and is now another's, stays."""
        await self._db.run("DELETE FROM leases WHERE name = ? AND until = ?", name, until)
