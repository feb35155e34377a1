"""`/api/collection`: a user's records, one by one; each write is a sync push, so that all devices receive it."""

from datetime import timedelta
from typing import Annotated
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from edge import READER, Body, Clock, Database, InvalidBody, NotFound, Problem, Query, Routes
from edge.errors import Fault, Overloaded
from edge.instants import to_text
from edge.ports import Row
from vinyl_vault.collection.listing import Filters, Records, page
from vinyl_vault.members import MEMBER
from vinyl_vault.record import LARGEST, LARGEST_RECORD, Record, RecordFields, record_view
from vinyl_vault.sync.merge import NEWEST, Change
from vinyl_vault.sync.push import ID
from vinyl_vault.sync.store import Outcome, SyncStore

routes = Routes("/api/collection", tag="collection", access=READER, reach=MEMBER)

RESTORED_FOR = timedelta(days=30)
"""How long a deleted record can be restored."""
CLIENT = "@api"
"""Prefix of the client name of changes made by these routes; a number of the request follows."""


class RecordNotFound(NotFound):
    """No such record."""

    title = "No such record"


class RecordExists(Problem):
    """There is a record with this id."""

    title = "There is a record with this id"
    status = 409


class RecordChanged(Problem):
    """The record has been changed since."""

    title = "The record has been changed since"
    status = 409


class CollectionFull(Problem):
    """The collection is full."""

    title = "The collection is full"
    status = 409


class ConflictsFull(Problem):
    """The list of conflicts is full."""

    title = "The list of conflicts is full"
    status = 409


class NewRecord(RecordFields):
    """A new record, with an artist or an album; an omitted id is generated."""

    id: Annotated[str, Field(pattern=f"^{ID}$")] | None = None


class RecordChanges(RecordFields):
    """The fields of a record to change; absent fields stay.

    With the last seen revision `rev`, values written by other clients since then are stored as conflicts.
    """

    rev: int | None = Field(None, ge=1, le=LARGEST)


class Deletion(BaseModel):
    """The last seen revision; without it the record is deleted in any case."""

    model_config = ConfigDict(extra="forbid")

    rev: int | None = Field(None, ge=1, le=LARGEST)


@routes.get()
async def list_records(query: Query[Filters], db: Database) -> Records:
    """List your records, ordered by artist and album."""
    return await page(query, db)


@routes.post("", RecordExists, CollectionFull, Overloaded, status=201, location="/api/collection/{id}")
async def add_record(new: Body[NewRecord], db: Database, store: SyncStore) -> Record:
    """Add a record; two copies of a pressing are two records."""
    record_id = new.id or str(uuid4())
    if await _row(record_id, db):
        raise RecordExists(f"there is a record {record_id}, which may be deleted: change or restore it")
    await change(store, Change(record_id, 0, new.edited_fields()))
    return await record_of(record_id, db)


@routes.get("/{record_id}", RecordNotFound)
async def get_record(record_id: str, db: Database) -> Record:
    """Get a record."""
    return record_view(await live(record_id, db))


@routes.patch("/{record_id}", RecordNotFound, CollectionFull, ConflictsFull, Overloaded)
async def change_record(record_id: str, changes: Body[RecordChanges], db: Database, store: SyncStore) -> Record:
    """Change fields of a record."""
    await live(record_id, db)
    fields = changes.edited_fields()
    if fields:
        await change(store, Change(record_id, changes.rev or NEWEST, fields))
    return await record_of(record_id, db)


@routes.delete("/{record_id}", RecordNotFound, RecordChanged, Overloaded, status=204)
async def delete_record(record_id: str, query: Query[Deletion], db: Database, store: SyncStore) -> None:
    """Delete a record; it can be restored for 30 days.

    With the last seen revision, a record that was changed since then is not deleted: 409.
    """
    row = await live(record_id, db)
    if query.rev is not None and row["rev"] > query.rev:
        raise RecordChanged(f"it is at revision {row['rev']}: read it again before you delete it")
    await change(store, Change(record_id, query.rev or NEWEST, {}, is_deletion=True))


@routes.post("/{record_id}/restore", RecordNotFound, CollectionFull, Overloaded)
async def restore_record(record_id: str, db: Database, store: SyncStore, clock: Clock) -> Record:
    """Restore a record that was deleted within the last 30 days."""
    row = await _row(record_id, db)
    if row is None or (row["deleted_at"] or "9") < to_text(clock.now() - RESTORED_FOR):
        raise RecordNotFound(f"there is no record {record_id[:80]} to restore")
    if row["deleted_at"] is not None:
        await change(store, Change(record_id, NEWEST, {}))
    return await record_of(record_id, db)


async def change(store: SyncStore, change: Change) -> Outcome:
    """Write a change; raises `InvalidBody` if it is rejected."""
    outcome = await store.change([change], f"{CLIENT}:{uuid4().hex[:8]}")
    for rejection in outcome.rejections:
        if rejection.code == "full":
            raise CollectionFull("delete some records first")
        if rejection.code == "conflicts_full":
            raise ConflictsFull(f"another device changed {rejection.field}: dismiss some conflicts first")
        details = {"missing": "an artist or an album is required", "too_many": "there are too many values"}
        details["too_long"] = f"a record has at most {LARGEST_RECORD} bytes"
        raise InvalidBody([Fault(pointer=f"/{rejection.field}", detail=details[rejection.code])])
    return outcome


async def _row(record_id: str, db: Database) -> Row | None:
    return await db.first("SELECT * FROM collections WHERE id = ?", record_id)


async def live(record_id: str, db: Database) -> Row:
    """Return the row of a record that is not deleted; raises `RecordNotFound` if the caller has none."""
    row = await _row(record_id, db)
    if row is None or row["deleted_at"] is not None:
        raise RecordNotFound(f"there is no record {record_id[:80]}")
    return row


async def record_of(record_id: str, db: Database) -> Record:
    """Return a record, deleted or not; raises `RecordNotFound` if the caller has none."""
    row = await _row(record_id, db)
    if row is None:
        raise RecordNotFound(f"there is no record {record_id[:80]}")
    return record_view(row)
