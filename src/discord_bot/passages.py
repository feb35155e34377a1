"""Finds what of the site fits a question: by the words that they share, rare ones counting more."""

import math
import re
from collections import Counter
from collections.abc import Sequence

from discord_bot.content import Document

PASSAGE = 900
"""Characters of a text that are shown for a question."""

_WORD = re.compile(r"\w{2,}")
_COMMON = frozenset({
    "about", "all", "and", "any", "are", "can", "do", "does", "for", "from", "has", "have", "how", "in", "into", "is",
    "it", "me", "my", "of", "on", "or", "our", "so", "that", "the", "there", "they", "this", "to", "us", "was", "we",
    "what", "when", "where", "which", "who", "why", "will", "with", "you", "your",
})  # fmt: skip


def words(text: str) -> list[str]:
    """Return the words of a text that may say what it is about; endings in s are one with those without."""
    found = [word for word in _WORD.findall(text.casefold()) if word not in _COMMON]
    return [word[:-1] if len(word) > 3 and word.endswith("s") else word for word in found]


def best(question: str, documents: Sequence[Document], most: int) -> list[Document]:
    """Return the documents that fit a question best, the best first; none that shares no word with it."""
    asked, told = set(words(question)), [Counter(words(_said(one))) for one in documents]
    counts = [{word: _count(word, one) for word in asked} for one in told]
    rarity = {word: math.log(1 + len(told) / (1 + sum(one[word] > 0 for one in counts))) for word in asked}
    scores = [sum(rarity[word] * math.log1p(count) for word, count in one.items()) for one in counts]
    ranked = sorted(range(len(told)), key=lambda number: -scores[number])
    return [documents[number] for number in ranked[:most] if scores[number] > 0]


def passage(question: str, text: str) -> str:
    """Return the part of a text, some paragraphs of it, that fits a question best."""
    asked, parts = set(words(question)), _cut(text)
    return max(parts, key=lambda part: len(asked & set(words(part))), default="")


def _count(word: str, told: Counter[str]) -> float:
    """Return how often a word is said; longer ones that begin with it count for half."""
    longer = sum(count for other, count in told.items() if len(word) > 3 and other != word and other.startswith(word))
    return told[word] + longer / 2


def _said(document: Document) -> str:
    names = [*(document.people or []), *(document.tags or [])]
    texts = [document.name, document.name, document.summary, document.location, document.text, document.type, *names]
    return " ".join(filter(None, texts))


def _cut(text: str) -> list[str]:
    parts = [""]
    for paragraph in filter(None, map(str.strip, text.split("\n"))):
        if parts[-1] and len(parts[-1]) + len(paragraph) > PASSAGE:
            parts.append("")
        parts[-1] = f"{parts[-1]}\n{paragraph[:PASSAGE]}".strip()
    return [part for part in parts if part]
