"""Writes the pushes of a user's clients, each in one transaction, and reads the changes since a cursor.

The only transaction of D1 is a batch. So records are read, merged in memory, and written in one batch that fails if
any of them has changed since it was read. New revisions are assigned inside the batch: rows are written with negative
revisions, and the next statement replaces them by the ones that follow the user's head.

All statements run in the caller's database scope, which contains no other user's rows.
"""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from pydantic_core import from_json, to_json

from edge import Clock
from edge.data import ScopedDatabase, ScopedStatement, Sql
from edge.errors import Overloaded
from edge.instants import to_text
from edge.ports import ConstraintViolation, Row, Statement, Value
from vinyl_vault.record import columns_of, fields_of
from vinyl_vault.retention import NAMELESS, NAMELESS_KEPT
from vinyl_vault.sync.cursor import Cursor, Head, HeadGone, head_of, start_of
from vinyl_vault.sync.merge import MOST_CONFLICTS, MOST_RECORDS, Change, Conflict, Merge, Rejection, Room, Stored
from vinyl_vault.sync.push import Push

ATTEMPTS = 8
"""Attempts of a push if records change between its read and its write."""
PAUSE_S = 0.05
"""Longest pause before the second attempt, in seconds; it grows by this amount per attempt."""
REMEMBERED = 32
"""Number of stored pushes per client."""
MOST_CLIENTS = 100
"""Most clients of a user with stored pushes; those without a push for longest are forgotten."""
MOST_NAMELESS = 1_000
"""Most stored pushes of a user without a client name."""
DOCUMENT_BYTES = 1_500_000
"""Most bytes of records per statement; D1 accepts 2 MB."""

_REVISION = "(SELECT sync_heads.rev FROM sync_heads) - ? -"
_FINAL_REVISIONS = (
    f"(SELECT json_group_object(key, CASE WHEN value < 0 THEN {_REVISION} value ELSE value END) "
    "FROM json_each(collections.field_revs))"
)
_UNCHANGED = (
    "NOT EXISTS (SELECT 1 FROM json_each(?) AS touched LEFT JOIN collections ON collections.id = touched.value ->> 0 "
    "WHERE ifnull(collections.rev, 0) <> touched.value ->> 1)"
)
_HAS_ROOM = (
    "(rev + ? <= ? OR (SELECT count(*) FILTER (WHERE deleted_at IS NULL) <= ? AND count(*) <= ? FROM collections))"
)
_HAS_CONFLICT_ROOM = "(SELECT count(*) FROM sync_conflicts) <= ?"
_COUNT = "SELECT count(*) AS stored, count(*) FILTER (WHERE deleted_at IS NULL) AS live FROM collections"
_HEAD = "SELECT epoch, rev, floor FROM sync_heads"
_BY_IDS = "SELECT * FROM collections WHERE id IN (SELECT value FROM json_each(?))"
_PAGE = "SELECT * FROM collections WHERE rev > ? ORDER BY rev LIMIT ?"
_MEMORY = "SELECT body_hash, answer, base FROM sync_queue WHERE client_id = ? AND seq = ? AND pushed_at > ?"
_NEWEST = (
    "SELECT max(seq) AS seq, (SELECT count(*) FROM sync_conflicts) AS conflicts FROM sync_queue WHERE client_id = ?"
)
_IS_NAMELESS = f"client_id >= '{NAMELESS}' AND client_id < '{NAMELESS}g'"
"""Bytes of a push have a hash in hexadecimal digits, all of them before g."""
_FORGOTTEN = (
    "client_id IN (SELECT client_id FROM sync_queue WHERE {} "
    "GROUP BY client_id ORDER BY max(pushed_at) DESC LIMIT -1 OFFSET ?)"
)
_CONFLICTS = "SELECT * FROM sync_conflicts WHERE client_id = ? AND seq = ? ORDER BY n"


class Memory(NamedTuple):
    """An answered push; negative revisions count from `base`."""

    body_hash: str
    applied: dict[str, int]
    merged: list[str]
    rejections: list[Rejection]
    base: int


class Bounds(NamedTuple):
    """Most records and most open conflicts of a user."""

    records: int = MOST_RECORDS
    conflicts: int = MOST_CONFLICTS


BOUNDS = Bounds()


class State(NamedTuple):
    """The state read for a push.

    `revs` are the revisions of all affected records; `newest` is the client's newest stored push, -1 without one.
    """

    head: Head
    records: dict[str, Stored]
    revs: dict[str, int]
    memory: Memory | None
    newest: int
    conflicts: int


