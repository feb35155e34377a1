"""Limits on connections, requests and bytes: in total, and for each address or key."""

from edge.errors import Overloaded
from edge.runtimes.local.in_flight import InFlight

MOST_CONNECTIONS = 6000
"""Connections that are open at once, live streams among them; the file limit may allow fewer."""
MOST_AT_WORK = 256
"""Requests that are in work at once. Further ones get 503 immediately, so that none waits in memory."""
TIME_LIMIT = 300
"""Seconds that an answer may take to begin."""
MOST_BODIES = 2048
"""Request bodies that are being received at once."""
MOST_RECEIVED = 64 * 1024 * 1024
"""Bytes of incomplete heads and bodies."""
MOST_UNSENT = 128 * 1024 * 1024
"""Bytes of responses that clients have not accepted yet."""

NOBODY = ""
"""A holder without a share of its own: its amounts count only towards the total."""


class Budget:
    """A shared amount: at most `total` is taken in all, and at most `share` by each holder."""

    __slots__ = ("_by_holder", "share", "total", "used")

    def __init__(self, total: int, share: int) -> None:
        self.total = total
        self.share = share
        self.used = 0
        self._by_holder: dict[str, int] = {}

    def take(self, holder: str, amount: int = 1, share: int = 0) -> bool:
        """Take an amount, or return False; `share` replaces the usual share for this holder."""
        used = self._by_holder.get(holder, 0) + amount
        if self.used + amount > self.total or (used > (share or self.share) and holder):
            return False
        self._by_holder[holder] = used
        self.used += amount
        return True

    def give_back(self, holder: str, amount: int = 1) -> None:
        """Return an amount that a holder took."""
        left = self._by_holder[holder] - amount
        if left:
            self._by_holder[holder] = left
        else:
            del self._by_holder[holder]
        self.used -= amount


class Bounds:
    """All bounds of one server. One address has at most half of the places at work, and less of everything else."""

    def __init__(self, connections: int = MOST_CONNECTIONS, turned_away: int = 128) -> None:
        self.connections = Budget(connections, connections // 4)
        self.local_connections = connections * 7 // 8
        """The share of a loopback address, which proxies, scripts and the machine's owner have in common."""
        self.turned_away = Budget(turned_away, turned_away)
        """Refused connections that are still open until their answer has arrived."""
        self.work = InFlight(MOST_AT_WORK, MOST_AT_WORK // 2, TIME_LIMIT)
        self.bodies = Budget(MOST_BODIES, MOST_BODIES // 8)
        self.bodies_of_keys = Budget(MOST_BODIES, MOST_BODIES // 8)
        self.received = Budget(MOST_RECEIVED, MOST_RECEIVED // 4)
        self.received_of_keys = Budget(MOST_RECEIVED, MOST_RECEIVED // 4)
        self.unsent = Budget(MOST_UNSENT, MOST_UNSENT // 4)


class Arrival:
    """A body that is being received, and the number of its bytes so far; it counts for an address and for a key."""

    __slots__ = ("_address", "_bounds", "_key", "_size")

    def __init__(self, bounds: Bounds, address: str, key: str) -> None:
        self._bounds = bounds
        self._address = address
        self._key = key
        self._size = 0
        if not bounds.bodies.take(address):
            raise Overloaded("too many request bodies are incomplete, in all or of one address")
        if not bounds.bodies_of_keys.take(key):
            bounds.bodies.give_back(address)
            raise Overloaded("too many request bodies of one key are incomplete")

    def add(self, size: int) -> None:
        """Count bytes; `Overloaded` if too many bytes of incomplete bodies have come."""
        bounds = self._bounds
        if not size:
            return
        if not bounds.received.take(self._address, size):
            raise Overloaded("too many bytes are incomplete, in all or of one address")
        if not bounds.received_of_keys.take(self._key, size):
            bounds.received.give_back(self._address, size)
            raise Overloaded("too many bytes of one key are incomplete")
        self._size += size

    def end(self) -> None:
        """Stop counting the body, which is complete or abandoned."""
        if self._size:
            self._bounds.received.give_back(self._address, self._size)
            self._bounds.received_of_keys.give_back(self._key, self._size)
        self._bounds.bodies.give_back(self._address)
        self._bounds.bodies_of_keys.give_back(self._key)
