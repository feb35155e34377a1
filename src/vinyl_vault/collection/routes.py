"""`/api/collection`: a user's records, one by one; each write goes the way of a sync, so all devices hear of it."""

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
from vinyl_vault.record import LARGEST, LARGEST_RECORD, Record, RecordFields, shown
from vinyl_vault.sync.merge import NEWEST, Change
from vinyl_vault.sync.push import ID
from vinyl_vault.sync.store import Outcome, SyncStore

routes = Routes("/api/collection", tag="collection", access=READER, reach=MEMBER)

RESTORED_FOR = timedelta(days=30)
"""How long a deleted record can be brought back."""
CLIENT = "@api"
"""The client's name of changes by these routes, with the request's own number behind it."""


class RecordNotFound(NotFound):
    """No such record."""

    title = "No such record"


class RecordExists(Problem):
    """There is a record with this id."""

    title = "There is a record with this id"
    status = 409


class RecordChanged(Problem):
    """The record was changed since."""

    title = "The record was changed since"
    status = 409


class CollectionFull(Problem):
    """The collection is full."""

    title = "The collection is full"
    status = 409


class NewRecord(RecordFields):
    """A new record, with an artist or an album; without an id it gets one."""

    id: Annotated[str, Field(pattern=f"^{ID}$")] | None = None


class RecordChanges(RecordFields):
    """Fields of a record that change; what is absent stays.

    With the revision `rev` that was seen, what others have written since then is kept as a conflict.
    """

    rev: int | None = Field(None, ge=1, le=LARGEST)


class Deletion(BaseModel):
    """The revision that was seen; without one a record is deleted as it is."""

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
        raise RecordExists(f"there is a record {record_id}, perhaps deleted: change or restore it")
    await change(store, Change(record_id, 0, new.given()))
    return await record_of(record_id, db)


@routes.get("/{record_id}", RecordNotFound)
async def get_record(record_id: str, db: Database) -> Record:
    """Get a record."""
    return shown(await live(record_id, db))


@routes.patch("/{record_id}", RecordNotFound, Overloaded)
async def change_record(record_id: str, changes: Body[RecordChanges], db: Database, store: SyncStore) -> Record:
    """Change fields of a record."""
    await live(record_id, db)
    fields = changes.given()
    if fields:
        await change(store, Change(record_id, changes.rev or NEWEST, fields))
    return await record_of(record_id, db)


@routes.delete("/{record_id}", RecordNotFound, RecordChanged, Overloaded, status=204)
async def delete_record(record_id: str, query: Query[Deletion], db: Database, store: SyncStore) -> None:
    """Delete a record; for 30 days it can be brought back.

    With the revision that was seen, a record that others have changed since stays: 409.
    """
    row = await live(record_id, db)
    if query.rev is not None and row["rev"] > query.rev:
        raise RecordChanged(f"it is at revision {row['rev']}: look at it before you delete it")
    await change(store, Change(record_id, query.rev or NEWEST, {}, is_deletion=True))


@routes.post("/{record_id}/restore", RecordNotFound, Overloaded)
async def restore_record(record_id: str, db: Database, store: SyncStore, clock: Clock) -> Record:
    """Bring a record back that was deleted in the last 30 days."""
    row = await _row(record_id, db)
    if row is None or (row["deleted_at"] or "9") < to_text(clock.now() - RESTORED_FOR):
        raise RecordNotFound(f"there is no record {record_id[:80]} to bring back")
    if row["deleted_at"] is not None:
        await change(store, Change(record_id, NEWEST, {}))
    return await record_of(record_id, db)


async def change(store: SyncStore, change: Change) -> Outcome:
    """Write a change; `InvalidBody` where it cannot be made."""
    outcome = await store.change([change], f"{CLIENT}:{uuid4().hex[:8]}")
    for rejection in outcome.rejections:
        if rejection.code == "full":
            raise CollectionFull("delete some records first")
        details = {"missing": "a record has an artist or an album", "too_many": "these are too many"}
        details["too_long"] = f"a record has at most {LARGEST_RECORD} bytes"
        raise InvalidBody([Fault(pointer=f"/{rejection.field}", detail=details[rejection.code])])
    return outcome


async def _row(record_id: str, db: Database) -> Row | None:
    return await db.first("SELECT * FROM collections WHERE id = ?", record_id)


async def live(record_id: str, db: Database) -> Row:
    """Return the row of a record that is not deleted; `RecordNotFound` where the caller has none."""
    row = await _row(record_id, db)
    if row is None or row["deleted_at"] is not None:
        raise RecordNotFound(f"there is no record {record_id[:80]}")
    return row


async def record_of(record_id: str, db: Database) -> Record:
    """Return a record as it goes out, deleted or not; `RecordNotFound` where the caller has none."""
    row = await _row(record_id, db)
    if row is None:
        raise RecordNotFound(f"there is no record {record_id[:80]}")
    return shown(row)