class Outcome(NamedTuple):
    """The result of a push: revisions of records current at the client, and rows to send.

    `page` are the changes since its cursor, in order, with one extra row if there are more. `sent` are further rows to
    send; None for a record that has been purged since.
    """

    head: Head
    start: Cursor
    applied: dict[str, int]
    conflicts: Sequence[Conflict]
    rejections: Sequence[Rejection]
    page: Sequence[Row]
    sent: Mapping[str, Row | None]
    is_reset: bool


class Reused(Exception):
    """A push number was used before with other contents."""


class Behind(Exception):
    """A push number is older than the stored pushes."""


class SyncStore:
    """Reads and writes the records of one user; every write of records goes through it."""

    merge_class: type[Merge] = Merge

    def __init__(self, db: ScopedDatabase, user_id: str, clock: Clock, bounds: Bounds = BOUNDS) -> None:
        self._db = db
        self.user_id = user_id
        self._clock = clock
        self._bounds = bounds

    async def push(self, push: Push) -> Outcome:
        """Write a push, exactly once even if it is repeated. Errors: `Reused`, `Behind`, `Overloaded`."""
        for attempt in range(ATTEMPTS):
            state = await self.read(push)
            try:
                if (memory := self.remembered(push, state)) is not None:
                    return await self.repeat(push, state, memory)
                merge = self.merge(push, state, await self.room(len(state.revs), state.head))
                return await self.write(push, state, merge)
            except HeadGone:
                continue  # the next attempt inserts a head, which fails without an account
            except ConstraintViolation as fault:
                if not _is_race(fault):
                    raise
            await self._clock.sleep(random.uniform(0, PAUSE_S * (attempt + 1)))
        raise Overloaded("the records are being changed concurrently: send the same push again")

    async def change(self, changes: Sequence[Change], client: str) -> Outcome:
        """Write changes without a push number, such as those of one request."""
        memory = f"{client}:{uuid4().hex[:8]}"
        return await self.push(Push(client, memory, 0, "", changes, (), None, limit=0))

    async def read(self, push: Push) -> State:
        """Read the state for a push, in one batch."""
        ids = [*{change.id: None for change in push.changes}]
        statements = [
            Statement(_HEAD),
            Statement(_BY_IDS, (_json(ids),)),
            Statement(_MEMORY, (push.memory, push.seq, self.remembered_since(push))),
            Statement(_NEWEST, (push.memory,)),
        ]
        head, records, memory, newest = [result.rows for result in await self._db.batch(statements)]
        return State(
            head=Head(**head[0]) if head else Head(),
            records={row["id"]: _stored(row) for row in records},
            revs=dict.fromkeys(ids, 0) | {row["id"]: row["rev"] for row in records},
            memory=_memory(memory[0]) if memory else None,
            newest=-1 if newest[0]["seq"] is None else newest[0]["seq"],
            conflicts=newest[0]["conflicts"],
        )

    async def room_for(self, new: int) -> int:
        """Return the number of new records, up to `new`, that may be added."""
        row = await self._db.first(_HEAD)
        return min(await self.room(new, Head(**row) if row else Head()))

    async def room(self, new: int, head: Head) -> Room:
        """Return the room for records; few revisions mean few records, without counting them."""
        most = self._bounds.records
        if head.rev + new <= most:
            return Room(new, new)
        row = await self._db.first(_COUNT)
        stored, live = (row["stored"], row["live"]) if row else (0, 0)
        return Room(most - live, 2 * most - stored)

    def remembered(self, push: Push, state: State) -> Memory | None:
        """Return the stored answer of a repeated push; None for a new one, and for one without changes."""
        if not push.changes and not push.rejections:
            return None
        if state.memory is None and push.seq < state.newest:
            raise Behind
        if state.memory is not None and state.memory.body_hash != push.body_hash:
            raise Reused
        return state.memory

    def merge(self, push: Push, state: State, room: Room) -> Merge:
        """Merge a push into the records read; revisions seen in another epoch are ignored."""
        merge = self.merge_class(push.client, to_text(self._clock.now()), state.records)
        merge.room = room
        merge.conflict_room = self._bounds.conflicts - state.conflicts
        cursor = push.cursor
        head = state.head
        is_foreign = cursor is not None and (cursor.epoch != head.epoch or cursor.rev > head.rev)
        merge.apply([change._replace(rev=0) for change in push.changes] if is_foreign else push.changes)
        merge.rejections[:0] = push.rejections
        return merge

    async def repeat(self, push: Push, state: State, memory: Memory) -> Outcome:
        """Answer a repeated push: its stored result, and the current changes since its cursor."""
        start, is_reset = self.start(push, state.head)
        whole = [*memory.merged, *(memory.applied if is_reset else ())]
        statements = [
            Statement(_HEAD),
            self.page(push, start),
            Statement(_BY_IDS, (_json(whole),)),
            Statement(_CONFLICTS, (push.memory, push.seq)),
        ]
        head, page, sent, conflicts = [result.rows for result in await self._db.batch(statements)]
        applied = {name: memory.base - rev if rev < 0 else rev for name, rev in memory.applied.items()}
        losses = [_conflict(row) for row in conflicts]
        return Outcome(head_of(head), start, applied, losses, memory.rejections, page, _by_id(whole, sent), is_reset)

    async def write(self, push: Push, state: State, merge: Merge) -> Outcome:
        """Write a merged push and read the changes since its cursor, in one batch."""
        head = state.head if state.head.epoch else Head(uuid4().hex[:16])
        start, is_reset = self.start(push, head)
        statements: list[Statement | ScopedStatement] = []
        if not state.head.epoch:
            first = {"user_id": self.user_id, "epoch": head.epoch}
            statements.append(self._db.prepare.insert("sync_heads", [first], key="user_id", keep=True))
        if push.changes or push.rejections:
            statements += self.writes(push, state, merge)
        whole = [*merge.merged, *(merge.applied if is_reset else ())]
        reads = [Statement(_HEAD), self.page(push, start), Statement(_BY_IDS, (_json(whole),))]
        results = await self._db.batch([*statements, *reads])
        rows = [result.rows for result in results[-len(reads) :]]
        after = head_of(rows[0])
        if after.epoch != head.epoch:  # a concurrent push was the user's first
            start = start._replace(epoch=after.epoch)
        base = after.rev - len(merge.changed)
        applied = {name: base - rev if rev < 0 else rev for name, rev in merge.applied.items()}
        sent = _by_id(whole, rows[2])
        return Outcome(after, start, applied, merge.conflicts, merge.rejections, rows[1], sent, is_reset)

    def start(self, push: Push, head: Head) -> tuple[Cursor, bool]:
        """Return the cursor to read changes from, and true if the client's own is no longer valid."""
        if push.cursor is None:
            return start_of(head), False
        return (push.cursor, False) if push.cursor.is_valid(head) else (start_of(head), True)

    def page(self, push: Push, start: Cursor) -> Statement:
        """Return the statement that reads the changes since a cursor, with one extra row."""
        return Statement(_PAGE, (start.rev, push.limit + 1 if push.limit else 0))

    def writes(self, push: Push, state: State, merge: Merge) -> Iterator[ScopedStatement]:
        """Yield the statements that write a merged push."""
        prepare = self._db.prepare
        count = len(merge.changed)
        yield self.guard(state, merge)
        if push.body_hash:
            yield from self.forget(push, is_new=state.newest < 0)
            yield from self.memorize(push, merge)
        for documents in _chunks([self.row(record) for record in merge.changed]):
            yield prepare.insert("collections", documents, key=("user_id", "id"))
        if count:
            final = {
                "rev": Sql(f"{_REVISION} collections.rev", count),
                "field_revs": Sql(_FINAL_REVISIONS, count),
            }
            yield prepare.update("collections", final, "rev < 0", returning=None)
        for documents in _chunks(self.conflict_rows(push, merge)):
            yield prepare.insert("sync_conflicts", documents)

    def guard(self, state: State, merge: Merge) -> ScopedStatement:
        """Return the statement that reserves new revisions.

        It fails if a record has changed since it was read, or if concurrent pushes have used up the room.
        """
        rules = [_UNCHANGED]
        values: list[Value] = [_json([*state.revs.items()])]
        if more := merge.added + merge.revived:
            most = self._bounds.records
            rules.append(_HAS_ROOM)
            values += [merge.added, most, most - more, 2 * most - merge.added]
        if merge.conflicts:
            rules.append(_HAS_CONFLICT_ROOM)
            values.append(self._bounds.conflicts - len(merge.conflicts))
        changes = {"rev": Sql("rev + ?", len(merge.changed)), "ok": Sql(" AND ".join(rules), *values)}
        return self._db.prepare.update("sync_heads", changes, "true", returning=None)

    def remembered_since(self, push: Push) -> str:
        """Return the instant up to which a push of this kind is forgotten; empty for pushes with a number."""
        return to_text(self._clock.now() - NAMELESS_KEPT) if push.memory.startswith(NAMELESS) else ""

    def forget(self, push: Push, *, is_new: bool) -> Iterator[ScopedStatement]:
        """Yield the statements that remove old pushes of the client, and for a new one those of other clients."""
        delete = self._db.prepare.delete
        is_named = not push.memory.startswith(NAMELESS)
        old = (push.memory, push.seq - REMEMBERED, self.remembered_since(push))
        yield delete("sync_queue", "client_id = ? AND (seq < ? OR pushed_at <= ?)", *old, returning=None)
        if is_new:
            others = _FORGOTTEN.format(f"NOT ({_IS_NAMELESS})" if is_named else _IS_NAMELESS)
            yield delete("sync_queue", others, (MOST_CLIENTS if is_named else MOST_NAMELESS) - 1, returning=None)

    def memorize(self, push: Push, merge: Merge) -> Iterator[ScopedStatement]:
        """Yield the statements that store a push."""
        prepare = self._db.prepare
        answer = {"applied": merge.applied, "merged": [*merge.merged], "rejections": merge.rejections}
        memory = {
            "user_id": self.user_id,
            "client_id": push.memory,
            "seq": push.seq,
            "body_hash": push.body_hash,
            "answer": _json(answer),
            "pushed_at": to_text(self._clock.now()),
        }
        yield prepare.insert("sync_queue", [memory])
        base = Sql("(SELECT rev FROM sync_heads) - ?", len(merge.changed))
        yield prepare.update(
            "sync_queue", {"base": base}, "client_id = ? AND seq = ?", push.memory, push.seq, returning=None
        )

    def row(self, record: Stored) -> dict[str, Any]:
        """Return a record's row."""
        own = {"user_id": self.user_id, "id": record.id, "created_at": record.created_at, "rev": record.rev}
        own |= {"deleted_at": record.deleted_at, "field_revs": _json(record.revs), "field_by": _json(record.by)}
        return own | columns_of(record.fields)

    def conflict_rows(self, push: Push, merge: Merge) -> Iterator[dict[str, Any]]:
        """Yield the rows of a merged push's conflicts."""
        for n, conflict in enumerate(merge.conflicts):
            values = {"kept": _json(conflict.kept), "lost": _json(conflict.lost), "lost_by": conflict.lost_by}
            about = {"record_id": conflict.id, "kind": conflict.kind, "field": conflict.field, "found_at": merge.now}
            yield {"user_id": self.user_id, "client_id": push.memory, "seq": push.seq, "n": n, **about, **values}


