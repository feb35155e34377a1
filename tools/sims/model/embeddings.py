"""The stand-in's embeddings: a text is the words that it has, so texts that share words are near each other."""

import math
import re
import zlib
from collections.abc import Sequence
from typing import Any

EMBEDDER = "sim-embedding"
DIMENSIONS = 96
MOST_TEXTS = 100
"""Texts that Workers AI takes at a time."""

_WORD = re.compile(r"\w+")
_ENDING = re.compile(r"(?<=\w{3})(?:ings?|ers?|ed|es|ly|s|e)$")
_EMPTY_WORDS = re.compile(r"(?:an?|and|are|at|by|for|from|in|is|its?|of|on|or|that|the|this|to|was|were|with)")


def embedded(text: str) -> list[float]:
    """Return a text's vector, of length 1: each word's stem adds to one dimension or takes from it."""
    words = _WORD.findall(text.lower())
    vector = [0.0] * DIMENSIONS
    for word in [item for item in words if not _EMPTY_WORDS.fullmatch(item)] or [""]:
        drawn = zlib.crc32(_ENDING.sub("", word).encode())
        vector[drawn % DIMENSIONS] += 1.0 if drawn >> 16 & 1 else -1.0
    length = math.hypot(*vector) or 1.0
    return [round(number / length, 6) for number in vector]


def texts_of(value: object) -> list[str] | None:
    """Return the texts of a request, given as a list or a single text; None if they are neither."""
    texts = [value] if isinstance(value, str) else value
    is_sound = isinstance(texts, list) and texts and all(isinstance(text, str) for text in texts)
    return texts if is_sound else None  # type: ignore[return-value]


def in_openai(vectors: Sequence[Any], model: str) -> dict[str, Any]:
    """Return vectors as OpenAI's API gives them, last first: their order is in their `index`."""
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    return {"object": "list", "data": data[::-1], "model": model, "usage": {"prompt_tokens": 11, "total_tokens": 11}}


def in_workers_ai(vectors: Sequence[Any]) -> dict[str, Any]:
    """Return vectors as Workers AI's models give them."""
    return {"shape": [len(vectors), len(vectors[0]) if vectors else 0], "data": vectors, "pooling": "mean"}
