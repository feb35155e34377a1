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
        """Say why."""
        raise PortError("the disk is full")


class Breaks:
    """A binding that fails with an error that is not ours, and may say anything."""

    async def probe(self) -> None:
        """Tell a secret."""
        raise RuntimeError(f"bad login {SECRET}")


class Hangs:
    """A binding that never answers."""

    async def probe(self) -> None:
        """Take an hour."""
        await asyncio.sleep(3600)
