"""The shapes that streamed answers of several apps share, in their OpenAPI documents; no Worker loads them."""

from typing import TypedDict


class TextPart(TypedDict):
    """A part of the answer."""

    text: str
