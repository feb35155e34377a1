"""Random histories of devices, with lost requests and answers, late repeats, and writes between a read and its write.

Invariants at the end: all copies are equal. Each value ever entered is stored, or was replaced or deleted by a device
that had seen it, or is in the list of conflicts. A repeat changes nothing, and users never mix.
"""

import random
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from tests.vinyl_vault.devices import FIELDS, Device, Exchange, Reply

RECORDS = ("r1", "r2", "r3")


class Seen(NamedTuple):
    """A user's records and conflicts on the server."""

    records: dict[str, dict[str, Any]]
    conflicts: list[Any]
    rev: int


class Server:
    """A test server: `send` performs one exchange, `look` returns all rows of a user."""

    whole_records = False

    async def send(self, user: str, body: bytes) -> Reply:
        """Send a push; return the answer."""
        raise NotImplementedError

    async def look(self, user: str) -> Seen:
        """Return the stored data of a user."""
        raise NotImplementedError

    async def purge(self, user: str) -> None:
        """Purge a user's deletions, if the server supports it."""

    def between(self, work: Callable[[], Awaitable[None]] | None) -> None:
        """Call a function between the next read and its write, if the server supports it."""


class Violation(AssertionError):
    """An invariant is violated."""


class User:
    """One user's devices, and the values entered on them."""

    def __init__(self, name: str, draw: random.Random, server: Server) -> None:
        self.name = name
        self.draw = draw
        self.devices = [Device(f"d{n}", whole_records=server.whole_records) for n in range(draw.choice((2, 2, 3)))]
        self.typed: dict[str, tuple[str, str]] = {}
        self.excused: set[str] = set()
        self.sent: set[bytes] = set()
        self.late: list[bytes] = []

    def type(self, device: Device) -> None:
        """Edit or delete a random record on a device."""
        record_id = self.draw.choice(RECORDS)
        visible = device.screen(record_id)
        if visible is not None and self.draw.random() < 0.2:
            self.excused |= values_of(visible)
            device.delete(record_id)
            return
        name = self.draw.choice(FIELDS) if visible else "artist"
        value = f"{self.name}:{len(self.typed)}"
        self.typed[value] = (record_id, name)
        if name == "tags":
            removed = [tag for tag in (visible or {}).get("tags", []) if self.draw.random() < 0.3]
            self.excused |= {*removed}
            device.edit(record_id, name, {"add": [value], "remove": removed})
            return
        self.excused |= {(visible or {}).get(name, "")}
        device.edit(record_id, name, value)


def values_of(fields: dict[str, Any]) -> set[str]:
    """Return all values of a record."""
    return {item for value in fields.values() for item in (value if isinstance(value, list) else [value])}


class History:
    """One random history of two users with the same record ids."""

    def __init__(self, seed: int, server: Server) -> None:
        self.draw = random.Random(seed)
        self.server = server
        self.users = [User(f"u{seed}{name}", self.draw, server) for name in "ab"]
        self.depth = 0

    async def run(self, steps: int = 40) -> None:
        """Run the history, let all devices settle, and check the invariants."""
        for _ in range(steps):
            await self.step(self.draw.choice(self.users))
        self.server.between(None)
        for user in self.users:
            await self.settle(user)
        for user in self.users:
            await self.check(user)

    async def step(self, user: User) -> None:
        """Perform one random step."""
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
        """Sync a device over a lossy network."""
        if self.depth == 0 and self.draw.random() < 0.5:
            others = [other for other in user.devices if other is not device]
            self.server.between(lambda: self.disturb(user, self.draw.choice(others)))
        await device.sync(self.network(user), self.draw.choice((1, 2, 3, 5, 100)))
        self.server.between(None)

    async def disturb(self, user: User, device: Device) -> None:
        """Let another device act in the middle of a push."""
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
        """Deliver a request late; a repeated one must change nothing."""
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
        """Sync all devices until none has pending edits and all are up to date."""

        async def reliable(body: bytes) -> Reply | None:
            return await self.server.send(user.name, body)

        for _ in range(3):
            for device in user.devices:
                for _ in range(100):
                    await device.sync(reliable, 100)
                    if not device.is_waiting:
                        break

    async def check(self, user: User) -> None:
        """Raise `Violation` unless all invariants hold."""
        stored = await self.server.look(user.name)
        for device in user.devices:
            if device.records != stored.records:
                raise Violation(f"{user.name} {device.name} shows {device.records}, stored is {stored.records}")
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
