"""Finds the site's passages that fit a question: by shared words, rare ones counting more."""

import math
from collections import Counter
from collections.abc import Sequence

from discord_bot.content import Document
from edge.retrieval.tokenizer import pieces, stems

PASSAGE = 900
"""Characters of a text that are shown for a question."""


def best(question: str, documents: Sequence[Document], most: int) -> list[Document]:
    """Return the documents that fit a question best, the best first; none that shares no word with it."""
    words = set(stems(question))
    counters = [Counter(stems(_text_of(document))) for document in documents]
    counts = [{word: _count(word, counter) for word in words} for counter in counters]
    rarity = {word: math.log(1 + len(counters) / (1 + sum(count[word] > 0 for count in counts))) for word in words}
    scores = [sum(rarity[word] * math.log1p(count) for word, count in occurrences.items()) for occurrences in counts]
    ranked = sorted(range(len(counters)), key=lambda number: -scores[number])
    return [documents[number] for number in ranked[:most] if scores[number] > 0]


def passage(question: str, text: str) -> str:
    """Return the part of a text, some paragraphs of it, that fits a question best."""
    words = set(stems(question))
    return max(pieces(text, PASSAGE), key=lambda part: len(words & set(stems(part))), default="")


def _count(word: str, counter: Counter[str]) -> float:
    """Return how often a word occurs; longer ones that begin with it count for half."""
    longer = sum(
        count for other, count in counter.items() if len(word) > 3 and other != word and other.startswith(word)
    )
    return counter[word] + longer / 2


def _text_of(document: Document) -> str:
    names = [*(document.people or []), *(document.tags or [])]
    texts = [document.name, document.name, document.summary, document.location, document.text, document.type, *names]
    return " ".join(filter(None, texts))
