"""Frames of a live socket, the same in every runtime.

Each frame but a ping is authorized and counted like a request.
"""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from edge.access import Actor
from edge.app import App
from edge.context import Ports
from edge.errors import BadRequest, Problem, Unauthorized
from edge.events import Frame
from edge.runtimes import live_wire as wire


class FrameSender(Protocol):
    """A socket that sends frames; its `turn` keeps them in order until each is authorized."""

    actor: Actor
    request_id: str
    turn: asyncio.Lock

    def update_actor(self, actor: Actor) -> None:
        """Continue as the actor that the credential stands for now."""

    def subscribe(self, types: tuple[str, ...]) -> None:
        """Follow other types from now on."""


class Answer(NamedTuple):
    """The reply to a frame. `has_ended` is set if the socket's credential is no longer valid."""

    text: str
    has_ended: bool = False


async def answer(app: App, ports: Callable[[], Ports], sender: FrameSender, text: str, *, is_busy: bool) -> Answer:
    """Answer a frame; every fault becomes a reply. `is_busy` is set if the socket has enough frames in work."""
    frame: dict[str, Any] | None = None
    broken: BadRequest | None = None
    try:
        frame = wire.parse(text)
    except BadRequest as fault:
        broken = fault
    if frame is not None and frame["type"] == "ping":
        return Answer(wire.PONG)
    try:
        if is_busy:
            raise wire.TooManyFrames
        sent = Frame(frame, sender.actor, sender.request_id)
        async with sender.turn:
            actor = await app.admit_frame(sent, ports())
            if actor != sender.actor:
                sender.update_actor(actor)
            if frame is not None and frame["type"] == "subscribe":
                sender.subscribe(wire.types_of(frame))
                return Answer(wire.reply(frame, {"result": {"types": frame.get("types", [])}}))
        if broken is not None:
            raise broken
        return Answer(wire.reply(frame, await app.frame(Frame(frame, actor, sender.request_id), ports())))
    except Problem as problem:
        refusal = wire.refusal(problem, sender.request_id, app.socket_path)
        return Answer(wire.reply(frame, refusal), isinstance(problem, Unauthorized))
