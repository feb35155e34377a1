"""Request: one HTTP request, as every runtime hands it to an app."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from pydantic_core import from_json

from edge.access import Actor
from edge.context import Ports
from edge.errors import ConditionsUnsupported, MalformedJson, PayloadTooLarge, Problem, UnsupportedMediaType
from edge.http import Headers, Trace, percent_decode

BODY_LIMIT = 1024 * 1024
"""Most bytes of a request body, unless its route sets another limit."""

URL_LIMIT = 16 * 1024
"""Most characters of a request's encoded path and query, as at Cloudflare."""

CONDITIONS = ("if-match", "if-none-match", "if-unmodified-since")
"""Headers by which a client makes a change conditional on the state that it knows (RFC 9110, 13.1)."""


class Request:
    """One HTTP request.

    `path` and `query` are those of the request line, still percent-encoded. `params` are the decoded values of the
    route's path parameters in their order; `route`, `actor`, `id`, `trace_ids` (the parts of its `trace`) and
    `limit_states` (of the limits that count the request) are set by the pipeline. A server that is full sets a
    `refusal`, which becomes the answer. `client` is the sender's address, or a function that finds it at the first use.
    """

    __slots__ = (
        "_body",
        "_client",
        "_read",
        "actor",
        "headers",
        "id",
        "limit_states",
        "method",
        "params",
        "path",
        "ports",
        "query",
        "refusal",
        "route",
        "trace_ids",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of a request line and nothing else
        self,
        method: str,
        path: str,
        query: str,
        headers: Headers,
        read: Callable[[int], Awaitable[bytes]],
        ports: Ports,
        client: str | Callable[[], str] = "",
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.ports = ports
        self._client = client
        self.params: tuple[str, ...] = ()
        self.route = ""
        self.id = ""
        self.trace_ids: tuple[str, ...] | None = None
        self.actor: Actor | None = None
        self.limit_states: list[Any] = []
        self.refusal: Problem | None = None
        self._read = read
        self._body: bytes | None = None

    @property
    def client(self) -> str:
        """The request's client address, as the runtime reports it; empty if it has none."""
        if not isinstance(self._client, str):
            self._client = self._client()
        return self._client

    @property
    def trace(self) -> Trace | None:
        """The request's trace context; None before the pipeline has set it."""
        return None if self.trace_ids is None else Trace(*self.trace_ids)

    async def body(self, limit: int = BODY_LIMIT) -> bytes:
        """Return the whole body, read once; `PayloadTooLarge` beyond `limit` bytes.

        `UnsupportedMediaType` if it is compressed: a small body could become any size.
        """
        if self._body is None:
            coding = self.headers.get("content-encoding")
            if coding and coding.strip().lower() != "identity":
                accepted = [("accept-encoding", "identity")]
                raise UnsupportedMediaType(f"send the body as it is, not as {coding[:100]}", headers=accepted)
            announced = self.headers.get("content-length")
            if announced and announced.isdecimal() and (len(announced) > 18 or int(announced) > limit):
                raise PayloadTooLarge(limit)
            self._body = await self._read(limit)
        return self._body

    async def json(self, limit: int = BODY_LIMIT) -> Any:
        """Return the body as a JSON value; `MalformedJson` if it is none."""
        try:
            return from_json(await self.body(limit), allow_inf_nan=False)
        except ValueError as fault:
            raise MalformedJson(str(fault)) from None

    def query_items(self) -> list[tuple[str, str]]:
        """Return the query's pairs in their order, decoded; `BadEncoding` for a wrong escape or no UTF-8."""
        if not self.query:
            return []
        pairs = (pair.partition("=") for pair in self.query.split("&") if pair)
        return [(_form(name), _form(value)) for name, _, value in pairs]


def refuse_conditions(request: Request, names: Iterable[str]) -> None:
    """Raise `ConditionsUnsupported` for a conditional change: ignored, its condition would let it overwrite others'."""
    if request.method in {"GET", "HEAD"}:
        return
    for name in names:
        if request.headers.get(name) is not None:
            raise ConditionsUnsupported(f"{name} is not evaluated: leave it out to change what is there now")


def _form(text: str) -> str:
    return percent_decode(text.replace("+", " "))
