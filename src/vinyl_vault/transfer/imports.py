"""Imports of one user: a file is read in parts, compared with the collection, and then written."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from pydantic_core import from_json, to_json

from edge import Bucket, Clock, NotFound, Problem
from edge.data import ScopedDatabase
from edge.instants import to_text
from edge.ports import OutOfScope, Row
from vinyl_vault.tables import MOST_WAITING
from vinyl_vault.transfer.csv_text import BadTable
from vinyl_vault.transfer.duplicates import Duplicates
from vinyl_vault.transfer.table_reader import ReadRow, TableReader
from vinyl_vault.transfer.uploads import Chunk, Upload, validated

MOST_BYTES = 50 * 1024 * 1024
MOST_ROWS = 100_000
MOST_LISTED = 100
"""Most refused or possible rows in a report, and most imports in a list."""
PAGE = 2_000

_LETTERS = {"new": "n", "same": "s", "possible": "p"}
_RECORDS = (
    "SELECT id, status, artist, album, catalogue_number, format, discogs, folder, date_added FROM collections "
    "WHERE id > ? AND deleted_at IS NULL ORDER BY id LIMIT ?"
)


class ImportNotFound(NotFound):
    """There is no such import."""

    title = "There is no such import"


class NotATable(Problem):
    """The file cannot be read."""

    title = "The file cannot be read"
    status = 422


class FileTooLarge(Problem):
    """The file is too large."""

    title = "The file is too large"
    status = 413


class ImportConflict(Problem):
    """This is not possible in the import's state."""

    title = "This is not possible in the import's state"
    status = 409


class Part(NamedTuple):
    """A part of a file, numbered from 0."""

    number: int
    body: bytes
    is_last: bool


class PartRows(NamedTuple):
    """The rows of a part: their number, the file's number of chunks so far, and the refused rows."""

    read: int
    chunks: int
    refused: list[dict[str, Any]]


