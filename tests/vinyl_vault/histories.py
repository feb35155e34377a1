"""Random histories of devices, with lost requests and answers, late repeats, and pushes between a read and its write.

What must hold at the end: all copies are equal; each value that was ever typed is there, or was replaced or deleted by
somebody who saw it, or stands in the list of conflicts; a repeat changes nothing; users never mix.
"""

import random
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from tests.vinyl_vault.devices import FIELDS, Device, Exchange, Reply

RECORDS = ("r1", "r2", "r3")


class Seen(NamedTuple):
    """A user's records and conflicts, as the server holds them."""

    records: dict[str, dict[str, Any]]
    conflicts: list[Any]
    rev: int


class Server:
    """A server of a test: `send` is one exchange of a user, `look` shows all of a user's rows."""

    whole_records = False

    async def send(self, user: str, body: bytes) -> Reply:
        """Answer a push."""
        raise NotImplementedError

    async def look(self, user: str) -> Seen:
        """Return what is stored of a user."""
        raise NotImplementedError

    async def purge(self, user: str) -> None:
        """Purge a user's deletions, where the test can."""

    def between(self, work: Callable[[], Awaitable[None]] | None) -> None:
        """Let something happen between the next read and its write, where the test can."""


class Violation(AssertionError):
    """An invariant does not hold."""


class User:
    """One user's devices, and what they have typed."""

    def __init__(self, name: str, draw: random.Random, server: Server) -> None:
        self.name = name
        self.draw = draw
        self.devices = [Device(f"d{n}", whole_records=server.whole_records) for n in range(draw.choice((2, 2, 3)))]
        self.typed: dict[str, tuple[str, str]] = {}
        self.excused: set[str] = set()
        self.sent: set[bytes] = set()
        self.late: list[bytes] = []

    def type(self, device: Device) -> None:
        """Let a person edit or delete something."""
        record_id = self.draw.choice(RECORDS)
        shown = device.screen(record_id)
        if shown is not None and self.draw.random() < 0.2:
            self.excused |= values_of(shown)
            device.delete(record_id)
            return
        name = self.draw.choice(FIELDS) if shown else "artist"
        value = f"{self.name}:{len(self.typed)}"
        self.typed[value] = (record_id, name)
        if name == "tags":
            removed = [tag for tag in (shown or {}).get("tags", []) if self.draw.random() < 0.3]
            self.excused |= {*removed}
            device.edit(record_id, name, {"add": [value], "remove": removed})
            return
        self.excused |= {(shown or {}).get(name, "")}
        device.edit(record_id, name, value)


def values_of(fields: dict[str, Any]) -> set[str]:
    """Return all values of a record."""
    return {item for value in fields.values() for item in (value if isinstance(value, list) else [value])}


class History:
    """One random history of two users who use the same ids."""

    def __init__(self, seed: int, server: Server) -> None:
        self.draw = random.Random(seed)
        self.server = server
        self.users = [User(f"u{seed}{name}", self.draw, server) for name in "ab"]
        self.depth = 0

    async def run(self, steps: int = 40) -> None:
        """Play the history, bring all devices to rest, and check what must hold."""
        for _ in range(steps):
            await self.step(self.draw.choice(self.users))
        self.server.between(None)
        for user in self.users:
            await self.settle(user)
        for user in self.users:
            await self.check(user)

    async def step(self, user: User) -> None:
        """Let one thing happen."""
        chance = self.draw.random()
        device = self.draw.choice(user.devices)
        if chance < 0.45:
            user.type(device)
        elif chance < 0.90 or (chance < 0.97 and not user.late):
            await self.sync(user, device)
        elif chance >= 0.97:
            await self.server.purge(user.name)
        else:
            await self.repeat(user, user.late.pop(self.draw.randrange(len(user.late))))

    async def sync(self, user: User, device: Device) -> None:
        """Let a device sync, over a network that loses what it likes."""
        if self.depth == 0 and self.draw.random() < 0.5:
            others = [other for other in user.devices if other is not device]
            self.server.between(lambda: self.disturb(user, self.draw.choice(others)))
        await device.sync(self.network(user), self.draw.choice((1, 2, 3, 5, 100)))
        self.server.between(None)

    async def disturb(self, user: User, device: Device) -> None:
        """Let another device do something in the middle of a push."""
        self.depth += 1
        for _ in range(self.draw.choice((1, 1, 2))):
            if self.draw.random() < 0.5:
                user.type(device)
            await device.sync(self.network(user), 100)
        self.depth -= 1

    def network(self, user: User) -> Exchange:
        """Return the network of a device."""

        async def exchange(body: bytes) -> Reply | None:
            if self.draw.random() < 0.1:
                user.late.append(body)  # it may still arrive
                return None
            user.sent.add(body)
            reply = await self.server.send(user.name, body)
            if self.draw.random() < 0.15:
                user.late.append(body)
            return None if self.draw.random() < 0.15 else reply

        return exchange

    async def repeat(self, user: User, body: bytes) -> None:
        """Deliver a request late; one that was answered before changes nothing."""
        if body not in user.sent:
            user.sent.add(body)
            reply = await self.server.send(user.name, body)
            assert reply.status in {200, 409}, reply
            return
        before = await self.server.look(user.name)
        await self.server.send(user.name, body)
        if await self.server.look(user.name) != before:
            raise Violation("a repeat changes something")

    async def settle(self, user: User) -> None:
        """Let all devices sync until nothing waits and all have seen everything."""

        async def reliable(body: bytes) -> Reply | None:
            return await self.server.send(user.name, body)

        for _ in range(3):
            for device in user.devices:
                for _ in range(100):
                    await device.sync(reliable, 100)
                    if not device.is_waiting:
                        break

    async def check(self, user: User) -> None:
        """Raise `Violation` unless what must hold does."""
        stored = await self.server.look(user.name)
        for device in user.devices:
            if device.known != stored.records:
                raise Violation(f"{user.name} {device.name} shows {device.known}, stored is {stored.records}")
        final = {value for fields in stored.records.values() for value in values_of(fields)}
        if foreign := [value for value in final if not value.startswith(f"{user.name}:")]:
            raise Violation(f"{user.name} has {foreign}")
        lost = {value for conflict in stored.conflicts for value in _texts(conflict)}
        if gone := user.typed.keys() - final - user.excused - lost:
            raise Violation(f"{user.name} typed {sorted(gone)}, and nobody saw them go")


def _texts(value: Any) -> set[str]:
    if isinstance(value, list):
        return {text for item in value for text in _texts(item)}
    return {value} if isinstance(value, str) else set()
