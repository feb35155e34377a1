"""The shapes of a streamed answer in the OpenAPI document; no Worker loads them."""

from typing import Any, TypedDict

from edge.chat_shapes import TextPart
from platform_api.chat import SourceShown


class ModelName(TypedDict):
    """The model that answered; null if the passages are the answer."""

    model: str | None


class ChatEvents(TypedDict, total=False):
    """The data of a streamed answer, by the event's name; `error` is a problem."""

    sources: list[SourceShown]
    token: TextPart
    done: ModelName
    error: dict[str, Any]
