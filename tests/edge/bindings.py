"""Bindings in every state, for the tests of health."""

import asyncio

from edge.ports import PortError

SECRET = "sk-very-secret"


class Works:
    """A binding that works."""

    async def probe(self) -> None:
        """Answer."""


class Refuses:
    """A binding with an adapter that gives a reason for its failure."""

    async def probe(self) -> None:
        """Raise the reason."""
        raise PortError("the disk is full")


class Breaks:
    """A binding that fails with a foreign error, of any text."""

    async def probe(self) -> None:
        """Raise an error with a secret in its text."""
        raise RuntimeError(f"bad login {SECRET}")


class Hangs:
    """A binding that never answers."""

    async def probe(self) -> None:
        """Take an hour."""
        await asyncio.sleep(3600)
