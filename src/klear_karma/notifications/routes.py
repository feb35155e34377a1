"""`/api/notifications`: notifications about one's own bookings, messages and reviews."""

from typing import Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json

from edge import READER, Body, Clock, Query, Routes
from edge.data import ScopedDatabase
from edge.instants import to_text
from edge.ports import Value
from edge.rows import parsed
from klear_karma.cursors import LONGEST, Cursor, utc, utc_or_none
from klear_karma.members import MEMBER
from klear_karma.values import Id

routes = Routes("/api/notifications", tag="notifications", access=READER, reach=MEMBER)


class Listing(BaseModel):
    """Filters of the list of notifications, and its page."""

    model_config = ConfigDict(extra="forbid")

    unread: bool = False
    limit: int = Field(50, ge=1, le=200)
    after: str | None = Field(None, max_length=LONGEST, description="the `next` of the previous page")


class Read(BaseModel):
    """The notifications to mark as read; without ids all of them."""

    model_config = ConfigDict(extra="forbid")

    ids: list[Id] | None = Field(None, max_length=200)


class Notification(TypedDict):
    """A notification; the members of `data` depend on its `kind`."""

    id: str
    kind: str
    appointment_id: str | None
    data: dict[str, Any]
    created_at: str
    read_at: str | None


class NotificationList(TypedDict):
    """A page of notifications, the newest first; `next` is null on the last page."""

    notifications: list[Notification]
    unread: int
    next: str | None


class Unread(TypedDict):
    """The number of unread notifications."""

    unread: int


@routes.get()
async def list_notifications(query: Query[Listing], db: ScopedDatabase) -> NotificationList:
    """List your notifications, the newest first."""
    conditions = ["true"]
    params: list[Value] = []
    if query.unread:
        conditions.append("read_at IS NULL")
    if query.after:
        cursor = Cursor.of(query.after)
        conditions.append("(created_at, id) < (?, ?)")
        params += [cursor.at, cursor.row_id]
    sql = f"SELECT * FROM notifications WHERE {' AND '.join(conditions)} ORDER BY created_at DESC, id DESC LIMIT ?"
    rows = await db.all(sql, *params, query.limit + 1)
    listed = rows[: query.limit]
    following = str(Cursor(listed[-1]["created_at"], listed[-1]["id"])) if len(rows) > query.limit else None
    notifications = [
        Notification(
            id=row["id"],
            kind=row["kind"],
            appointment_id=row["appointment_id"],
            data=parsed(row["data"]),
            created_at=utc(row["created_at"]),
            read_at=utc_or_none(row["read_at"]),
        )
        for row in listed
    ]
    return NotificationList(notifications=notifications, unread=await _unread(db), next=following)


@routes.post("/read")
async def read_notifications(read: Body[Read], db: ScopedDatabase, clock: Clock) -> Unread:
    """Mark notifications as read."""
    now = to_text(clock.now())
    if read.ids is None:
        await db.update("notifications", {"read_at": now}, "read_at IS NULL")
    else:
        condition = "id IN (SELECT value FROM json_each(?)) AND read_at IS NULL"
        await db.update("notifications", {"read_at": now}, condition, to_json(read.ids).decode())
    return Unread(unread=await _unread(db))


async def _unread(db: ScopedDatabase) -> int:
    row = await db.first("SELECT count(*) AS n FROM notifications WHERE read_at IS NULL")
    return int(row["n"]) if row else 0
