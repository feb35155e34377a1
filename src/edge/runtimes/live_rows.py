"""The table of live events in SQLite, the same in every runtime: its upgrade, its rows, and reading in pages."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from pydantic_core import to_json

from edge.ports.events import Audience, Event, Follow, audience_of
from edge.runtimes import live_wire as wire

type Run = Callable[..., Sequence[Sequence[object]]]
"""Runs a statement with its parameters, and returns the rows."""

_TABLE = (
    "(seq INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, audience TEXT NOT NULL, subject TEXT, caller TEXT, "
    "scope TEXT, size INTEGER NOT NULL, json TEXT NOT NULL)"
)
"""The small columns come first: reading them does not touch the pages of a long document."""
_SCHEMA = "SELECT sql FROM sqlite_schema WHERE name = 'events' AND type = 'table'"
_COPY = """
INSERT INTO events_new (seq, type, audience, subject, size, json)
SELECT seq, type, iif(type IN (SELECT value FROM json_each(?)), 'subject', 'admin'), json_extract(json, '$.subject'),
  length(CAST(json AS BLOB)), json
FROM events
"""
COLUMNS = "seq, type, json, audience, subject, caller, scope"
INSERT = "INSERT INTO events (seq, type, json, audience, subject, caller, scope, size)"
ERASE = "UPDATE events SET audience = 'person', subject = NULL, caller = NULL, json = '', size = 0 WHERE caller = ?"
PAGE = f"""
SELECT {COLUMNS} FROM events WHERE seq > ?1 AND seq <= (
  SELECT max(seq) FROM (
    SELECT seq, sum(size) OVER (ORDER BY seq) - size AS before
    FROM (SELECT seq, size FROM events WHERE seq > ?1 ORDER BY seq LIMIT {wire.PAGE})
  ) WHERE before < {wire.PAGE_BYTES}
) ORDER BY seq
"""
"""Most events and bytes in a page; the event that exceeds the bytes is the last one."""


def is_current(run: Run) -> bool:
    """Tell whether the table exists with all its columns."""
    schema = run(_SCHEMA)
    return bool(schema) and "audience" in str(schema[0][0])


def prepare(run: Run, audiences: Mapping[str, Audience]) -> None:
    """Create the table, or upgrade one whose events have no audience; `run` is in one transaction.

    An old event is for the readers of its subject if that is its type's audience, else for administrators.
    """
    if is_current(run):
        return
    if not run(_SCHEMA):
        run(f"CREATE TABLE events {_TABLE}")
        return
    types = [str(row[0]) for row in run("SELECT DISTINCT type FROM events")]
    of_subjects = [type_ for type_ in types if audience_of(audiences, type_) is Audience.SUBJECT]
    run(f"CREATE TABLE events_new {_TABLE}")
    run(_COPY, to_json(of_subjects).decode())
    run("DROP TABLE events")
    run("ALTER TABLE events_new RENAME TO events")


def rows(events: Iterable[Event]) -> list[tuple[object, ...]]:
    """Return events as rows of `INSERT`."""
    return [(*event, wire.size_of(event.json)) for event in events]


def matching(pages: Callable[[int], Sequence[Event]], since: int, follow: Follow, limit: int) -> list[Event]:
    """Return the first events after a number that a reader may get; `pages` reads the log."""
    events = list[Event]()
    size = 0
    while len(events) < limit and size < wire.READ_LIMIT and (page := pages(since)):
        since = page[-1].sequence
        for event in page:
            if len(events) < limit and size < wire.READ_LIMIT and wire.is_for_reader(event, follow.types, follow.actor):
                events.append(event)
                size += wire.size_of(event.json)
    return events
