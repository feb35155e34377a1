"""Response headers as bytes."""

from functools import lru_cache

from edge.http import Response

type Pairs = list[tuple[bytes, bytes]]

NO_BODY = frozenset({101, 204, 304})
"""Statuses of a response without a body."""
_BREAKS = frozenset("\r\n\0")
MOST_NAMES = 500
"""Most names of headers whose bytes are remembered."""


class EncodedNames(dict[str, bytes]):
    """Names of headers as bytes, remembered. ValueError for a name that cannot be sent as it is."""

    def __missing__(self, name: str) -> bytes:
        _check(name)
        encoded = name.encode("latin-1")
        if len(self) >= MOST_NAMES:
            self.clear()
        self[name] = encoded
        return encoded


ENCODED_NAMES = EncodedNames()


def encode(response: Response, method: str) -> Pairs:
    """Return the headers as bytes; ValueError if one could not be sent as it is."""
    pairs: Pairs = []
    has_length = False
    for name, value in response.headers:
        if not value.isprintable():
            _check(value)
        if name == "content-length":
            has_length = True
        pairs.append((ENCODED_NAMES[name], value.encode()))
    for group in response.fixed:
        pairs += group.encoded
    if response.status in NO_BODY:
        return [pair for pair in pairs if pair[0] != b"content-length"] if has_length else pairs
    if not has_length and method != "HEAD" and isinstance(response.body, bytes):
        pairs.append(_length(len(response.body)))
    return pairs


@lru_cache(maxsize=4096)
def _length(size: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % size


def _check(text: str) -> None:
    if not _BREAKS.isdisjoint(text):
        raise ValueError("a header holds a line break or NUL")
