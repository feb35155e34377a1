"""`/api/collection/sync`: the exchange of changes between a client and its user's collection; `/api/conflicts`."""

from collections.abc import Iterable
from typing import Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from edge import READER, Actor, Body, NotFound, Problem, Query, Request, Routes
from edge.data import ScopedDatabase
from edge.errors import Overloaded, PayloadTooLarge
from edge.ports import Row
from edge.rows import parsed
from vinyl_vault.members import MEMBER
from vinyl_vault.record import Record, record_view
from vinyl_vault.sync.cursor import Cursor
from vinyl_vault.sync.merge import Conflict
from vinyl_vault.sync.push import BODY_LIMIT, PushTooLarge, SyncRequest, read_push
from vinyl_vault.sync.store import Behind, Outcome, Reused, SyncStore

routes = Routes("/api/collection", tag="sync", access=READER, reach=MEMBER)
conflicts = Routes("/api/conflicts", tag="sync", access=READER, reach=MEMBER)


class SeqReused(Problem):
    """This push number was used with other contents."""

    title = "This push number was used with other contents"
    status = 409


class ClientBehind(Problem):
    """This push number is older than the stored pushes."""

    title = "This push number is older than the stored pushes"
    status = 409


class ConflictNotFound(NotFound):
    """No such conflict."""

    title = "No such conflict"


class AppliedChange(TypedDict):
    """A record with a client's copy equal to the server's, at this revision."""

    id: str
    rev: int


class ConflictSummary(TypedDict):
    """An overwritten value: of a field, or of the record's deletion."""

    id: str
    field: str | None
    kind: str
    kept: Any
    lost: Any
    lost_by: str


class RejectedChange(TypedDict):
    """A rejected change, with the reason: invalid, missing, full and others of docs/vinyl-vault.md."""

    id: str | None
    code: str
    field: str | None


class SyncAnswer(TypedDict):
    """The result of an exchange.

    `albums` and `deleted_ids` are changes since `last_sync`, and records merged with changes of others. Records changed
    only by this push are in `applied`. With `reset` the client must start again: the full state follows.
    """

    last_sync: str
    more: bool
    albums: list[Record]
    deleted_ids: list[str]
    applied: list[AppliedChange]
    conflicts: list[ConflictSummary]
    rejected: list[RejectedChange]
    reset: bool


class StoredConflict(TypedDict):
    """An open conflict; `kept` and `lost` are values of `field`, or tell if the record was deleted."""

    id: str
    record_id: str
    kind: str
    field: str | None
    kept: Any
    lost: Any
    lost_by: str
    found_at: str


class Paging(BaseModel):
    """A page of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=200)
    offset: int = Field(0, ge=0, le=1_000_000)


class Conflicts(TypedDict):
    """A page of conflicts, newest first."""

    conflicts: list[StoredConflict]
    total: int


@routes.post(
    "/sync", PushTooLarge, PayloadTooLarge, SeqReused, ClientBehind, Overloaded, body_limit=BODY_LIMIT, alone=True
)
async def sync_collection(sent: Body[SyncRequest], request: Request, actor: Actor, store: SyncStore) -> SyncAnswer:
    """Send changes and receive those of other devices.

    A repeated push gets the same answer and changes nothing. Conflicts are resolved per field; the later push wins.
    The lost values are in the answer, and in the list of conflicts until they are dismissed.
    """
    push = read_push(sent, await request.body(BODY_LIMIT), actor.name)
    try:
        outcome = await store.push(push)
    except Reused:
        raise SeqReused(f"push {push.seq} was sent before with other contents: use the next number") from None
    except Behind:
        raise ClientBehind(
            f"push {push.seq} is no longer stored: use a new client_id and send the remaining changes again"
        ) from None
    return answer(outcome, push.limit)


def answer(outcome: Outcome, limit: int) -> SyncAnswer:
    """Return the answer to a push; no record is both in `applied` and in `albums`."""
    page = outcome.page[:limit]
    applied = dict(outcome.applied)
    rows: dict[str, Row | None] = {}
    for name, row in [*((row["id"], row) for row in page), *outcome.sent.items()]:
        if row is None or outcome.is_reset or applied.get(name) != row["rev"]:
            applied.pop(name, None)
            rows[name] = row
    start = outcome.start
    cursor = Cursor(start.epoch, page[-1]["rev"] if page else start.rev, start.walk)
    return SyncAnswer(
        last_sync=str(cursor),
        more=len(outcome.page) > limit,
        albums=[record_view(row) for row in rows.values() if row is not None and row["deleted_at"] is None],
        deleted_ids=[name for name, row in rows.items() if row is None or row["deleted_at"] is not None],
        applied=[AppliedChange(id=name, rev=rev) for name, rev in applied.items()],
        conflicts=summaries(outcome.conflicts),
        rejected=[RejectedChange(id=r.id, code=r.code, field=r.field) for r in outcome.rejections],
        reset=outcome.is_reset,
    )


def summaries(conflicts: Iterable[Conflict]) -> list[ConflictSummary]:
    """Return the summaries of conflicts."""
    return [
        ConflictSummary(id=c.id, field=c.field, kind=c.kind, kept=c.kept, lost=c.lost, lost_by=c.lost_by)
        for c in conflicts
    ]


@conflicts.get()
async def list_conflicts(query: Query[Paging], db: ScopedDatabase) -> Conflicts:
    """List the open conflicts, newest first."""
    rows = await db.all(
        "SELECT *, count(*) OVER () AS total FROM sync_conflicts ORDER BY found_at DESC, client_id, seq, n "
        "LIMIT ? OFFSET ?",
        query.limit,
        query.offset,
    )
    if not rows and query.offset:
        counted = await db.first("SELECT count(*) AS total FROM sync_conflicts")
        return Conflicts(conflicts=[], total=counted["total"] if counted else 0)
    return Conflicts(conflicts=[_stored(row) for row in rows], total=rows[0]["total"] if rows else 0)


@conflicts.delete("/{conflict_id}", ConflictNotFound, status=204)
async def dismiss_conflict(conflict_id: str, db: ScopedDatabase) -> None:
    """Dismiss a conflict, on all devices."""
    deleted = await db.delete("sync_conflicts", f"{_ID} = ?", conflict_id)
    if not deleted.changes:
        raise ConflictNotFound(f"there is no conflict {conflict_id[:80]}")


_ID = "client_id || '~' || seq || '~' || n"
"""The id of a conflict, in SQL."""


def _stored(row: Row) -> StoredConflict:
    return StoredConflict(
        id=f"{row['client_id']}~{row['seq']}~{row['n']}",
        record_id=row["record_id"],
        kind=row["kind"],
        field=row["field"],
        kept=parsed(row["kept"]),
        lost=parsed(row["lost"]),
        lost_by=row["lost_by"],
        found_at=row["found_at"],
    )
