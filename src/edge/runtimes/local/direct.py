"""Writing live events straight to the connections: one text for all readers, without a task or a parser for each."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from websockets.frames import Frame, Opcode

from edge.runtimes.live_readers import Payload

type WriteNow = Callable[[bytes], bool]

WRITE_NOW = "edge.write_now"
"""The member of an ASGI scope that writes whole frames at once; it returns False if the client is behind or gone."""


@runtime_checkable
class DirectBody(Protocol):
    """A body that can write past its response once that has begun."""

    def write_with(self, write: WriteNow) -> None:
        """Write frames by `write` from now on, whenever no earlier part waits."""


def chunk(payload: Payload) -> bytes:
    """Return bytes as a chunk of a body (RFC 9112, 7.1)."""
    data = _encoded(payload)
    return b"%x\r\n%b\r\n" % (len(data), data)


def text_frame(payload: Payload) -> bytes:
    """Return a text as a WebSocket's frame (RFC 6455, 5.2)."""
    return Frame(Opcode.TEXT, _encoded(payload)).serialize(mask=False)


def _encoded(payload: Payload) -> bytes:
    """Return a payload as bytes."""
    return payload.encode() if isinstance(payload, str) else payload
