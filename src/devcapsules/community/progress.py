"""`/api/v1/progress`: the user's progress with attempted capsules."""

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
    """The user's progress with a capsule; `title` is null if the user may no longer read the capsule."""

    capsule_id: str
    title: str | None
    attempts: int
    hints: int
    passed: int
    total: int
    solved_at: str | None
    updated_at: str


class ProgressList(TypedDict):
    """The user's progress, the most recent first; `solved` counts the solved capsules in the list."""

    progress: list[Progress]
    solved: int


@routes.get("")
async def list_progress(db: ScopedDatabase) -> ProgressList:
    """List your progress with attempted capsules."""
    rows = [row_as(Progress, row) for row in await db.all(_LIST)]
    return ProgressList(progress=rows, solved=sum(row["solved_at"] is not None for row in rows))
