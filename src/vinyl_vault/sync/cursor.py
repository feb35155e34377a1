"""A client's position in its user's history of changes, as an opaque text that it sends back."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from edge.ports import Row

_CURSOR = re.compile(r"([0-9a-f]{16})(?:-([0-9]{1,15}))?\.([0-9]{1,15})")


class Head(NamedTuple):
    """The newest revision of a user's records; deletions up to `floor` are purged. An empty epoch means no push yet."""

    epoch: str = ""
    rev: int = 0
    floor: int = 0


class HeadGone(Exception):
    """The head went with its user's account after it was read."""


class Cursor(NamedTuple):
    """A position after all changes up to `rev`.

    While a client reads the full state, `walk` is the floor at its start: it needs no deletions purged before that.
    """

    epoch: str
    rev: int
    walk: int = 0

    def __str__(self) -> str:
        return f"{self.epoch}{f'-{self.walk}' if self.walk > self.rev else ''}.{self.rev}"

    def is_valid(self, head: Head) -> bool:
        """Tell whether all changes after the cursor are still stored."""
        return self.epoch == head.epoch and self.rev <= head.rev and max(self.rev, self.walk) >= head.floor


def read_cursor(text: object) -> Cursor | None:
    """Parse a cursor; None if the text is not one, such as a timestamp."""
    match = _CURSOR.fullmatch(text) if isinstance(text, str) else None
    return Cursor(match[1], int(match[3]), int(match[2] or 0)) if match else None


def head_of(rows: Sequence[Row]) -> Head:
    """Return the head of a user who has one; raises `HeadGone` otherwise."""
    if not rows:
        raise HeadGone
    return Head(**rows[0])


def start_of(head: Head) -> Cursor:
    """Return the cursor at the start of the full state."""
    return Cursor(head.epoch, 0, head.floor)
