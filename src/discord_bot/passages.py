"""Finds what of the site fits a question: by the words that they share, rare ones counting more."""

import math
from collections import Counter
from collections.abc import Sequence

from discord_bot.content import Document
from edge.retrieval.tokenizer import pieces, stems

PASSAGE = 900
"""Characters of a text that are shown for a question."""


def best(question: str, documents: Sequence[Document], most: int) -> list[Document]:
    """Return the documents that fit a question best, the best first; none that shares no word with it."""
    asked, told = set(stems(question)), [Counter(stems(_said(one))) for one in documents]
    counts = [{word: _count(word, one) for word in asked} for one in told]
    rarity = {word: math.log(1 + len(told) / (1 + sum(one[word] > 0 for one in counts))) for word in asked}
    scores = [sum(rarity[word] * math.log1p(count) for word, count in one.items()) for one in counts]
    ranked = sorted(range(len(told)), key=lambda number: -scores[number])
    return [documents[number] for number in ranked[:most] if scores[number] > 0]


def passage(question: str, text: str) -> str:
    """Return the part of a text, some paragraphs of it, that fits a question best."""
    asked = set(stems(question))
    return max(pieces(text, PASSAGE), key=lambda part: len(asked & set(stems(part))), default="")


def _count(word: str, told: Counter[str]) -> float:
    """Return how often a word is said; longer ones that begin with it count for half."""
    longer = sum(count for other, count in told.items() if len(word) > 3 and other != word and other.startswith(word))
    return told[word] + longer / 2


def _said(document: Document) -> str:
    names = [*(document.people or []), *(document.tags or [])]
    texts = [document.name, document.name, document.summary, document.location, document.text, document.type, *names]
    return " ".join(filter(None, texts))
