"""The rows of imported files in the bucket: parsed once, then compared and written in chunks."""

from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from edge import Background, Bucket, Request
from edge.ports import Result
from vinyl_vault.record import RecordFields
from vinyl_vault.transfer.table_reader import ReadRow

CHUNK_ROWS = 500
"""Most rows of one chunk, which is written in one push."""
CHUNK_BYTES = 1_000_000
"""Approximate bytes of one chunk; D1 accepts 2 MB in one statement."""


class Upload:
    """The stored objects of one file: chunks of rows, and the state of its reader after each part."""

    def __init__(self, bucket: Bucket, user_id: str, import_id: str) -> None:
        self._bucket = bucket
        self._prefix = f"{_folder(user_id)}/{import_id}"

    async def keep_rows(self, chunk: int, rows: Sequence[dict[str, Any]]) -> None:
        """Write the rows of a chunk."""
        await self._put(f"rows-{chunk}", rows)

    async def rows(self, chunk: int) -> list[dict[str, Any]]:
        """Return the rows of a chunk, each `{row, fields}`; empty if the chunk was removed."""
        return await self._get(f"rows-{chunk}") or []

    async def keep_state(self, parts: int, state: dict[str, Any]) -> None:
        """Write the reader's state after some parts."""
        await self._put(f"state-{parts}", state)

    async def state(self, parts: int) -> dict[str, Any] | None:
        """Return the reader's state after some parts."""
        document: dict[str, Any] | None = await self._get(f"state-{parts}")
        return document

    async def keep_verdicts(self, chunk: int, verdicts: str) -> None:
        """Write a letter for each row of a chunk: n(ew), s(ame) or p(ossible)."""
        await self._put(f"verdicts-{chunk}", verdicts)

    async def verdicts(self, chunk: int) -> str:
        """Return the verdicts on a chunk's rows."""
        return str(await self._get(f"verdicts-{chunk}") or "")

    async def remove(self) -> None:
        """Remove all objects of the file."""
        await _remove_all(self._bucket, f"{self._prefix}/")

    async def _put(self, name: str, value: Any) -> None:
        await self._bucket.put(f"{self._prefix}/{name}.json", to_json(value), content_type="application/json")

    async def _get(self, name: str) -> Any:
        stored = await self._bucket.get(f"{self._prefix}/{name}.json")
        return None if stored is None else from_json(await _joined(stored[1]))


def remove_files(request: Request, _results: Sequence[Result], cache: Bucket | None, background: Background) -> None:
    """Remove the files of a user whose account was deleted; what a fault leaves is removed after a month."""
    if cache is not None and request.actor is not None:
        background.add(_remove_all(cache, f"{_folder(request.actor.name)}/"))


def _folder(user_id: str) -> str:
    return f"imports/{sha256(user_id.encode(errors='surrogatepass')).hexdigest()[:32]}"


async def _remove_all(bucket: Bucket, prefix: str) -> None:
    cursor: str | None = None
    while True:
        page = await bucket.list(prefix, cursor=cursor)
        for stored in page.objects:
            await bucket.delete(stored.key)
        cursor = page.cursor
        if cursor is None:
            return


async def _joined(parts: Any) -> bytes:
    stream: AsyncIterator[bytes] = aiter(parts)
    return b"".join([part async for part in stream])


class Chunk:
    """Collects rows for one push, up to its size limits."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self._size = 0

    def add(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        """Add a row; if the chunk is full, return its rows and begin the next chunk with the new row."""
        length = len(to_json(row))
        if not self.rows or (len(self.rows) < CHUNK_ROWS and self._size + length <= CHUNK_BYTES):
            self.rows.append(row)
            self._size += length
            return []
        full = self.rows
        self.rows = [row]
        self._size = length
        return full


def validated(read: ReadRow) -> ReadRow:
    """Validate the fields of a row like those of a push; an invalid row is refused."""
    if read.fields is None:
        return read
    try:
        return read._replace(fields=RecordFields.model_validate(read.fields).edited_fields())
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))[:100]
        return ReadRow(read.row, None, f"{place}: {first['msg']}")
