"""A client's place in its user's history of changes, as the text that it sends back."""

import re
from typing import NamedTuple

_CURSOR = re.compile(r"([0-9a-f]{16})(?:-([0-9]{1,15}))?\.([0-9]{1,15})")


class Head(NamedTuple):
    """The newest revision of a user's records; deletions up to `floor` were purged. No user's first epoch is empty."""

    epoch: str = ""
    rev: int = 0
    floor: int = 0


class Cursor(NamedTuple):
    """All changes up to `rev` are known.

    A walk through the full state is told of no deletion that was purged before it began: `walk` is the floor of then.
    """

    epoch: str
    rev: int
    walk: int = 0

    def __str__(self) -> str:
        return f"{self.epoch}{f'-{self.walk}' if self.walk > self.rev else ''}.{self.rev}"

    def is_valid(self, head: Head) -> bool:
        """Tell whether the changes behind it are all there."""
        return self.epoch == head.epoch and self.rev <= head.rev and max(self.rev, self.walk) >= head.floor


def read_cursor(text: object) -> Cursor | None:
    """Return the cursor of a text; None for what is none, such as a time."""
    found = _CURSOR.fullmatch(text) if isinstance(text, str) else None
    return Cursor(found[1], int(found[3]), int(found[2] or 0)) if found else None


def start_of(head: Head) -> Cursor:
    """Return the cursor from which a walk through the full state begins."""
    return Cursor(head.epoch, 0, head.floor)
