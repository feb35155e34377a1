"""`/api/blocks`: blocked users can neither book nor write; nor can the blocker, in the other direction."""

from typing import TypedDict

from edge import READER, Actor, Clock, NotFound, Problem, Routes
from edge.data import ScopedDatabase
from edge.instants import to_text
from edge.ports import ForeignKeyViolation, OutOfScope
from klear_karma.cursors import utc
from klear_karma.members import MEMBER
from klear_karma.safety.acquaintances import knows
from klear_karma.tables import MOST_BLOCKS

routes = Routes("/api/blocks", tag="safety", access=READER, reach=MEMBER)


class PersonNotFound(NotFound):
    """There is no such person."""

    title = "There is no such person"

    def __init__(self, user_id: str) -> None:
        super().__init__(f"you have not dealt with {user_id[:80]}")


class TooManyBlocks(Problem):
    """Too many users are blocked."""

    title = "Too many users are blocked"
    status = 409


class Block(TypedDict):
    """A user blocked by the caller."""

    user_id: str
    created_at: str


@routes.get()
async def list_blocks(db: ScopedDatabase) -> list[Block]:
    """List the users blocked by you."""
    rows = await db.all("SELECT blocked_id, created_at FROM blocks ORDER BY created_at, blocked_id")
    return [Block(user_id=row["blocked_id"], created_at=utc(row["created_at"])) for row in rows]


@routes.put("/{user_id}", PersonNotFound, TooManyBlocks, status=204)
async def block_person(user_id: str, actor: Actor, db: ScopedDatabase, clock: Clock) -> None:
    """Block a user you have dealt with: no new bookings and messages between you. Existing bookings stay."""
    if not await knows(user_id, db):
        raise PersonNotFound(user_id)
    row = {"user_id": actor.name, "blocked_id": user_id, "created_at": to_text(clock.now())}
    try:
        await db.insert("blocks", [row], key=("user_id", "blocked_id"), keep=True)
    except OutOfScope:
        raise TooManyBlocks(f"{MOST_BLOCKS} at most: unblock a user") from None
    except ForeignKeyViolation:
        raise PersonNotFound(user_id) from None


@routes.delete("/{user_id}", PersonNotFound, status=204)
async def unblock_person(user_id: str, db: ScopedDatabase) -> None:
    """Unblock a user."""
    if not (await db.delete("blocks", "blocked_id = ?", user_id)).changes:
        raise PersonNotFound(user_id)
