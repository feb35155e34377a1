"""Password hashes: scrypt, stored as PHC strings with their cost; few at a time, with a bounded queue."""

import secrets
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hmac import compare_digest
from typing import NamedTuple

from edge.errors import Overloaded
from edge.ports import Clock
from edge.ports.crypto import Crypto, ScryptCost, check_scrypt

POLICY = ScryptCost(2**14, 8, 5)
"""The cost of new hashes: 16 MiB, and the least that OWASP advises for so much. It may only be raised."""
SALT_BYTES = 16
HASH_BYTES = 32
MOST_AT_ONCE = 2
"""Hashes that one isolate or process makes at a time."""
MOST_WAITING = 16
"""Most hashes in the queue; further callers get an error and may retry."""
LONGEST_WAIT_S = 30.0
"""Seconds after which a hash counts as abandoned: a Worker's event may end without notice."""
_TURN_S = 0.01


class PasswordHash(NamedTuple):
    """A hash with its salt and cost; its text is a PHC string."""

    cost: ScryptCost
    salt: bytes
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> "PasswordHash":
        """Return the hash of a PHC string; `ValueError` if it is none of scrypt."""
        empty, name, parameters, salt, digest = text.split("$")
        pairs = dict(pair.split("=", 1) for pair in parameters.split(","))
        if empty or name != "scrypt" or pairs.keys() != {"ln", "r", "p"}:
            raise ValueError("not a PHC string of scrypt")
        log = int(pairs["ln"])
        if not 1 <= log <= 30:
            raise ValueError("the cost of scrypt is out of range")
        cost = ScryptCost(2**log, int(pairs["r"]), int(pairs["p"]))
        return cls(cost, _decoded(salt), _decoded(digest))

    def __str__(self) -> str:
        n, r, p = self.cost
        return f"$scrypt$ln={n.bit_length() - 1},r={r},p={p}${_encoded(self.salt)}${_encoded(self.digest)}"


class Checked(NamedTuple):
    """The result of a check: whether the password fits, and whether its hash is of an older cost."""

    fits: bool
    is_old: bool = False


class Hasher:
    """Makes hashes of the present `cost`, and checks those of any cost in the same time."""

    def __init__(self, crypto: Crypto, clock: Clock, cost: ScryptCost = POLICY) -> None:
        self.cost = cost
        self._crypto = crypto
        self._clock = clock
        self._entered: dict[object, float] = {}
        self._running: set[object] = set()

    async def make(self, password: str) -> str:
        """Return the PHC string of a new hash; `Overloaded` if too many wait."""
        async with self._turn():
            salt = secrets.token_bytes(SALT_BYTES)
            return str(PasswordHash(self.cost, salt, await self._derive(password, salt, self.cost, HASH_BYTES)))

    async def check(self, password: str, stored: str | None) -> Checked:
        """Check a password against a stored hash.

        None, for an unknown user, takes the same time. `Overloaded` as above.
        """
        async with self._turn():
            stored_hash = _readable(stored)
            checked = stored_hash or PasswordHash(self.cost, secrets.token_bytes(SALT_BYTES), bytes(HASH_BYTES))
            padding = padding_cost(checked.cost, self.cost)
            is_last = _work(checked.cost) < _work(padding)  # the larger hash is always the first
            if is_last:
                await self._derive(password, checked.salt, padding, HASH_BYTES)
            digest = await self._derive(password, checked.salt, checked.cost, len(checked.digest))
            if not is_last:
                await self._derive(password, checked.salt, padding, HASH_BYTES)
            if stored_hash is None:
                return Checked(fits=False)
            return Checked(compare_digest(digest, checked.digest), checked.cost != self.cost)

    async def _derive(self, password: str, salt: bytes, cost: ScryptCost, length: int) -> bytes:
        return await self._crypto.scrypt(password.encode(), salt, cost, length)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for a turn. It polls, as a Worker's events may share no future."""
        self._forget_abandoned()
        if len(self._entered) >= MOST_AT_ONCE + MOST_WAITING:
            raise Overloaded("many passwords are being checked", wait=2)
        mark = object()
        self._entered[mark] = self._clock.now().timestamp()
        try:
            await self._clock.sleep(0)
            while len(self._running) >= MOST_AT_ONCE:
                await self._clock.sleep(_TURN_S)
                self._forget_abandoned()
            self._running.add(mark)
            yield
        finally:
            self._entered.pop(mark, None)
            self._running.discard(mark)

    def _forget_abandoned(self) -> None:
        before = self._clock.now().timestamp() - LONGEST_WAIT_S
        for mark in [mark for mark, at in self._entered.items() if at < before]:
            del self._entered[mark]
            self._running.discard(mark)


def _readable(stored: str | None) -> PasswordHash | None:
    """Return a stored hash; None if there is none or it cannot be checked: no password fits it."""
    try:
        stored_hash = PasswordHash.parse(stored) if stored is not None else None
        if stored_hash is not None:
            check_scrypt(stored_hash.cost, len(stored_hash.digest))
    except ValueError:
        return None
    return stored_hash


def _work(cost: ScryptCost) -> int:
    return cost.n * cost.r * cost.p


def padding_cost(cost: ScryptCost, present: ScryptCost) -> ScryptCost:
    """Return the cost of a second hash that makes each check take as long as any other.

    Together they do the work of a hash of the present cost, and of one of its parts more. Each check makes two hashes,
    as the call and the memory of a second one take time by themselves; the second needs as much memory as the present
    cost: with less, the same work takes less time.
    """
    unit = present.n * present.r
    missing = unit * (present.p + 1) - _work(cost)
    return present._replace(p=max(-(-missing // unit), 1))


def _encoded(data: bytes) -> str:
    return b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    try:
        data = b64decode(text + "=" * (-len(text) % 4), validate=True)
    except Base64Error as fault:
        raise ValueError("no base64") from fault
    if not data or _encoded(data) != text:
        raise ValueError("not base64 without padding")
    return data
