"""The shapes of chats in the OpenAPI document; no Worker loads them."""

from typing import Any, Literal, NotRequired, TypedDict

from core_tessie.agent.chat import TurnDone
from edge.chat_shapes import TextPart


class ChatStart(TypedDict):
    """A turn has begun."""

    conversation_id: str
    turn: int
    model: str


class ChatTool(TypedDict):
    """The model has looked something up."""

    name: str
    arguments: str
    ok: bool
    summary: str


class ChatEvents(TypedDict, total=False):
    """The data of the stream of a turn, by the event's name; `error` is a problem."""

    start: ChatStart
    token: TextPart
    tool: ChatTool
    done: TurnDone
    error: dict[str, Any]


class CalledFunction(TypedDict):
    """A function that the model calls; its arguments are JSON."""

    name: str
    arguments: str


class CompletionCall(TypedDict):
    """A call of a tool; `index` is its place in a stream."""

    index: NotRequired[int]
    id: str
    type: Literal["function"]
    function: CalledFunction


class CompletionMessage(TypedDict):
    """The model's message."""

    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    tool_calls: NotRequired[list[CompletionCall]]


class CompletionChoice(TypedDict):
    """One answer."""

    index: int
    message: CompletionMessage
    finish_reason: str | None
    logprobs: dict[str, Any] | None


class CompletionUsage(TypedDict):
    """The tokens of a completion."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(TypedDict):
    """A whole completion, as OpenAI's API has it."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: CompletionUsage | None


class CompletionDelta(TypedDict, total=False):
    """The part of the message in a chunk."""

    role: Literal["assistant"]
    content: str
    tool_calls: list[CompletionCall]


class ChunkChoice(TypedDict):
    """The part of one answer that a chunk has."""

    index: int
    delta: CompletionDelta
    finish_reason: str | None
    logprobs: dict[str, Any] | None


class ChatCompletionChunk(TypedDict):
    """A part of a streamed completion; `[DONE]` follows the last."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    usage: NotRequired[CompletionUsage | None]
