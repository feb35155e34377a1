"""Cursors of lists that are sorted by an instant and an id, and instants as RFC 3339."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from edge import BadRequest

LONGEST = 200


class Cursor:
    """The position in a list after the last row of a page: an instant or number, and an id."""

    def __init__(self, at: str, row_id: str) -> None:
        self.at = at
        self.row_id = row_id

    def __str__(self) -> str:
        return urlsafe_b64encode(f"{self.at}|{self.row_id}".encode()).decode().rstrip("=")

    @classmethod
    def of(cls, text: str) -> "Cursor":
        """Parse a cursor; raises `BadRequest` if no page can have returned the text."""
        try:
            at, mark, row_id = urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)).decode().partition("|")
        except ValueError:
            mark = ""
        if not mark or "\x00" in at + row_id:
            raise BadRequest("after: pass the unchanged `next` of a page")
        return cls(at, row_id)


def utc(text: str) -> str:
    """Return a stored instant in RFC 3339: `2027-03-28T09:00:00Z`."""
    return f"{text.replace(' ', 'T')}Z"


def utc_or_none(text: str | None) -> str | None:
    """Return a stored instant in RFC 3339, or None for None."""
    return None if text is None else utc(text)
