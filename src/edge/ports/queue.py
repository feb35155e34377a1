"""Queue: messages to a consumer."""

from collections.abc import Sequence
from typing import Protocol


class Queue(Protocol):
    """A queue to send to. A message is JSON of at most 128,000 bytes, a batch 100 of them or 256,000 bytes."""

    async def send(self, body: object, *, delay: int = 0) -> None:
        """Send one message, to be delivered after `delay` seconds (0 to 43,200)."""

    async def send_batch(self, bodies: Sequence[object], *, delay: int = 0) -> None:
        """Send several messages: all of them or none."""

    async def probe(self) -> None:
        """Raise `PortError` unless the queue answers."""
