"""Limits open streams and sockets per credential, and closes those whose credential has ended."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from math import inf
from time import time
from typing import Protocol

from edge.access import Actor
from edge.errors import Unauthorized
from edge.ports.events import TooManyConnections
from edge.runtimes.live_wire import Close

RETRY_S = 5.0
"""Seconds until the next look-up of a credential whose look-up failed."""
AT_ONCE = 6
"""Credentials that are looked up concurrently."""
ROUND = 300
"""Credentials per check; a Worker's event may make only so many queries. The next check continues with the others."""
TIMEOUT_S = 10.0
"""Seconds that one look-up may take."""


PER_TICKET = 2
"""Open connections of one ticket: the present one, and the one before, until its break is noticed."""


class Connection(Protocol):
    """An open stream or socket; `ticket` is the mark of the ticket that opened it, empty without one."""

    actor: Actor
    check_s: float
    ticket: str
    closed: Close | None

    def update_actor(self, actor: Actor) -> None:
        """Continue as the actor that the credential stands for now."""

    def close(self, why: Close) -> None:
        """Close the connection."""


class Connections[C: Connection]:
    """The open connections. All connections of one credential cost one look-up."""

    def __init__(self, revalidate: Callable[[Actor], Awaitable[Actor]], report: Callable[[int], None]) -> None:
        self._revalidate = revalidate
        self._report = report
        self._by_name: dict[str, dict[C, None]] = {}
        self._left: list[Actor] = []
        self.look_at = inf
        """Unix time of the next look-up of the credentials."""
        self.due = inf
        """Unix time at which `check` next has work."""

    def __iter__(self) -> Iterator[C]:
        """Yield all connections."""
        for some in [*self._by_name.values()]:
            yield from [*some]

    def __bool__(self) -> bool:
        """Tell whether any is open."""
        return bool(self._by_name)

    def count(self, name: str) -> int:
        """Return the number of connections of a caller's name."""
        return len(self._by_name.get(name, ()))

    def of_ticket(self, name: str, ticket: str) -> list[C]:
        """Return a caller's open connections by a ticket's mark, the oldest first; none without a ticket."""
        some = self._by_name.get(name, ()) if ticket else ()
        return [connection for connection in some if connection.ticket == ticket and connection.closed is None]

    def is_full(self, name: str, ticket: str) -> bool:
        """Tell whether a caller's ticket has as many open connections as it may have."""
        return len(self.of_ticket(name, ticket)) >= PER_TICKET

    def enter(self, connection: C, at_most: float = inf) -> None:
        """Add a connection; `TooManyConnections` if its caller has `at_most` already.

        A ticket's oldest connection is closed for one beyond `PER_TICKET`: a refusal would end an `EventSource`.
        """
        name = connection.actor.name
        if self.count(name) >= at_most:
            raise TooManyConnections(int(at_most))
        some = self._by_name.setdefault(name, {})
        same = self.of_ticket(name, connection.ticket)
        for other in same[: len(same) - PER_TICKET + 1]:
            other.close(Close.TRY_LATER)
        some[connection] = None
        self.look_at = min(self.look_at, time() + connection.check_s)
        self.due = min(self.due, self.look_at, _end_of(connection.actor))

    def leave(self, connection: C) -> None:
        """Remove a connection; do nothing if it is not in the list."""
        some = self._by_name.get(connection.actor.name)
        if some is not None:
            some.pop(connection, None)
            if not some:
                del self._by_name[connection.actor.name]
        if not self._by_name:
            self.look_at = self.due = inf

    def end(self, actor: Actor) -> None:
        """Close the connections of a credential that has ended."""
        for connection in [*self._by_name.get(actor.name, ())]:
            if connection.actor == actor:
                connection.close(Close.UNAUTHORIZED)

    async def check(self) -> None:
        """Close the connections whose credential has expired or was revoked, and update the actor of the others.

        If the look-up of a credential fails, its connections stay, and it is looked up again soon.
        """
        now = time()
        self.due = inf
        for connection in self:
            if _end_of(connection.actor) <= now:
                connection.close(Close.UNAUTHORIZED)
        if now >= self.look_at:
            await self._look_up(now)
        ends = min((_end_of(connection.actor) for connection in self if _end_of(connection.actor) > now), default=inf)
        self.due = min(self.due, self.look_at, ends) if self else inf

    async def _look_up(self, now: float) -> None:
        actors = self._left or [*dict.fromkeys(connection.actor for connection in self)]
        some = actors[:ROUND]
        self._left = actors[ROUND:]
        every = min((connection.check_s for connection in self), default=inf)
        self.look_at = now + (min(1.0, every) if self._left else every)
        missed = 0
        for at in range(0, len(some), AT_ONCE):
            part = some[at : at + AT_ONCE]
            missed += sum(await asyncio.gather(*map(self._look_up_one, part)))
        if missed:
            self.look_at = min(self.look_at, now + RETRY_S)
            self._report(missed)

    async def _look_up_one(self, actor: Actor) -> bool:
        """Apply a credential's current state to its connections; return whether the look-up failed."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                current = await self._revalidate(actor)
        except Unauthorized:
            self.end(actor)
        except Exception:  # a database that is away, or a fault of ours: the connection stays
            return True
        else:
            self._update_actors(actor, current)
        return False

    def _update_actors(self, actor: Actor, current: Actor) -> None:
        if current != actor and current.name == actor.name:
            for connection in [*self._by_name.get(actor.name, ())]:
                if connection.actor == actor:
                    connection.update_actor(current)


def _end_of(actor: Actor) -> float:
    return inf if actor.expires_at is None else actor.expires_at
