"""`/events` and `/ws`: what happens, as it happens, in one order for everybody; and events of the owner's own."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from core_tessie.reach import VehicleOutOfReach, reach
from core_tessie.settings import TessieSettings
from edge.access import ADMIN, OPERATOR, READER, Actor
from edge.endpoint import Body, Operation, Query
from edge.errors import BadRequest, Forbidden, NotConfigured
from edge.http import Response
from edge.ports.events import Draft, Events, Follow, TooManyConnections, UpgradeRequired
from edge.request import Request
from edge.routes import Routes
from edge.text import Matching

routes = Routes(tag="live", access=READER)

MOST_TYPES = 50
OWN_LIMIT = 200 * 1024
"""Bytes of an event of one's own, below what the log takes."""
SSE = "text/event-stream"
_HEADERS = [("content-type", SSE), ("cache-control", "no-store"), ("x-accel-buffering", "no")]


class FollowOptions(BaseModel):
    """What to follow."""

    model_config = ConfigDict(extra="forbid")

    types: str = Field(
        "",
        max_length=2000,
        description="whole types or `prefix.*`, separated by commas; empty for all",
        examples=["sync.*,drive.recorded"],
    )
    since: int | None = Field(None, ge=0, lt=2**53, description="number of the last event that the client has")
    ticket: str | None = Field(None, max_length=100, description="from POST /ws/ticket, where no header can be set")


class OwnEvent(BaseModel):
    """An event of the owner's own, such as a home-automation rule's."""

    model_config = ConfigDict(extra="forbid")

    type: Annotated[
        str, Matching(r"custom(\.[a-z0-9_-]{1,40}){1,5}", "custom. and names, such as custom.garage.opened")
    ]
    data: JsonValue = None
    subject: str | None = Field(None, max_length=100)


class Published(BaseModel):
    """Where an event stands in the log."""

    sequence: int


class WrongOrigin(Forbidden):
    """A page of this origin may not open a socket here."""

    title = "A page of this origin may not open a socket here"


@routes.get("/events", NotConfigured, BadRequest, TooManyConnections, operation=Operation({200: {SSE: None}}))
async def stream_events(
    request: Request, wanted: Query[FollowOptions], actor: Actor, events: Events, settings: TessieSettings
) -> Response:
    """Follow live events as Server-Sent Events.

    Each event's data is a CloudEvents 1.0 document and its id the number to resume from: a client that comes again with
    `Last-Event-ID` (or `since`) gets what it has missed. Without either, events begin now.
    """
    last = request.headers.get("last-event-id")
    since = _number(last) if last else wanted.since
    return Response(await events.stream(_follow(actor, since, wanted.types, settings)), headers=[*_HEADERS])


@routes.post("/events", NotConfigured, VehicleOutOfReach, access=OPERATOR, status=202, body_limit=OWN_LIMIT)
async def publish_event(own: Body[OwnEvent], actor: Actor, events: Events) -> Published:
    """Publish an event of one's own.

    One with a subject reaches the keys that are bound to it and all that are not bound; one without reaches the latter.
    """
    reach(actor, own.subject)
    return Published(sequence=await events.publish([Draft(own.type, own.data, own.subject)]))


@routes.delete("/events", NotConfigured, access=ADMIN)
async def forget_events(events: Events) -> Published:
    """Forget all events that are kept; the log goes on with one that says so."""
    last = await events.publish([Draft("events.forgotten", None)])
    await events.forget()
    return Published(sequence=last)


@routes.get("/ws", NotConfigured, UpgradeRequired, WrongOrigin, operation=Operation({101: {}}))
async def open_socket(
    request: Request, wanted: Query[FollowOptions], actor: Actor, events: Events, settings: TessieSettings
) -> Response:
    """Open a WebSocket on the live events; frames go both ways.

    The subprotocol is `cloudevents.json`. A client may send `{"type": "ping"}`, `{"type": "subscribe", "types": […]}`
    and `{"type": "chat", "message": …}`; an `id` of at most 200 characters beside them comes back in the reply. Every
    frame but a ping is checked and counted as a request is. A socket is closed with 4401 when its key was revoked or
    has expired, and with 1013 where the key holds as many streams and sockets as it may.
    """
    _check_origin(request, settings)
    return await events.connect(request.headers, request.id, _follow(actor, wanted.since, wanted.types, settings))


def _follow(actor: Actor, since: int | None, types: str, settings: TessieSettings) -> Follow:
    names = tuple(name for name in (part.strip() for part in types.split(",")) if name)
    if len(names) > MOST_TYPES:
        raise BadRequest(f"types: at most {MOST_TYPES}")
    return Follow(actor, since, names, settings.live_max_connections, settings.live_check_s)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise BadRequest("Last-Event-ID is the number of an event")
    return int(text)


def _check_origin(request: Request, settings: TessieSettings) -> None:
    """Refuse a page of another site: a browser asks nobody before it opens a socket, CORS or not."""
    origin, allowed = request.headers.get("origin"), settings.cors_allowed_origins
    if origin is None or "*" in allowed or origin in allowed:
        return
    host = request.headers.get("host")
    if not host or origin.partition("://")[2] != host:
        raise WrongOrigin(f"{origin[:100]} is not in CORS_ALLOWED_ORIGINS")
