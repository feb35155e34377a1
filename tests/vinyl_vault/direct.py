"""A test server that runs the store on an SQLite file in this thread, with hooks for concurrent writes."""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from pydantic_core import from_json, to_json
from tests.vinyl_vault.devices import Reply, flat
from tests.vinyl_vault.histories import Seen, Server

from edge import READER, Actor
from edge.data import Sql
from edge.errors import Overloaded
from edge.ports import Database, Result, Statement
from edge.runtimes.local.database import LocalDatabase
from edge.runtimes.local.sqlite import Work, error_of
from vinyl_vault.record import record_view
from vinyl_vault.retention import purging
from vinyl_vault.sync.merge import Change, Merge, Stored
from vinyl_vault.sync.push import Push, SyncRequest, read_push
from vinyl_vault.sync.routes import answer
from vinyl_vault.sync.store import Behind, Memory, Outcome, Reused, State, SyncStore
from vinyl_vault.tables import TABLES


class Noon:
    """A stopped clock; its `sleep` returns immediately."""

    def now(self) -> datetime:
        return datetime(2026, 11, 29, 12, tzinfo=UTC)

    async def sleep(self, seconds: float) -> None:
        """Return immediately."""


class DirectDatabase(LocalDatabase):
    """The local database without its own thread; `between` is called once before the next writing batch."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.between: Callable[[], Awaitable[None]] | None = None

    async def work[T](self, work: Work[sqlite3.Connection, T]) -> T:  # type: ignore[override]
        try:
            return work(self.connection)
        except sqlite3.Error as fault:
            raise error_of(str(fault).partition(" with text")[0], getattr(fault, "sqlite_errorcode", 0)) from None

    async def batch(self, statements: Sequence[Statement]) -> list[Result]:
        writes = any(" main.sync_heads SET " in sql for sql, _ in statements)
        if writes and self.between is not None:
            between, self.between = self.between, None
            await between()
        return await super().batch(statements)


class Direct(Server):
    """Answers without HTTP; seeded faults override `store` and other methods."""

    def __init__(self, db: DirectDatabase, store: type[SyncStore] = SyncStore) -> None:
        self.db = db
        self.store = store
        self.users: set[str] = set()

    async def send(self, user: str, body: bytes) -> Reply:
        if user not in self.users:
            self.users.add(user)
            await self.db.run(
                "INSERT INTO users VALUES (?, ?, ?, NULL, '', '') ON CONFLICT DO NOTHING", user, user, user
            )
        push = read_push(SyncRequest.model_validate_json(body), body, user)
        scoped = TABLES.scoped(self.db, Actor(user, READER, is_member=True))
        try:
            outcome = await self.store(scoped, user, Noon()).push(push)
        except (Reused, Behind):
            return Reply(409, {})
        except Overloaded:
            return Reply(503, {})
        return Reply(200, from_json(to_json(self.answer(outcome, push))))

    def answer(self, outcome: Outcome, push: Push) -> object:
        """Return the answer for an outcome."""
        return answer(outcome, push.limit)

    async def look(self, user: str) -> Seen:
        return await look(self.db, user)

    async def purge(self, user: str) -> None:
        await purge(self.db, user)

    def between(self, work: Callable[[], Awaitable[None]] | None) -> None:
        self.db.between = work


async def look(db: Database, user: str) -> Seen:
    """Return a user's stored data."""
    rows = await db.all("SELECT * FROM collections WHERE user_id = ?", user)
    conflicts = await db.all("SELECT lost FROM sync_conflicts WHERE user_id = ?", user)
    head = await db.first("SELECT rev FROM sync_heads WHERE user_id = ?", user)
    revs = [row["rev"] for row in rows]
    assert len({*revs}) == len(revs), "a revision is used twice"
    assert all(0 < rev <= head["rev"] for rev in revs if head), "a revision is none of the head's"
    live = {row["id"]: flat(dict(record_view(row))) for row in rows if row["deleted_at"] is None}
    return Seen(live, [from_json(row["lost"]) for row in conflicts], head["rev"] if head else 0)


async def purge(db: Database, user: str) -> None:
    """Purge the deletions of one user, with the job's statements."""
    await db.run(
        "UPDATE collections SET deleted_at = '2000-01-01 00:00:00' WHERE deleted_at IS NOT NULL AND user_id = ?", user
    )
    await db.batch([*purging("2001-01-01 00:00:00")])


class WithoutGuard(SyncStore):
    """Seeded fault: writes without checking for concurrent changes."""

    def guard(self, state: State, merge: Merge):  # type: ignore[no-untyped-def]  # noqa: ARG002
        changes = {"rev": Sql("rev + ?", len(merge.changed))}
        return self._db.prepare.update("sync_heads", changes, "true", returning=None)


class WholeRecords(Merge):
    """Seeded fault: writes complete records, so that stale unedited fields overwrite values of other devices."""

    def resolve(self, record: Stored, change: Change):  # type: ignore[no-untyped-def]
        values, _ = super().resolve(record, change)
        return values, []


class WholeRecordStore(SyncStore):
    merge_class = WholeRecords


class BlindDeletes(Merge):
    """Seeded fault: deletes records with changes not seen by the author."""

    def is_deletion_refused(self, record: Stored, change: Change) -> bool:  # noqa: ARG002
        return False


class BlindStore(SyncStore):
    merge_class = BlindDeletes


class LastWriter(Merge):
    """Seeded fault: checks only the last writer of the record before a deletion."""

    def is_deletion_refused(self, record: Stored, change: Change) -> bool:
        newest = max(record.revs, key=lambda name: record.revs[name] if record.revs[name] > 0 else 2**60)
        return record.is_unseen(newest, change.rev, self.client)


class LastWriterStore(SyncStore):
    merge_class = LastWriter


class WithoutTombstones(SyncStore):
    """Seeded fault: sends no deletions."""

    def page(self, push: Push, start):  # type: ignore[no-untyped-def]
        sql, params = super().page(push, start)
        return Statement(sql.replace("WHERE", "WHERE deleted_at IS NULL AND"), params)


class WithoutMemory(SyncStore):
    """Seeded fault: stores no pushes."""

    def remembered(self, push: Push, state: State) -> Memory | None:  # noqa: ARG002
        return None

    def memorize(self, push: Push, merge: Merge):  # type: ignore[no-untyped-def]  # noqa: ARG002
        return ()

    def conflict_rows(self, push: Push, merge: Merge):  # type: ignore[no-untyped-def]
        return super().conflict_rows(push._replace(memory=uuid4().hex), merge)


class WithoutConflicts(SyncStore):
    """Seeded fault: reports no conflicts."""

    def conflict_rows(self, push: Push, merge: Merge):  # type: ignore[no-untyped-def]  # noqa: ARG002
        return ()


class CursorAtHead(Direct):
    """Seeded fault: always answers with the newest revision as the cursor."""

    def answer(self, outcome: Outcome, push: Push) -> object:
        document = answer(outcome, push.limit)
        return {**document, "last_sync": f"{outcome.head.epoch}.{outcome.head.rev}", "more": False}


class CarelessDevices(Direct):
    """Seeded fault: devices send complete records, and the server stores them unmerged."""

    whole_records = True

    def __init__(self, db: DirectDatabase) -> None:
        super().__init__(db, WholeRecordStore)
