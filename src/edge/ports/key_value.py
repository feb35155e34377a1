"""KeyValue: small values by name, with expiry."""

from typing import NamedTuple, Protocol


class Keys(NamedTuple):
    """One page of a key listing; `cursor` is None on the last."""

    names: list[str]
    cursor: str | None


class KeyValue(Protocol):
    """Values by name, with expiry: written rarely, read often, and elsewhere up to 60 s late.

    A name has at most 512 bytes, a value 25 MiB, a lifetime is at least 60 s.
    """

    async def get(self, name: str) -> bytes | None:
        """Return the value, or None if there is none or it has expired."""

    async def put(self, name: str, value: bytes | str, *, ttl: int | None = None) -> None:
        """Store a value, for `ttl` seconds if set."""

    async def delete(self, name: str) -> None:
        """Remove a value; do nothing if there is none."""

    async def list(self, prefix: str = "", *, limit: int = 1000, cursor: str | None = None) -> Keys:
        """Return names that begin with `prefix`, sorted, `limit` at a time."""

    async def probe(self) -> None:
        """Raise `PortError` unless the store answers."""
