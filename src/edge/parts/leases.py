"""Leases: of all that would do the same thing, in any isolate or process, one does; it needs the table `leases`."""

from edge.ports import Clock, Database

_TAKE = (
    "INSERT INTO leases (name, until) VALUES (?, ?) "
    "ON CONFLICT (name) DO UPDATE SET until = excluded.until WHERE leases.until <= ? RETURNING name"
)


class Leases:
    """Taken by one statement, so by one taker alone; a taker that dies gives its lease back by its end."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    async def take(self, name: str, seconds: float) -> bool:
        """Tell whether the lease is ours now, for this long."""
        now = self._clock.now().timestamp()
        return await self._db.first(_TAKE, name, now + seconds, now) is not None

    async def give_back(self, name: str) -> None:
        """End a lease before its time."""
        await self._db.run("DELETE FROM leases WHERE name = ?", name)
