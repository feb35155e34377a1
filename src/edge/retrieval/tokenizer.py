"""Tokens of texts for search: their words, and the pieces into which they are cut."""

import re
from collections.abc import Iterator
from unicodedata import normalize

_WORD = re.compile(r"\w{2,}")
_GAP = re.compile(r"(\n{2,}|(?<=[.!?])\s+)")
_COMMON = frozenset(
    {
        "about",
        "all",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "by",
        "can",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "how",
        "in",
        "is",
        "it",
        "its",
        "me",
        "my",
        "no",
        "not",
        "of",
        "on",
        "or",
        "our",
        "so",
        "such",
        "than",
        "that",
        "the",
        "their",
        "them",
        "there",
        "they",
        "this",
        "to",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "will",
        "with",
        "you",
        "your",
    }
)


def words(text: str) -> list[str]:
    """Return the words in lower case, each umlaut as one character: some systems write it as two."""
    return _WORD.findall(normalize("NFC", text).casefold())


def stems(text: str) -> Iterator[str]:
    """Yield the meaningful words of a text, without a plural's ending."""
    for word in words(text):
        if word not in _COMMON:
            yield word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def pieces(text: str, size: int) -> Iterator[str]:
    """Yield a text in parts of about `size` characters, cut between paragraphs or, in a long one, sentences."""
    part = ""
    gap = ""
    for number, unit in enumerate(_GAP.split(text)):
        if number % 2:
            gap = "\n\n" if unit.startswith("\n\n") else " "
            continue
        for start in range(0, len(unit), size):
            if part and len(part) + len(unit[start : start + size]) > size:
                yield part
                part = ""
            part = f"{part}{gap}{unit[start : start + size]}".strip()
    if part:
        yield part
