"""`POST /agent/chat`: a streamed turn of a chat, also over the live socket."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from core_tessie.agent.conversations import ConversationBusy, ConversationNotFound, open_turn
from core_tessie.agent.tools import ToolContext
from core_tessie.agent.turn_counter import TurnCounter
from core_tessie.agent.turns import ChatContext, Turn
from core_tessie.console.usage_points import Usage
from core_tessie.energy.summary import ReportNews
from core_tessie.settings import TessieSettings
from edge import READER, Actor, Background, Body, Clock, Frame, Log, Operation, Request, Response, Routes
from edge.clients.model_faults import (
    ModelBroke,
    ModelNotConfigured,
    ModelNotFound,
    ModelOverloaded,
    ModelSlow,
    PromptRefused,
)
from edge.data import ScopedDatabase
from edge.live.event_stream import JSON, SSE, event_stream, wants_events
from edge.live.publisher import Publisher
from edge.ports.model import Model

routes = Routes("/agent", tag="agent", access=READER)


class Chat(BaseModel):
    """A message to the agent: the first of a conversation, or the next of one."""

    model_config = ConfigDict(extra="forbid")

    message: Annotated[str, Field(min_length=1, max_length=16_000)]
    conversation_id: Annotated[str, Field(max_length=80)] | None = None
    stream: bool | None = Field(
        None,
        description="true for events, false for one JSON answer; absent: what the Accept header asks for, else JSON",
    )


class ChatFrame(BaseModel):
    """A message to the agent over the socket."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["chat"]
    id: str | int | None = None
    message: Annotated[str, Field(min_length=1, max_length=16_000)]
    conversation_id: Annotated[str, Field(max_length=80)] | None = None


class TurnDone(TypedDict):
    """A whole turn. `status` is complete, stopped (too many rounds) or cut (too long)."""

    conversation_id: str
    turn: int
    message_id: str
    text: str
    status: str
    model: str
    finish_reason: str
    rounds: int
    usage: dict[str, int]


class Agent:
    """Opens turns; its services are injected by type."""

    def __init__(  # noqa: PLR0913, PLR0917 - a provider's parameters are what it is made of
        self,
        settings: TessieSettings,
        db: ScopedDatabase,
        counter: TurnCounter,
        clock: Clock,
        publisher: Publisher,
        usage: Usage,
        news: ReportNews,
        background: Background,
        log: Log,
    ) -> None:
        self._settings = settings
        self._db = db
        self._clock = clock
        self._counter = counter
        self._publisher = publisher
        self._usage = usage
        self._news = news
        self._background = background
        self._log = log

    async def open(self, message: str, conversation_id: str | None, actor: Actor, request_id: str) -> Turn:
        """Store the caller's message and return its turn. Errors: as `open_turn`, and `ModelNotConfigured`."""
        model: Model | None = self._settings.workers_ai
        if model is None:
            raise ModelNotConfigured
        now = self._clock.now()
        opened = await open_turn(self._db, self._counter, conversation_id, message, actor, request_id, now)
        tools = ToolContext(opened.db, self._clock, opened.actor, request_id, self._news, self._log)
        context = ChatContext(model, self._settings.ai_model, tools, self._publisher, self._usage, self._background)
        return Turn(context, opened.conversation_id, opened.turn, message)


@routes.post(
    "/chat",
    ModelNotConfigured,
    ModelNotFound,
    ModelOverloaded,
    ModelBroke,
    ModelSlow,
    PromptRefused,
    ConversationNotFound,
    ConversationBusy,
    operation=Operation({200: {JSON: TurnDone, SSE: "core_tessie.agent.shapes:ChatEvents"}}),
)
async def chat(body: Body[Chat], request: Request, actor: Actor, agent: Agent) -> Response:
    """Ask the agent. It may look things up before it answers.

    The whole turn is one JSON object. With `Accept: text/event-stream` or `"stream": true` it is streamed as
    Server-Sent Events: `start`, then `token` and `tool` as they come, then `done` or `error`.
    """
    turn = await agent.open(body.message, body.conversation_id, actor, request.id)
    if wants_events(request, body.stream):
        return event_stream(_events(turn))
    return Response.json(await whole(turn))


@routes.frame("chat", access=READER)
async def chat_frame(body: Body[ChatFrame], frame: Frame, agent: Agent) -> dict[str, Any]:
    """Ask the agent over the socket: tokens come as events, the reply is the whole turn."""
    return await whole(await agent.open(body.message, body.conversation_id, frame.actor, frame.request_id))


async def whole(turn: Turn) -> dict[str, Any]:
    """Run a turn to its end and return its result; raise the problem that it failed by."""
    async with aclosing(turn.run()) as events:
        async for _ in events:
            pass
    if turn.fault is not None:
        raise turn.fault
    return turn.done()


async def _events(turn: Turn) -> AsyncGenerator[bytes]:
    async with aclosing(turn.run()) as events:
        async for name, data in events:
            yield b"event: %s\ndata: %s\n\n" % (name.encode(), to_json(data))
