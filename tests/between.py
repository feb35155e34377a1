"""A change between any two database calls of a request, as a request at the same moment would make it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from copy import copy
from typing import Any

from edge.context import Ports
from edge.ports import Database, Result, Row, Statement, Value
from edge.testing import Answer, Client

type Change = Callable[[], Awaitable[object]]
type World = Callable[[str], Awaitable[tuple[Callable[[Client], Awaitable[Answer]], Change, Client]]]
"""Makes new rows under a name; returns a request, the change that meets it, and the client that sends the request."""


class Between:
    """A database that makes a change once, before the call of a number."""

    def __init__(self, db: Database, call: int, change: Change) -> None:
        self._db = db
        self._change = change
        self._left = call
        self.is_made = False

    async def _count(self) -> None:
        if self._left == 0:
            self.is_made = True
            await self._change()
        self._left -= 1

    async def all(self, sql: str, *params: Value) -> list[Row]:
        await self._count()
        return await self._db.all(sql, *params)

    async def first(self, sql: str, *params: Value) -> Row | None:
        await self._count()
        return await self._db.first(sql, *params)

    async def run(self, sql: str, *params: Value) -> Result:
        await self._count()
        return await self._db.run(sql, *params)

    async def batch(self, statements: Sequence[Statement]) -> list[Result]:
        await self._count()
        return await self._db.batch(statements)

    async def probe(self) -> None:
        await self._db.probe()


def interrupted(client: Client, call: int, change: Change) -> tuple[Client, Between]:
    """Return a client whose requests meet a change before a call of the database, and that database."""
    settings: Any = client.ports.settings.without(Between)  # a copy: no setting is of this type
    db = Between(settings.db, call, change)
    settings.db = db
    other = copy(client)
    other.ports = Ports(settings, client.ports.runtime)
    return other, db


async def each_moment(world: World) -> AsyncIterator[tuple[str, str, Answer]]:
    """Yield the place of a change, the name of its rows, and the answer, for each call of the database in a request.

    The first place is `before`: the change came before the request. The last is `after`, where it did not come at all.
    """
    ask, change, client = await world("before")
    await change()
    yield "before", "before", await ask(client)
    for call in range(40):
        name = f"w{call}"
        ask, change, client = await world(name)
        other, db = interrupted(client, call, change)
        answer = await ask(other)
        if not db.is_made:
            yield "after", name, answer
            return
        yield str(call), name, answer
    raise AssertionError("a request makes fewer calls than that")


def kind_of(answer: Answer) -> tuple[int, str]:
    """Return an answer's status and the type of its problem."""
    return answer.status, answer.json()["type"] if answer.status >= 400 else ""
