"""`/api/v1/progress`: how far the user is with the capsules that it has tried."""

from typing import TypedDict

from devcapsules.access.callers import USERS
from edge import READER, Routes
from edge.data import ScopedDatabase
from edge.rows import row_as

routes = Routes("/api/v1/progress", tag="learning", access=READER, reach=USERS)

_LIST = (
    "SELECT p.capsule_id, c.title, p.attempts, p.hints, p.passed, p.total, p.solved_at, p.updated_at "
    "FROM progress AS p LEFT JOIN capsules AS c ON c.id = p.capsule_id "
    "ORDER BY p.updated_at DESC, p.capsule_id LIMIT 500"
)


class Progress(TypedDict):
    """The user's progress with a capsule; its title is null where it is no longer to be read."""

    capsule_id: str
    title: str | None
    attempts: int
    hints: int
    passed: int
    total: int
    solved_at: str | None
    updated_at: str


class ProgressList(TypedDict):
    """The user's progress, the last first; `solved` counts the capsules of it that are solved."""

    progress: list[Progress]
    solved: int


@routes.get("")
async def list_progress(db: ScopedDatabase) -> ProgressList:
    """List how far you are with the capsules that you have tried."""
    rows = [row_as(Progress, row) for row in await db.all(_LIST)]
    return ProgressList(progress=rows, solved=sum(one["solved_at"] is not None for one in rows))