class Imports:
    """The imports of one user, in the user's database scope."""

    def __init__(self, db: ScopedDatabase, bucket: Bucket, user_id: str, clock: Clock) -> None:
        self._db = db
        self._bucket = bucket
        self._user_id = user_id
        self._clock = clock

    def upload(self, import_id: str) -> Upload:
        """Return the stored objects of an import."""
        return Upload(self._bucket, self._user_id, import_id)

    async def get(self, import_id: str) -> Row:
        """Return an import; raises `ImportNotFound` if the user has none with this id."""
        row = await self._db.first("SELECT * FROM imports WHERE id = ?", import_id)
        if row is None:
            raise ImportNotFound
        return row

    async def list(self) -> Sequence[Row]:
        """Return the newest imports, newest first."""
        return await self._db.all("SELECT * FROM imports ORDER BY created_at DESC, id LIMIT ?", MOST_LISTED)

    async def begin(self, name: str, source: str, status: str) -> Row:
        """Begin an import; raises `ImportConflict` if too many are unfinished."""
        now = to_text(self._clock.now())
        import_id = uuid4().hex
        row = {"user_id": self._user_id, "id": import_id, "state": "open", "source": source, "name": name}
        try:
            await self._db.insert("imports", [row | {"created_at": now, "updated_at": now}])
        except OutOfScope:
            raise ImportConflict(f"{MOST_WAITING} imports are unfinished: apply or remove one") from None
        await self.upload(import_id).keep_state(0, TableReader(status).state())
        return await self._written(import_id)

    async def add_part(self, row: Row, part: Part) -> Row:
        """Read the next part of a CSV file; a repeated part changes nothing."""
        if row["state"] != "open" or part.number < row["parts"]:
            if part.number < row["parts"]:
                return row
            raise ImportConflict("the last part of the file was sent already")
        if part.number > row["parts"]:
            raise ImportConflict(f"part {row['parts']} is expected next")
        self._bound(row, len(part.body))
        upload = self.upload(row["id"])
        state = await upload.state(row["parts"])
        if state is None:
            raise ImportNotFound
        reader = TableReader.resume(state)
        try:
            part_rows = await self._keep(row, reader.read(part.body, is_last=part.is_last))
        except BadTable as fault:
            raise NotATable(str(fault)) from None
        await upload.keep_state(part.number + 1, reader.state())
        about: dict[str, Any] = {"encoding": reader.encoding, "delimiter": reader.delimiter}
        if reader.header is not None:
            about |= {"layout": to_json(reader.header.names).decode(), "is_wantlist": int(reader.status == "wanted")}
        return await self._record_progress(row, len(part.body), part_rows, about)

    async def add_rows(self, row: Row, rows: Sequence[ReadRow], size: int) -> Row:
        """Add the rows of a file that was sent in one piece."""
        self._bound(row, size)
        return await self._record_progress(row, size, await self._keep(row, rows), {"encoding": "utf-8"})

    async def check(self, row: Row) -> Row:
        """Compare all rows of a file with the current collection; afterwards a running import can be written."""
        upload = self.upload(row["id"])
        duplicates = Duplicates([record async for record in self._records()])
        counts = dict.fromkeys(_LETTERS.values(), 0)
        possible: list[dict[str, Any]] = []
        for chunk in range(row["chunks"]):
            verdicts = ""
            for item in await upload.rows(chunk):
                letter = _LETTERS[duplicates.judge(item["fields"])]
                verdicts += letter
                counts[letter] += 1
                if letter == "p" and len(possible) < MOST_LISTED:
                    possible.append(_summary(item))
            await upload.keep_verdicts(chunk, verdicts)
        changes: dict[str, Any] = {"possible": to_json(possible).decode(), "next_chunk": 0}
        if row["state"] == "open":
            changes["state"] = "checked"
        changes |= {"rows_new": counts["n"], "rows_same": counts["s"], "rows_possible": counts["p"]}
        await self._change(row["id"], changes, "state = ? AND next_chunk = ?", row["state"], row["next_chunk"])
        return await self._written(row["id"])

    async def remove(self, row: Row) -> None:
        """Remove an import and its rows; records already written stay."""
        await self._db.delete("imports", "id = ?", row["id"])
        await self.upload(row["id"]).remove()

    async def _keep(self, row: Row, rows: Iterable[ReadRow]) -> PartRows:
        """Store the valid rows in chunks while they are read, and collect the refused ones."""
        upload = self.upload(row["id"])
        chunk = Chunk()
        read = 0
        refused = list[dict[str, Any]]()
        chunks = int(row["chunks"])
        for read_row in map(validated, rows):
            read += 1
            if row["rows_read"] + read > MOST_ROWS:
                raise FileTooLarge(f"a file has at most {MOST_ROWS} rows", limit=MOST_ROWS)
            if read_row.fields is None:
                refused.append({"row": read_row.row, "reason": read_row.fault})
            elif full := chunk.add({"row": read_row.row, "fields": read_row.fields}):
                await upload.keep_rows(chunks, full)
                chunks += 1
        if chunk.rows:
            await upload.keep_rows(chunks, chunk.rows)
            chunks += 1
        return PartRows(read, chunks, refused)

    async def _record_progress(self, row: Row, size: int, part_rows: PartRows, about: dict[str, Any]) -> Row:
        """Record the progress of a file, unless a concurrent request did."""
        listed = [*from_json(row["refusals"]), *part_rows.refused][:MOST_LISTED]
        changes = about | {
            "bytes": row["bytes"] + size,
            "parts": row["parts"] + 1,
            "chunks": part_rows.chunks,
            "rows_read": row["rows_read"] + part_rows.read,
            "rows_refused": row["rows_refused"] + len(part_rows.refused),
            "refusals": to_json(listed).decode(),
        }
        await self._change(row["id"], changes, "state = 'open' AND parts = ?", row["parts"])
        return await self._written(row["id"])

    async def _written(self, import_id: str) -> Row:
        """Return an import whose objects were written; one that was removed meanwhile leaves none."""
        try:
            return await self.get(import_id)
        except ImportNotFound:
            await self.upload(import_id).remove()
            raise

    async def _change(self, import_id: str, changes: dict[str, Any], where: str, *params: Any) -> None:
        now = {"updated_at": to_text(self._clock.now())}
        await self._db.update("imports", changes | now, f"id = ? AND {where}", import_id, *params)

    async def _records(self) -> AsyncIterator[dict[str, Any]]:
        last = ""
        while rows := await self._db.all(_RECORDS, last, PAGE):
            for row in rows:
                yield dict(row) | {"discogs": from_json(row["discogs"]) if row["discogs"] else None}
            last = rows[-1]["id"]

    def _bound(self, row: Row, size: int) -> None:
        if row["bytes"] + size > MOST_BYTES:
            raise FileTooLarge(f"a file has at most {MOST_BYTES} bytes", limit=MOST_BYTES)


def _summary(item: dict[str, Any]) -> dict[str, Any]:
    fields = item["fields"]
    names = {name: str(fields.get(name) or "")[:200] for name in ("artist", "album", "folder", "date_added")}
    return {"row": item["row"], **names, "discogs": fields.get("discogs")}
