"""Fetch: outbound HTTP by the runtime's own client."""

from typing import NamedTuple, Protocol

from edge.http import HeaderList
from edge.ports.errors import PortError


class FetchError(PortError):
    """No whole response came: no connection, a broken one, or (as `FetchTimeout`) none in time."""


class FetchUnreached(FetchError):
    """No connection was made, so nothing was sent; not every runtime can tell this apart."""


class FetchTimeout(FetchError):
    """The deadline passed before the response was whole."""


class Fetched(NamedTuple):
    """A whole response of another server; header names are lower case, `body` is decompressed."""

    status: int
    headers: HeaderList
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of the header called `name` (lower case), or None."""
        return next((value for key, value in self.headers if key == name), None)


class Fetch(Protocol):
    """Outbound HTTP by the runtime's own client. It follows no redirect and stores no cookie."""

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: HeaderList | None = None,
        body: bytes = b"",
        timeout: float = 10.0,
    ) -> Fetched:
        """Send a request to `url`, which is already encoded, and return the whole response.

        `timeout` is in seconds over all of it. Errors: `FetchError`, `FetchTimeout`.
        """
