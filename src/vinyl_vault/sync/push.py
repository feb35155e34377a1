"""A push as a client sends it, and the changes that it stands for; two shapes of a record are read.

Our own clients send for each record the revision that a person saw and the fields that were edited. Simple clients send
records as flat objects, without a revision, perhaps without an id, and a time or nothing in `last_sync`.
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
"""Records and deletions of one push, and records of one page of others' changes."""
BODY_LIMIT = 2 * 1024 * 1024
ID = r"[A-Za-z0-9._:~-]{1,64}"
"""A record's id."""
_ID = re.compile(ID)
_LONGEST_SHOWN = 100
OURS = frozenset({"id", "rev", "user_id", "created_at", "updated_at", "deleted_at", "synced", *SERVER_FIELDS})
"""Members of a flat record that are not a person's to write; they are passed over."""


class PushTooLarge(Problem):
    """Too many changes in one push."""

    title = "Too many changes in one push"
    status = 413

    def __init__(self, rows: int) -> None:
        super().__init__(f"{rows} changes; send at most {MOST_ROWS} at a time, in pushes of their own", limit=MOST_ROWS)


class SyncRequest(BaseModel):
    """Changes of a client, and the place from which it wants those of others.

    Each of `albums` is `{id, rev, set: {field: value}}`, `rev` being the revision that was seen when it was edited (0
    for a new record), or a flat record; each of `deleted_ids` is `{id, rev}` or an id.
    """

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    client_id: str | None = Field(None, pattern=r"^[A-Za-z0-9._:-]{1,64}$", description="one a user and installation")
    seq: int | None = Field(None, ge=0, le=LARGEST, description="counts the client's pushes; a repeat has the same")
    version: int | None = Field(None, alias="schema", ge=0, le=LARGEST, description="of the client's own tables")
    last_sync: JsonValue = Field(None, description="`last_sync` of the answer before; absent for the full state")
    limit: int = Field(
        500, ge=1, le=1_000, description="records of others that the answer has at most; 500 in any case"
    )
    albums: list[dict[str, JsonValue]] = []
    deleted_ids: list[Annotated[str | int, Field()] | dict[str, JsonValue]] = []


class Push(NamedTuple):
    """The changes of one push.

    `client` writes the fields; the push is remembered under `memory` and `seq`, and known again by `body_hash`.
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
    """A row of a push is not valid."""

    def __init__(self, code: str, field: str) -> None:
        super().__init__(code)
        self.code, self.field = code, field


def read_push(request: SyncRequest, body: bytes, user_id: str) -> Push:
    """Return the push of a request; rows that are not valid are among its rejections."""
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
    """Reads the rows of a push; `seen` is the revision of a row that does not say its own."""

    def __init__(self, name: str, seen: int) -> None:
        self.name, self.seen = name, seen
        self.changes: list[Change] = []
        self.rejections: list[Rejection] = []

    def read_album(self, album: Mapping[str, JsonValue], position: int) -> None:
        given = album.get("id")
        record_id = str(uuid5(NAMESPACE_URL, f"{self.name}/{position}")) if given is None else given
        self._read(record_id, album, is_deletion=False)

    def read_deletion(self, item: str | int | Mapping[str, JsonValue]) -> None:
        members = item if isinstance(item, Mapping) else {"id": item}
        self._read(members.get("id"), members, is_deletion=True)

    def _read(self, given: JsonValue, members: Mapping[str, JsonValue], *, is_deletion: bool) -> None:
        try:
            record_id = _id(given)
            rev = _rev(members.get("rev"), self.seen)
            fields = {} if is_deletion else _fields(members)
        except _Refused as fault:
            shown = str(given)[:_LONGEST_SHOWN] if isinstance(given, str | int) else None
            self.rejections.append(Rejection(shown, fault.code, fault.field[:_LONGEST_SHOWN]))
            return
        expects_record = "set" in members and bool(members.get("rev"))
        self.changes.append(Change(record_id, rev, fields, is_deletion, expects_record))


def _id(given: JsonValue) -> str:
    """Return a record's id; a number is one as well."""
    text = str(given) if isinstance(given, str) or type(given) is int else ""
    if not _ID.fullmatch(text):
        raise _Refused("invalid", "id")
    return text


def _rev(given: JsonValue, seen: int) -> int:
    if given is None:
        return seen
    if type(given) is not int or not 0 <= given <= LARGEST:
        raise _Refused("invalid", "rev")
    return given


def _fields(album: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Return the fields that a row sets, validated."""
    edited = album["set"] if "set" in album else _flat(album)
    try:
        return RecordFields.model_validate(edited).given()
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_context=False, include_input=False)[0]
        code = "unknown_field" if first["type"] == "extra_forbidden" else "invalid"
        raise _Refused(code, str(first["loc"][0]) if first["loc"] else "set") from None


def _flat(album: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Return the fields of a flat record; members of other programs are kept with it."""
    known = {name: album[name] for name in FIELDS if name in album and name not in SERVER_FIELDS}
    extra = album.get("extra")
    others: dict[str, Any] = dict(extra) if isinstance(extra, dict) else {} if extra is None else {"extra": extra}
    for name, value in album.items():
        if name not in known and name not in OURS and name != "extra":
            others[name] = to_json(value).decode() if isinstance(value, dict | list) else value
    return known | ({"extra": others} if others else {})