def _is_race(fault: ConstraintViolation) -> bool:
    """Tell whether a write failed because of a concurrent one."""
    return fault.constraint == "unchanged" or fault.table == "sync_queue"


def _by_id(ids: Iterable[str], rows: Iterable[Row]) -> dict[str, Row | None]:
    """Return rows by id, None for missing ones: records to send completely, on a reset all pushed ones."""
    return {**dict.fromkeys(ids), **{row["id"]: row for row in rows}}


def _json(value: object) -> str:
    return to_json(value).decode()


def _stored(row: Row) -> Stored:
    stored = Stored(row["id"], row["created_at"])
    stored.fields = fields_of(row)
    stored.revs = from_json(row["field_revs"])
    stored.by = from_json(row["field_by"])
    stored.rev = row["rev"]
    stored.deleted_at = row["deleted_at"]
    return stored


def _memory(row: Row) -> Memory:
    answer = from_json(row["answer"])
    rejections = [Rejection(*rejection) for rejection in answer["rejections"]]
    return Memory(row["body_hash"], answer["applied"], answer["merged"], rejections, row["base"])


def _conflict(row: Row) -> Conflict:
    winner, lost = from_json(row["kept"]), from_json(row["lost"])
    return Conflict(row["record_id"], row["kind"], row["field"], winner, lost, row["lost_by"])


def _chunks(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield rows in lists small enough for one statement."""
    chunk: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        length = len(to_json(row))
        if chunk and size + length > DOCUMENT_BYTES:
            yield chunk
            chunk = []
            size = 0
        chunk.append(row)
        size += length
    if chunk:
        yield chunk
