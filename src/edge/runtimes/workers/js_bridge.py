"""Conversions between Python and JavaScript. Values cross as JSON text if possible: one step, not one for each part."""

from collections.abc import AsyncIterator
from typing import Any, cast

from js import JSON
from js import Response as JsResponse
from pydantic_core import from_json, to_json
from pyodide.ffi import jsnull, to_js

from edge.errors import PayloadTooLarge
from edge.http import Response


def raw(binding: Any) -> Any:
    """Return the JavaScript object inside one of the SDK's wrappers, whose conversions cost a step for each part."""
    return getattr(binding, "_binding", binding)


def to_object(value: object) -> Any:
    """Return a JSON value as a JavaScript object."""
    return JSON.parse(to_json(value).decode())


def from_object(value: Any) -> Any:
    """Return a JavaScript object as a JSON value; undefined and null as None."""
    text = JSON.stringify(value)
    return from_json(text) if isinstance(text, str) else None


def to_value(value: object) -> Any:
    """Return a string, number, bytes or None as JavaScript takes it; bytes are copied.

    An int is passed as a float: near 2^53 Pyodide would make a BigInt of it, which D1 does not accept.
    """
    if value is None:
        return jsnull
    if isinstance(value, bytes):
        return to_js(value)
    return float(value) if isinstance(value, int) else value


def is_nothing(value: Any) -> bool:
    """Tell whether a value from JavaScript is null or undefined."""
    return value is None or value is jsnull


def message_of(fault: Exception) -> str:
    """Return the message of an error, of JavaScript or Python, without its kind and trace."""
    return str(getattr(fault, "message", "") or fault)


async def read_all(body: Any, limit: int) -> bytes:
    """Return all bytes of a ReadableStream; `PayloadTooLarge` as soon as there are more than `limit`."""
    if is_nothing(body):
        return b""
    reader = body.getReader()
    parts = list[bytes]()
    size = 0
    while True:
        step = await reader.read()
        if step.done:
            return b"".join(parts)
        part = cast("bytes", step.value.to_bytes())
        size += len(part)
        if size > limit:
            await reader.cancel()
            raise PayloadTooLarge(limit)
        parts.append(part)


async def read_at_once(message: Any, limit: int) -> bytes:
    """Return the body of a request or response of a known length: one promise, where `read_all` awaits one a chunk."""
    body = cast("bytes", (await message.arrayBuffer()).to_bytes())
    if len(body) > limit:  # the length was wrong
        raise PayloadTooLarge(limit)
    return body


class NativeStream:
    """A ReadableStream. As a response's body it passes through untouched; its parts are read when Python asks."""

    def __init__(self, body: Any) -> None:
        self.body = body

    async def aclose(self) -> None:
        """Cancel the source, as nobody will read it."""
        await self.body.cancel()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        reader = self.body.getReader()
        try:
            while not (step := await reader.read()).done:
                yield step.value.to_bytes()
        finally:
            await reader.cancel()


class NativeUpgrade(Response):
    """The response that passes on one end of a WebSocket; the object has the other end."""

    __slots__ = ("_answer",)

    def __init__(self, answer: Any) -> None:
        super().__init__(status=101)
        self._answer = answer
        protocol = answer.headers.get("sec-websocket-protocol")
        if isinstance(protocol, str):
            self.headers.append(("sec-websocket-protocol", protocol))

    def to_js(self) -> Any:
        """Return the JavaScript response."""
        init = to_object({"status": 101, "headers": self.headers})
        init.webSocket = self._answer.webSocket
        return JsResponse.new(jsnull, init)
