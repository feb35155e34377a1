"""A walk through one vehicle's data at Tessie: the progress of each part, stored so that it can be resumed."""

from typing import Any, Literal, NamedTuple, Self

from pydantic import BaseModel, ValidationError

from core_tessie.tessie.records import RECORDS, read_id
from edge.instants import from_epoch, to_epoch

WINDOW = 100
"""Records that one call asks for."""
SHORTEST = 20
"""Records that a page has at least if Tessie should list fewer than a call asks for; a shorter one is the last."""
PARTS = ("state", *RECORDS, "battery_health")
"""The parts of a vehicle's sync, in their order; each succeeds or fails by itself."""


class Span(NamedTuple):
    """A range of time that is still to be read; both ends are Unix seconds and included."""

    floor: int
    until: int


class Trail(BaseModel):
    """The progress of one part: `spans` are unread history, newest first, and `floor` is their end.

    `second` has more starting records than a window holds and is read whole.
    Tessie's list reports a change at `changed_at`; a sync has handled the one of `handled_at`. Older
    history is read again for the change of `sought_at`, up to `rereads` windows, and next time on from `reread_at`.
    If the trail `is_rolling`, each other change has one window of older history read again, too.
    """

    status: Literal["open", "done", "failed"] = "open"
    spans: list[Span] = []
    floor: int = 0
    rows: int = 0
    last: list[int] = []
    is_first: bool = False
    has_removed: bool = False
    second: int | None = None
    newest_update: str = ""
    changed_at: str | None = None
    handled_at: str | None = None
    sought_at: str | None = None
    reread_at: str | None = None
    rereads: int = 0
    is_rolling: bool = False
    is_rereading: bool = False
    is_unexplained: bool = False
    error: str | None = None
    http_status: int | None = None
    attempts: int = 0
    unreadable: dict[str, int] = {}

    def copied(self) -> Self:
        """Return a copy that can advance by itself."""
        return self.model_copy(update={"spans": list(self.spans)})

    @property
    def back_to(self) -> int | None:
        """The instant that the trail has reached, in Unix seconds; None at its end."""
        return self.spans[0].until if self.spans else None

    @property
    def is_contradicted(self) -> bool:
        """Tell whether Tessie's list reports a change that the records read so far do not show."""
        is_within = self.changed_at is not None and to_epoch(self.changed_at) >= self.floor
        return self.is_unexplained or (is_within and not self.rows)

    def query(self) -> dict[str, int]:
        """Return the parameters of the next window; a second that fills a window is requested without a limit."""
        span = self.spans[0]
        if self.second is not None:
            return {"from": self.second, "to": self.second}
        return {"from": span.floor, "to": span.until, "limit": WINDOW}

    def advance(self, results: list[Any]) -> Span:
        """Move past a window, and return the range of time for which it is complete.

        The next window ends at the start of this one's oldest record, and that record comes again there.
        """
        starts = starts_of(results)
        ids = [id_ for id_ in map(record_id, results) if id_ is not None]
        seen = set(self.last)
        self.rows += sum(id_ not in seen for id_ in ids)
        self.last = ids
        span = self.spans[0]
        if self.second is not None:
            return self._leave_second(span)
        oldest = min(starts, default=None)
        is_heedless = max(starts, default=0) > span.until  # the server ignores the window's end
        if len(results) < (WINDOW if is_heedless else SHORTEST) or oldest is None or oldest < span.floor:
            del self.spans[0]
            return span
        if oldest < span.until:
            self.spans[0] = Span(span.floor, oldest)
        elif is_heedless:
            del self.spans[0]
        else:
            self.second = span.until
        return Span(oldest + 1, span.until)

    def settle(self) -> None:
        """After a window, continue with older history, stop there, or end the trail."""
        if self.is_rereading:
            self._go_on_rereading()
        elif not self.spans:
            self._begin_rereading()
        if not self.spans:
            self.status = "done"

    def _begin_rereading(self) -> None:
        """Search older history for a change that no record explains so far, or resume such a search.

        A change that a new record explains may hide an older one's: a rolling trail reads the next older window then.
        """
        is_new = self.changed_at not in {None, self.handled_at}
        is_explained = not is_new or self.newest_update >= (self.changed_at or "")
        if self.floor == 0 or (is_explained and self.sought_at is None):
            self.handled_at = self.changed_at or self.handled_at
            self.sought_at = None
            if self.floor == 0:
                self.reread_at = None
            elif is_new and self.is_rolling:
                self._roll()
            return
        is_begun = self.sought_at is not None and self.reread_at is not None
        until = to_epoch(self.reread_at) if is_begun and self.reread_at else self.floor
        self.sought_at = self.sought_at or self.changed_at
        self._reread_from(until)

    def _roll(self) -> None:
        """Read one older window again, below the one of the last time."""
        self.rereads = min(self.rereads, 1)
        self._reread_from(min(self.floor, to_epoch(self.reread_at)) if self.reread_at else self.floor)

    def _reread_from(self, until: int) -> None:
        self.is_rereading = True
        self.spans = [Span(0, until)] if self.rereads > 0 else []
        self.reread_at = from_epoch(until)

    def _go_on_rereading(self) -> None:
        self.rereads -= 1
        self.is_unexplained = self.newest_update < (self.sought_at or "")
        if not self.spans:
            self.handled_at = self.sought_at or self.handled_at
            self.sought_at = None
            self.reread_at = None
        elif self.rereads <= 0:
            self.reread_at = from_epoch(self.spans[0].until)
            self.spans = []

    def _leave_second(self, span: Span) -> Span:
        second = self.second or 0
        self.second = None
        if second - 1 >= span.floor:
            self.spans[0] = Span(span.floor, second - 1)
        else:
            del self.spans[0]
        return Span(second, second)


class Walk(BaseModel):
    """A walk through a vehicle's parts, kept in `vehicles.backfill`; `since` is when it began, in Unix seconds."""

    run_id: str
    since: int
    parts: dict[str, Trail]

    @classmethod
    def parse(cls, text: str | None) -> "Walk | None":
        """Return a stored walk; None if there is none, or if this version cannot read it."""
        try:
            return cls.model_validate_json(text) if text else None
        except ValidationError:
            return None

    def open_parts(self) -> list[str]:
        """Return the open parts: those that failed come last, so that they hold up no other."""
        return sorted(
            (part for part, trail in self.parts.items() if trail.status == "open"),
            key=lambda part: self.parts[part].attempts,
        )

    def failed(self) -> dict[str, Trail]:
        """Return the parts that were given up."""
        return {part: trail for part, trail in self.parts.items() if trail.status == "failed"}


def record_id(result: object) -> int | None:
    """Return the id of a record, or None if it has none."""
    return read_id(result.get("id")) if isinstance(result, dict) else None


def starts_of(results: list[Any]) -> list[int]:
    """Return the starts of the records that have one."""
    return [
        int(result["started_at"])
        for result in results
        if isinstance(result, dict) and is_time(result.get("started_at"))
    ]


def is_time(value: object) -> bool:
    """Tell whether a value can be Unix seconds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**40
