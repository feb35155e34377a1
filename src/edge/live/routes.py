"""Live events over HTTP: `/events`, `/ws` and their tickets, under any prefix."""

from typing import Annotated, TypedDict

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from edge.access import ADMIN, OPERATOR, READER, Actor
from edge.auth import tickets
from edge.auth.callers import Callers, authenticate, counted, revalidate
from edge.auth.limits import Limits, count_frame
from edge.endpoint import Body, Operation, Query
from edge.errors import BadRequest, Forbidden, NotConfigured
from edge.http import Response
from edge.live.settings import LiveSettings
from edge.ports import Clock, SystemDatabase
from edge.ports.events import Draft, Events, Follow, TooManyConnections, UpgradeRequired
from edge.reach import CHECKED, SELF, UNBOUND, Reach, subject
from edge.request import Request
from edge.routes import Routes
from edge.text import Matching

MOST_TYPES = 50
OWN_LIMIT = 200 * 1024
"""Most bytes of a published event, below the log's limit."""
SSE = "text/event-stream"
_HEADERS = [("content-type", SSE), ("cache-control", "no-store"), ("x-accel-buffering", "no")]


class FollowOptions(BaseModel):
    """The events to follow."""

    model_config = ConfigDict(extra="forbid")

    types: str = Field(
        "",
        max_length=2000,
        description="whole types or `prefix.*`, separated by commas; empty for all",
        examples=["sync.*,drive.recorded"],
    )
    since: int | None = Field(None, ge=0, lt=2**53, description="number of the last event that the client has")
    ticket: str | None = Field(
        None, max_length=100, description="from POST /ws/ticket, for clients that cannot set headers"
    )


class OwnEvent(BaseModel):
    """An event of the owner's own, such as a home-automation rule's."""

    model_config = ConfigDict(extra="forbid")

    type: Annotated[
        str, Matching(r"custom(\.[a-z0-9_-]{1,40}){1,5}", "custom. and names, such as custom.garage.opened")
    ]
    data: JsonValue = None
    subject: str | None = Field(None, max_length=100)


class Published(TypedDict):
    """An event's number in the log."""

    sequence: int


class WrongOrigin(Forbidden):
    """Pages of this origin may not open a socket here."""

    title = "A page of this origin may not open a socket here"


class Ticket(TypedDict):
    """A ticket and the paths of which it opens one, first by `expires_at`, and again until `resumes_until`."""

    ticket: str
    expires_at: str
    resumes_until: str
    ws: str
    events: str


