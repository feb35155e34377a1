"""GROQ's text functions: `match`, and the plain text of portable text."""

import re
from collections.abc import Iterator

from sims.sanity.groq.values import Value

_SEPARATORS = r"""!@#$%^&(),\\/?";:{}|[\]+<>\s-"""
_WORDS = re.compile(rf"[^*{_SEPARATORS}]+")
_PATTERNS = re.compile(rf"[^{_SEPARATORS}]+")
_DOTS = re.compile(r"\b\.+|\.+\b", re.ASCII)
_LONGEST = 1_024


def matches(text: Value, pattern: Value) -> bool:
    """Tell whether each word of the pattern, or of all patterns of an array, is one of the text's; `*` is a wildcard.

    Only a text or an array of texts can match.
    """
    words, terms = _cut(text, _WORDS), _cut(pattern, _PATTERNS)
    clean = all(isinstance(item, str) for item in (pattern if isinstance(pattern, list) else [pattern]))
    return clean and bool(words) and bool(terms) and all(_contains_term(term, words) for term in terms)


def _cut(value: Value, kind: re.Pattern[str]) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    return [word for text in texts if isinstance(text, str) for word in kind.findall(_DOTS.sub("", text))]


def _contains_term(term: str, words: list[str]) -> bool:
    pattern = ".*".join(re.escape(part) for part in term[:_LONGEST].split("*"))
    return any(re.fullmatch(pattern, word, re.IGNORECASE) for word in words)


def portable_text(value: Value) -> str | None:
    """Return the text of a block, or of an array's blocks with an empty line between; None without a block."""
    if isinstance(value, dict):
        return _block(value)
    blocks = [*_blocks(value)] if isinstance(value, list) else []
    return "\n\n".join(blocks) if blocks else None


def _blocks(value: list[Value]) -> Iterator[str]:
    for block in value:
        if isinstance(block, list):
            yield from _blocks(block)
        elif isinstance(block, dict) and (text := _block(block)) is not None:
            yield text


def _block(block: dict[str, Value]) -> str | None:
    children = block.get("children")
    if not isinstance(block.get("_type"), str) or not isinstance(children, list):
        return None
    spans = [child for child in children if isinstance(child, dict) and child.get("_type") == "span"]
    return "".join(span["text"] for span in spans if isinstance(span.get("text"), str))
