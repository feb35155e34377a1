"""A push of a client, parsed into changes; records are accepted in two formats.

Our own clients send for each record the last seen revision and the edited fields. Simple clients send records as flat
objects without a revision, perhaps without an id, and a timestamp or nothing in `last_sync`.
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Annotated, Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import to_json

from edge import Problem
from vinyl_vault.record import FIELDS, LARGEST, SERVER_FIELDS, RecordFields
from vinyl_vault.retention import NAMELESS
from vinyl_vault.sync.cursor import Cursor, read_cursor
from vinyl_vault.sync.merge import Change, Rejection

MOST_ROWS = 500
"""Most records and deletions in one push, and most records in one page of the answer."""
BODY_LIMIT = 2 * 1024 * 1024
ID = r"[A-Za-z0-9._:~-]{1,64}"
"""The pattern of a record's id."""
_ID = re.compile(ID)
_LONGEST_SHOWN = 100
OURS = frozenset({"id", "rev", "user_id", "created_at", "updated_at", "deleted_at", "synced", *SERVER_FIELDS})
"""Members of a flat record that clients cannot write; they are ignored."""


class PushTooLarge(Problem):
    """Too many changes in one push."""

    title = "Too many changes in one push"
    status = 413

    def __init__(self, rows: int) -> None:
        super().__init__(f"{rows} changes in one push: send at most {MOST_ROWS} per push", limit=MOST_ROWS)


class SyncRequest(BaseModel):
    """Changes of a client, and its cursor for the changes of others.

    Each of `albums` is `{id, rev, set: {field: value}}`, with the revision `rev` seen at the time of the edit (0 for a
    new record), or a flat record; each of `deleted_ids` is `{id, rev}` or an id.
    """

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    client_id: str | None = Field(
        None, pattern=r"^[A-Za-z0-9._:-]{1,64}$", description="unique per user and installation"
    )
    seq: int | None = Field(
        None, ge=0, le=LARGEST, description="number of the client's push; a repeated push has the same"
    )
    version: int | None = Field(
        None, alias="schema", ge=0, le=LARGEST, description="version of the client's own tables"
    )
    last_sync: JsonValue = Field(None, description="`last_sync` of the previous answer; absent for the full state")
    limit: int = Field(500, ge=1, le=1_000, description="most records of others in the answer; never more than 500")
    albums: list[dict[str, JsonValue]] = []
    deleted_ids: list[Annotated[str | int, Field()] | dict[str, JsonValue]] = []


class Push(NamedTuple):
    """A parsed push.

    `client` is the author of the fields; the push is stored under `memory` and `seq`, and recognised by `body_hash`.
    """

    client: str
    memory: str
    seq: int
    body_hash: str
    changes: Sequence[Change]
    rejections: Sequence[Rejection]
    cursor: Cursor | None
    limit: int = 500


class _Refused(Exception):
    """A row of a push is invalid."""

    def __init__(self, code: str, field: str) -> None:
        super().__init__(code)
        self.code = code
        self.field = field


def read_push(request: SyncRequest, body: bytes, user_id: str) -> Push:
    """Parse a request into a push; invalid rows become rejections."""
    rows = len(request.albums) + len(request.deleted_ids)
    if rows > MOST_ROWS:
        raise PushTooLarge(rows)
    body_hash = sha256(body).hexdigest()
    is_named = request.client_id is not None and request.seq is not None
    nameless = NAMELESS + body_hash
    cursor = read_cursor(request.last_sync)
    reader = _Reader(f"{user_id}/{request.client_id or body_hash}/{request.seq or 0}", cursor.rev if cursor else 0)
    for position, album in enumerate(request.albums):
        reader.read_album(album, position)
    for item in request.deleted_ids:
        reader.read_deletion(item)
    return Push(
        client=request.client_id or nameless,
        memory=str(request.client_id) if is_named else nameless,
        seq=(request.seq or 0) if is_named else 0,
        body_hash=body_hash,
        changes=reader.changes,
        rejections=reader.rejections,
        cursor=cursor,
        limit=min(request.limit, MOST_ROWS),
    )


class _Reader:
    """Reads the rows of a push; `seen` is the default for rows without a revision."""

    def __init__(self, name: str, seen: int) -> None:
        self.name = name
        self.seen = seen
        self.changes: list[Change] = []
        self.rejections: list[Rejection] = []

    def read_album(self, album: Mapping[str, JsonValue], position: int) -> None:
        sent_id = album.get("id")
        record_id = str(uuid5(NAMESPACE_URL, f"{self.name}/{position}")) if sent_id is None else sent_id
        self._read(record_id, album, is_deletion=False)

    def read_deletion(self, item: str | int | Mapping[str, JsonValue]) -> None:
        members = item if isinstance(item, Mapping) else {"id": item}
        self._read(members.get("id"), members, is_deletion=True)

    def _read(self, sent_id: JsonValue, members: Mapping[str, JsonValue], *, is_deletion: bool) -> None:
        try:
            record_id = _id(sent_id)
            rev = _rev(members.get("rev"), self.seen)
            fields = {} if is_deletion else _fields(members)
        except _Refused as fault:
            excerpt = str(sent_id)[:_LONGEST_SHOWN] if isinstance(sent_id, str | int) else None
            self.rejections.append(Rejection(excerpt, fault.code, fault.field[:_LONGEST_SHOWN]))
            return
        expects_record = "set" in members and bool(members.get("rev"))
        self.changes.append(Change(record_id, rev, fields, is_deletion, expects_record))


def _id(sent_id: JsonValue) -> str:
    """Return a record's id; a number is accepted too."""
    text = str(sent_id) if isinstance(sent_id, str) or type(sent_id) is int else ""
    if not _ID.fullmatch(text):
        raise _Refused("invalid", "id")
    return text


def _rev(value: JsonValue, seen: int) -> int:
    if value is None:
        return seen
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise _Refused("invalid", "rev")
    return value


def _fields(album: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Return the validated fields of a row."""
    edited = album["set"] if "set" in album else _flat(album)
    try:
        return RecordFields.model_validate(edited).edited_fields()
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
        code = "unknown_field" if first["type"] == "extra_forbidden" else "invalid"
        raise _Refused(code, str(first["loc"][0]) if first["loc"] else "set") from None


def _flat(album: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Return the fields of a flat record; unknown members are stored in `extra`."""
    fields = {name: album[name] for name in FIELDS if name in album and name not in SERVER_FIELDS}
    extra = album.get("extra")
    others: dict[str, Any] = dict(extra) if isinstance(extra, dict) else {} if extra is None else {"extra": extra}
    for name, value in album.items():
        if name not in fields and name not in OURS and name != "extra":
            others[name] = to_json(value).decode() if isinstance(value, dict | list) else value
    return fields | ({"extra": others} if others else {})
