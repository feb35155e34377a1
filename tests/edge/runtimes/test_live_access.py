"""Open connections by credential: one look-up for all of a key, expiry at once, and the bound on each key."""

import asyncio
from collections.abc import Callable
from time import time

import pytest

from edge.access import READER, Actor
from edge.errors import Unauthorized
from edge.ports import DatabaseAway
from edge.ports.events import TooManyConnections
from edge.runtimes import live_access
from edge.runtimes.live_access import Connections
from edge.runtimes.live_wire import Close

PHONE = Actor("phone", READER)


class Open:
    """A connection that notes its end."""

    def __init__(self, actor: Actor, check_s: float = 30.0, ticket: str = "") -> None:
        self.actor = actor
        self.ticket = ticket
        self.check_s = check_s
        self.closed: Close | None = None

    def update_actor(self, actor: Actor) -> None:
        self.actor = actor

    def close(self, why: Close) -> None:
        self.closed = why


class Keys:
    """Credentials as they are now; it notes each look-up."""

    def __init__(self) -> None:
        self.looked_up: list[Actor] = []
        self.revoked: set[str] = set()
        self.is_away = False
        self.missed: list[int] = []
        self.current: Callable[[Actor], Actor] = lambda actor: actor

    async def revalidate(self, actor: Actor) -> Actor:
        self.looked_up.append(actor)
        await asyncio.sleep(0)
        if self.is_away:
            raise DatabaseAway("database is locked")
        if actor.name in self.revoked:
            raise Unauthorized("the key was revoked")
        return self.current(actor)

    def connections(self) -> Connections[Open]:
        return Connections(self.revalidate, self.missed.append)


def entered(connections: Connections[Open], actor: Actor, count: int = 1) -> list[Open]:
    some = [Open(actor) for _ in range(count)]
    for connection in some:
        connections.enter(connection)
    return some


def test_thousands_of_connections_of_one_key_make_one_look_up() -> None:
    keys = Keys()
    connections = keys.connections()
    ours = entered(connections, PHONE, 5000)
    others = entered(connections, Actor("tablet", READER), 10)
    keys.revoked.add("phone")
    connections.look_at = 0
    asyncio.run(connections.check())
    assert sorted(actor.name for actor in keys.looked_up) == ["phone", "tablet"]
    assert {connection.closed for connection in ours} == {Close.UNAUTHORIZED}
    assert {connection.closed for connection in others} == {None}


def test_credential_is_not_looked_up_before_its_time() -> None:
    keys = Keys()
    connections = keys.connections()
    began = time()
    entered(connections, PHONE)
    assert began + 29 < connections.due <= time() + 30
    asyncio.run(connections.check())
    assert keys.looked_up == []
    assert connections.due == connections.look_at


def test_connection_ends_when_its_credential_expires_without_a_look_up() -> None:
    keys = Keys()
    connections = keys.connections()
    ends = time() + 5
    (later,) = entered(connections, Actor("phone", READER, expires_at=ends))
    assert connections.due == ends
    (over,) = entered(connections, Actor("phone", READER, expires_at=time() - 1))
    assert connections.due <= time()
    asyncio.run(connections.check())
    assert (later.closed, over.closed, keys.looked_up) == (None, Close.UNAUTHORIZED, [])
    assert connections.due == ends


def test_connection_stays_while_its_credential_cannot_be_checked() -> None:
    keys = Keys()
    connections = keys.connections()
    (connection,) = entered(connections, PHONE)
    keys.is_away = True
    connections.look_at = 0
    asyncio.run(connections.check())
    assert (connection.closed, keys.missed) == (None, [1])
    assert connections.due <= time() + live_access.RETRY_S
    keys.is_away = False
    connections.look_at = 0
    keys.revoked.add("phone")
    asyncio.run(connections.check())
    assert connection.closed is Close.UNAUTHORIZED


def test_ticket_holds_two_connections_and_a_further_one_closes_the_oldest() -> None:
    connections = Keys().connections()
    tickets = ["a", "b", "a", "", "a", "", "a", ""]
    some = [Open(PHONE, ticket=ticket) for ticket in tickets]
    for connection in some:
        connections.enter(connection)
    closed = [number for number, connection in enumerate(some) if connection.closed is not None]
    assert (closed, some[0].closed) == ([0, 2], Close.TRY_LATER)
    other = Open(Actor("tablet", READER), ticket="a")
    connections.enter(other)
    assert (some[4].closed, other.closed) == (None, None)


def test_connection_continues_with_the_changed_rights_of_its_credential() -> None:
    keys = Keys()
    connections = keys.connections()
    some = entered(connections, PHONE, 3)
    narrowed = Actor("phone", READER, frozenset({"car-1"}))
    keys.current = lambda _: narrowed
    connections.look_at = 0
    asyncio.run(connections.check())
    assert {connection.actor for connection in some} == {narrowed}
    assert connections.count("phone") == 3


def test_credentials_are_looked_up_some_at_a_time() -> None:
    keys = Keys()
    connections = keys.connections()
    names = [f"key-{number}" for number in range(live_access.ROUND + 20)]
    for name in names:
        entered(connections, Actor(name, READER))
    connections.look_at = 0
    asyncio.run(connections.check())
    assert len(keys.looked_up) == live_access.ROUND
    assert connections.due <= time() + 1
    connections.look_at = 0
    asyncio.run(connections.check())
    assert sorted({actor.name for actor in keys.looked_up}) == sorted(names)
    assert len(keys.looked_up) == len(names)
    assert connections.due > time() + 20


def test_key_holds_so_many_connections_by_whatever_credential() -> None:
    connections = Keys().connections()
    token = Actor("phone", READER, frozenset({"car-1"}), is_token=True, expires_at=time() + 60)
    first, second = Open(PHONE), Open(token)
    connections.enter(first, 2)
    connections.enter(second, 2)
    for actor in (PHONE, token):
        with pytest.raises(TooManyConnections):
            connections.enter(Open(actor), 2)
    connections.enter(Open(Actor("tablet", READER)), 2)
    connections.leave(first)
    connections.leave(first)
    connections.enter(Open(token), 2)
    assert connections.count("phone") == 2


def test_connections_that_left_are_forgotten() -> None:
    connections = Keys().connections()
    some = entered(connections, PHONE, 2)
    for connection in some:
        connections.leave(connection)
    assert (bool(connections), [*connections], connections.due) == (False, [], float("inf"))
