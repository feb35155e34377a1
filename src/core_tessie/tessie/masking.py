"""Removes tokens from Tessie's answers, by the names of their members; all other bytes stay the same."""

import re

from pydantic_core import from_json, to_json

SECRET_NAMES = ("token", "tokens")
"""Endings of the names of secrets: `tokens`, `backseat_token`, `access_token`, but not `…_updated_at`."""

_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_ESCAPED_LETTER = re.compile(rb"\\u00[4-7]")
_STRING_OR_KEY = re.compile(rb"(?P<text>" + _STRING + rb")(?P<colon>[ \t\r\n]*:[ \t\r\n]*)?", re.DOTALL)
_STRING_OR_BRACKET = re.compile(_STRING + rb"|[\[\]{}]", re.DOTALL)
_SCALAR = re.compile(_STRING + rb"|[^,\]} \t\r\n]+", re.DOTALL)
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")


def masked(body: bytes) -> bytes | None:
    """Return a body with null for each secret, or the very same body if it has none.

    None stands for a body that may hold secrets and cannot be read: JSON that is broken, packed, or no UTF-8.
    """
    if body.startswith(_PICTURES):
        return body
    if not _may_name_a_secret(body):
        return body if _is_text(body) else None
    try:
        from_json(body, cache_strings="none")
    except ValueError:
        return None
    return _without_secrets(body)


def _may_name_a_secret(text: bytes) -> bool:
    """Tell whether JSON may contain a secret's name: plain, or with letters written as ASCII escapes."""
    return b"token" in text.lower() or _ESCAPED_LETTER.search(text) is not None


def _is_text(body: bytes) -> bool:
    """Tell whether a body is UTF-8 without NUL: in UTF-16 and in packed bodies no name can be searched for."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in body


def _without_secrets(document: bytes) -> bytes:
    """Return a sound JSON document with its secrets replaced.

    In sound JSON a quote begins or ends a string, so that the strings of a document are found one after another.
    """
    parts: list[bytes] = []
    copied = position = 0
    while match := _STRING_OR_KEY.search(document, position):
        start, end = match.span("text")
        new = None
        if match["colon"] is None:
            new = _nested(match["text"])
        elif _is_secret(match["text"]):
            start, end = _value_at(document, match.end())
            new = b"null"
        if new is not None and new != document[start:end]:
            parts += (document[copied:start], new)
            copied = end
        position = max(end, match.end())
    return b"".join((*parts, document[copied:])) if parts else document


def _is_secret(key: bytes) -> bool:
    name: str = from_json(key) if b"\\" in key else key[1:-1].decode()
    return name.strip().lower().endswith(SECRET_NAMES)


def _nested(text: bytes) -> bytes | None:
    """Return the masked form of a string that is itself JSON with a secret in it; None for any other string."""
    if not _may_name_a_secret(text):
        return None
    inner: str = from_json(text)
    if not inner.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return None
    result = masked(inner.encode())
    if result is None:
        return b"null"
    return None if result == inner.encode() else to_json(result.decode())


def _value_at(document: bytes, start: int) -> tuple[int, int]:
    """Return the start and end of the value that begins at a position."""
    if document[start : start + 1] not in {b"[", b"{"}:
        scalar = _SCALAR.match(document, start)
        return start, scalar.end() if scalar else start
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(document, start):
        if token[0] in {b"[", b"{"}:
            depth += 1
        elif token[0] in {b"]", b"}"}:
            depth -= 1
            if depth == 0:
                return start, token.end()
    return start, len(document)