class Live(Routes):
    """The routes of live events, and the authentication of an app that has them.

    `may_publish` tells for which subjects a bound caller may publish events.
    """

    def __init__(self, prefix: str = "", may_publish: Reach = subject("own.subject")) -> None:  # noqa: B008 - a value
        super().__init__(prefix, tag="live", access=READER, reach=CHECKED)
        self.socket_path = f"{prefix}/ws"
        self.stream_path = f"{prefix}/events"
        self.revalidate = revalidate
        self.count_frame = count_frame
        self._declare_streams()
        self._declare_publishing(may_publish)
        self._declare_tickets()

    async def authenticate(
        self, request: Request, callers: Callers, limits: Limits, db: SystemDatabase | None, clock: Clock
    ) -> Actor:
        """Identify the caller by a ticket on the routes that take one, else by key or token; count the call."""
        ticket = self.ticket(request)
        if ticket is None or db is None:
            return await authenticate(request, callers, limits)
        return await counted(await tickets.redeem(ticket, request, callers, db, clock), request, limits)

    def ticket(self, request: Request) -> str | None:
        """Return the ticket in a request's query, if its route takes one."""
        if request.method != "GET" or "ticket=" not in request.query:
            return None
        if request.route not in {self.socket_path, self.stream_path}:
            return None
        return next((value for name, value in request.query_items() if name == "ticket"), None)

    def _declare_streams(self) -> None:
        sse = Operation({200: {SSE: "edge.openapi.events:CloudEvent"}}, reads="Last-Event-ID")

        @self.get("/events", NotConfigured, BadRequest, TooManyConnections, operation=sse)
        async def stream_events(
            request: Request, query: Query[FollowOptions], actor: Actor, events: Events, settings: LiveSettings
        ) -> Response:
            """Follow live events as Server-Sent Events.

            Each event's data is a CloudEvents 1.0 document and its id the number to resume from: a client that
            reconnects with `Last-Event-ID` (or `since`) gets the events that it has missed. Without either, events
            begin now.
            """
            last = request.headers.get("last-event-id")
            since = _number(last) if last else query.since
            return Response(await events.stream(_follow(actor, since, query.types, settings)), headers=[*_HEADERS])

        @self.get("/ws", NotConfigured, UpgradeRequired, WrongOrigin, operation=Operation({101: {}}))
        async def open_socket(
            request: Request, query: Query[FollowOptions], actor: Actor, events: Events, settings: LiveSettings
        ) -> Response:
            """Open a WebSocket on the live events, with frames in both directions.

            The subprotocol is `cloudevents.json`. A client may send `{"type": "ping"}`, `{"type": "subscribe",
            "types": […]}` and `{"type": "chat", "message": …}`; an `id` of at most 200 characters beside them comes
            back in the reply. Every frame but a ping is checked and counted like a request. A socket is closed with
            4401 when its key was revoked or has expired. It is closed with 1013 if the key has as many streams and
            sockets as it may.
            """
            _check_origin(request, settings)
            follow = _follow(actor, query.since, query.types, settings)
            return await events.connect(request.headers, request.id, follow)

    def _declare_publishing(self, may_publish: Reach) -> None:
        problems = (NotConfigured, type(may_publish.refusal()))

        @self.post("/events", *problems, access=OPERATOR, status=202, body_limit=OWN_LIMIT, reach=may_publish)
        async def publish_event(own: Body[OwnEvent], events: Events) -> Published:
            """Publish an event of your own.

            An event with a subject reaches the keys that are bound to it and all unbound keys; one without reaches the
            latter.
            """
            return Published(sequence=await events.publish([Draft(own.type, own.data, own.subject)]))

        @self.delete("/events", NotConfigured, access=ADMIN, reach=UNBOUND)
        async def forget_events(events: Events) -> Published:
            """Delete all stored events; the log continues with an event that reports it."""
            last = await events.publish([Draft("events.forgotten", None)])
            await events.forget()
            return Published(sequence=last)

    def _declare_tickets(self) -> None:
        @self.post("/ws/ticket", status=201, reach=SELF)
        async def make_ticket(actor: Actor, db: SystemDatabase, clock: Clock, callers: Callers) -> Ticket:
            """Get a ticket for /ws or /events, to be used within 30 seconds.

            Its holder may open the same stream again, with the same types, until `resumes_until` or until the key is
            revoked, as an EventSource does after each break.
            """
            new = await tickets.issue(actor, callers, db, clock)
            query = f"ticket={new.text}"
            return Ticket(
                ticket=new.text,
                expires_at=new.expires_at,
                resumes_until=new.resumes_until,
                ws=f"{self.socket_path}?{query}",
                events=f"{self.stream_path}?{query}",
            )


def _follow(actor: Actor, since: int | None, types: str, settings: LiveSettings) -> Follow:
    names = tuple(name for name in (part.strip() for part in types.split(",")) if name)
    if len(names) > MOST_TYPES:
        raise BadRequest(f"types: at most {MOST_TYPES}")
    return Follow(actor, since, names, settings.live_max_connections, settings.live_check_s)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise BadRequest("Last-Event-ID is the number of an event")
    return int(text)


def _check_origin(request: Request, settings: LiveSettings) -> None:
    """Refuse a page of another site: CORS does not apply, as a browser opens a socket without a preflight."""
    origin = request.headers.get("origin")
    allowed = settings.cors_allowed_origins
    if origin is None or "*" in allowed or origin in allowed:
        return
    host = request.headers.get("host")
    if not host or origin.partition("://")[2] != host:
        raise WrongOrigin(f"{origin[:100]} is not in CORS_ALLOWED_ORIGINS")
