"""Writes checked files into their collections in chunks; a repeated chunk leaves the same records."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from pydantic_core import from_json, to_json

from edge import READER, Actor, Bucket, Clock, Log, SystemDatabase
from edge.clients.leases import Leases
from edge.data import ScopedDatabase
from edge.errors import Overloaded
from edge.instants import to_text
from edge.ports import ForeignKeyViolation, Row, UniqueViolation
from vinyl_vault.collection.settings import CollectionSettings
from vinyl_vault.sync.merge import Change
from vinyl_vault.sync.push import Push
from vinyl_vault.sync.store import Behind, Bounds, SyncStore
from vinyl_vault.tables import TABLES
from vinyl_vault.transfer.imports import MOST_LISTED, ImportConflict, ImportNotFound, Imports

LEASE_S = 120.0
TO_JUDGE = -1
"""`next_chunk` of a running import before its rows are compared once more."""
RETENTION = timedelta(days=30)
MOST_REMOVED = 500
STEP_S = 15.0
"""Seconds for which one event writes chunks; the next event continues."""


class ImportWork:
    """Applies imports: a request begins, and later events continue."""

    def __init__(  # noqa: PLR0913, PLR0917 - one parameter per injected dependency
        self, db: SystemDatabase, cache: Bucket, leases: Leases, clock: Clock, log: Log, settings: CollectionSettings
    ) -> None:
        self._most_records = settings.most_records
        self._db = db
        self._bucket = cache
        self._leases = leases
        self._clock = clock
        self._log = log

    def imports(self, db: ScopedDatabase, user_id: str) -> Imports:
        """Return a user's imports."""
        return Imports(db, self._bucket, user_id, self._clock)

    async def begin(self, db: ScopedDatabase, row: Row, *, takes_possible: bool) -> None:
        """Mark a checked import as running; raises `ImportConflict` while another one is running."""
        if row["state"] != "checked":
            raise ImportConflict(f"the import is {row['state']}: only a checked import can be applied")
        rows = row["rows_new"] + (row["rows_possible"] if takes_possible else 0)
        room = await self._store(db, row["user_id"]).room_for(rows)
        if rows > room:
            raise ImportConflict(
                f"only {max(0, room)} of {rows} records can be added: a collection has at most {self._most_records}"
            )
        now = {"updated_at": to_text(self._clock.now())}
        changes: dict[str, Any] = {"state": "running", "next_chunk": TO_JUDGE, "takes_possible": int(takes_possible)}
        try:
            begun = await db.update("imports", changes | now, "id = ? AND state = 'checked'", row["id"])
        except UniqueViolation:
            raise ImportConflict("another import of yours is running: wait for its end") from None
        if not begun.changes:
            raise ImportConflict("the import was applied or removed")

    async def resume(self, user_id: str, import_id: str, seconds: float = STEP_S) -> None:
        """Write chunks for some seconds, unless another event is doing so."""
        name = f"import:{import_id}"
        until = await self._leases.take(name, LEASE_S)
        if until is None:
            return
        try:
            await self._write(TABLES.scoped(self._db, member(user_id)), user_id, import_id, monotonic() + seconds)
        except (ImportNotFound, ForeignKeyViolation):  # by its user, or with the account
            self._log("info", "import removed while it was written", id=import_id)
        except Overloaded as fault:
            self._log("warning", "import continues later", id=import_id, error=str(fault))
        finally:
            await self._leases.give_back(name, until)

    async def resume_all(self, seconds: float) -> int:
        """Continue running imports, the least recently updated first; return their number."""
        rows = await self._db.all(
            "SELECT user_id, id FROM imports WHERE state = 'running' ORDER BY updated_at LIMIT 20"
        )
        end = monotonic() + seconds
        for row in rows:
            if (left := end - monotonic()) > 0:
                await self.resume(row["user_id"], row["id"], left)
        return len(rows)

    async def remove_old(self) -> int:
        """Remove imports not applied for a month, and leftover objects; return the number of objects."""
        now = self._clock.now()
        old = to_text(now - RETENTION)
        await self._db.run("DELETE FROM imports WHERE state IN ('open', 'checked') AND updated_at < ?", old)
        page = await self._bucket.list("imports/", limit=MOST_REMOVED)
        over = [stored.key for stored in page.objects if stored.uploaded < now - RETENTION]
        for key in over:
            await self._bucket.delete(key)
        return len(over)

    async def _write(self, db: ScopedDatabase, user_id: str, import_id: str, end: float) -> None:
        imports = self.imports(db, user_id)
        row = await imports.get(import_id)
        while row["state"] == "running":
            if row["next_chunk"] == TO_JUDGE:
                row = await imports.check(row)
            if row["next_chunk"] >= row["chunks"]:
                await self._finish(db, imports, row)
                return
            await self._write_chunk(db, imports, row)
            if monotonic() >= end:
                return
            row = await imports.get(import_id)

    async def _write_chunk(self, db: ScopedDatabase, imports: Imports, row: Row) -> None:
        """Push one chunk under its number, so that it is written once; then record the progress."""
        chunk = row["next_chunk"]
        upload = imports.upload(row["id"])
        letters = "np" if row["takes_possible"] else "n"
        rows, verdicts = await upload.rows(chunk), await upload.verdicts(chunk)
        if len(rows) != len(verdicts):  # its objects are being removed
            raise ImportNotFound
        chosen = [item for item, verdict in zip(rows, verdicts, strict=True) if verdict in letters]
        changes = [Change(record_id(row, item["row"]), 0, item["fields"]) for item in chosen]
        client = f"import:{row['id']}"
        push = Push(client, client, chunk, f"{client}:{chunk}", changes, (), None, limit=0)
        refused: dict[str | None, str] = {}
        if changes:
            try:
                outcome = await self._store(db, row["user_id"]).push(push)
                refused = {rejection.id: rejection.code for rejection in outcome.rejections}
            except Behind:  # it was written so long ago that the push is no longer stored
                self._log("info", "chunk was written before", id=row["id"], chunk=chunk)
        taken = [item for item in chosen if record_id(row, item["row"]) not in refused]
        due = [self._due(row, item) for item in taken if _release_of(item["fields"])]
        if due:
            await db.insert("details_due", due, key=("user_id", "record_id"), keep=True)
        noted = {"next_chunk": chunk + 1, "details_wanted": row["details_wanted"] + len(due)}
        noted |= _refusals(row, [item for item in chosen if item not in taken], refused)
        now = {"updated_at": to_text(self._clock.now())}
        await db.update("imports", noted | now, "id = ? AND next_chunk = ?", row["id"], chunk)

    async def _finish(self, db: ScopedDatabase, imports: Imports, row: Row) -> None:
        now = {"updated_at": to_text(self._clock.now())}
        await db.update("imports", {"state": "done"} | now, "id = ? AND state = 'running'", row["id"])
        await imports.upload(row["id"]).remove()

    def _store(self, db: ScopedDatabase, user_id: str) -> SyncStore:
        return SyncStore(db, user_id, self._clock, Bounds(self._most_records))

    def _due(self, row: Row, item: dict[str, Any]) -> dict[str, Any]:
        return {
            "user_id": row["user_id"],
            "record_id": record_id(row, item["row"]),
            "import_id": row["id"],
            "release_id": _release_of(item["fields"]),
            "due_at": to_text(self._clock.now()),
        }


def _refusals(row: Row, items: Sequence[dict[str, Any]], codes: Mapping[str | None, str]) -> dict[str, Any]:
    """Return the columns that report rows that did not fit when they were written."""
    if not items:
        return {}
    reasons = {"full": "the collection is full"}
    numbers = [(item["row"], codes[record_id(row, item["row"])]) for item in items]
    listed = from_json(row["refusals"]) + [{"row": n, "reason": reasons.get(code, code)} for n, code in numbers]
    return {"rows_refused": row["rows_refused"] + len(items), "refusals": to_json(listed[:MOST_LISTED]).decode()}


def member(user_id: str) -> Actor:
    """Return a user as an actor, to scope a database to the user's rows."""
    return Actor(user_id, READER, is_member=True)


def record_id(row: Row, number: int) -> str:
    """Return the id of the record of a file's row; it is the same for every attempt."""
    return str(uuid5(NAMESPACE_URL, f"import/{row['user_id']}/{row['id']}/{number}"))


def _release_of(fields: dict[str, Any]) -> int | None:
    entry = fields.get("discogs")
    if isinstance(entry, str):
        entry = from_json(entry)
    return int(entry["id"]) if entry and entry["kind"] == "release" and not fields.get("cover") else None
