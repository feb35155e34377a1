"""Assets: the static files published with an app."""

from typing import Protocol

from edge.http import Response


class Assets(Protocol):
    """The static files that are published with the app."""

    async def get(self, path: str, if_none_match: str | None = None) -> Response | None:
        """Return the file for a URL path, 304 if its ETag is among `if_none_match`, or None."""
