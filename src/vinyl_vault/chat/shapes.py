"""The shapes of a streamed answer in the OpenAPI document; no Worker loads them."""

from typing import Any, TypedDict

from edge.chat_shapes import TextPart
from vinyl_vault.chat.routes import ChatAnswer


class LookUp(TypedDict):
    """The model has looked something up."""

    name: str
    ok: bool


class ChatEvents(TypedDict, total=False):
    """The data of a streamed answer, by the event's name; `error` is a problem."""

    token: TextPart
    tool: LookUp
    done: ChatAnswer
    error: dict[str, Any]
