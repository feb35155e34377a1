"""Leases: of all that would do the same thing, in any isolate or process, one does; it needs the table `leases`."""

from edge.ports import Clock, SystemDatabase

_TAKE = (
    "INSERT INTO leases (name, until) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET until = excluded.until WHERE leases.until <= ? RETURNING name"
)


class Leases:
    """Taken by one statement, so by one taker alone; a taker that dies gives its lease back by its end."""

    def __init__(self, db: SystemDatabase, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def take(self, name: str, seconds: float) -> float | None:
        """Return the end of the lease, in Unix seconds, where it is ours now for this long; None where another has it.

        No two leases of a name end at the same instant, so the end says whose a lease is.
        """
        now = self._clock.now().timestamp()
        return now + seconds if await self._db.first(_TAKE, name, now + seconds, now) else None

    async def give_back(self, name: str, until: float) -> None:
        """End before its time the lease that ends at `until`; one that was over, and is now another's, stays."""
        await self._db.run("DELETE FROM leases WHERE name = ? AND until = ?", name, until)
