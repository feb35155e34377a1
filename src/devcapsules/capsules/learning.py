"""Learning: hints one by one, the solution after some attempts, and forks with the visible parts.

The answers of a capsule are outside of every learner's scope. This module reads them without a scope, and returns
only the parts that the learner has unlocked.
"""

from typing import Annotated, NamedTuple, TypedDict

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json

from devcapsules.access.callers import USERS, account_of, visit_of
from devcapsules.access.keys import WidgetKeys
from devcapsules.capsules import store
from devcapsules.capsules.catalogue import CapsuleNotFound, Catalogue
from devcapsules.capsules.models import Capsule, Content
from edge import READER, Actor, Body, Forbidden, NotFound, Request, Routes, SystemDatabase
from edge.data import ScopedDatabase
from edge.ports import ForeignKeyViolation, Row
from edge.reach import CHECKED
from edge.text import NO_NUL

routes = Routes("/api/v1/capsules", tag="learning", access=READER, reach=CHECKED)

_CAPSULE = (
    "SELECT c.id, c.version, c.solution_after, c.language, c.time_limit_ms, "
    "EXISTS (SELECT 1 FROM own_capsules AS o WHERE o.id = c.id) AS is_own FROM capsules AS c WHERE c.id = ?"
)
_PROGRESS = "SELECT * FROM progress WHERE learner = ? AND capsule_id = ?"
_HINTED = (
    "INSERT INTO progress (learner, capsule_id, user_id, hints, updated_at) "
    "SELECT ?, c.id, ?, 1, ? FROM capsules AS c WHERE c.id = ? "
    "ON CONFLICT (learner, capsule_id) DO UPDATE SET hints = min(hints + 1, ?), updated_at = excluded.updated_at "
    "RETURNING hints"
)


class NoMoreHints(NotFound):
    """There are no more hints."""

    title = "There are no more hints"


class SolutionLocked(Forbidden):
    """The solution is available after some attempts."""

    title = "The solution is available after some attempts"


class TakenDown(Forbidden):
    """This capsule was taken down."""

    title = "This capsule was taken down"


class NoSolution(NotFound):
    """This capsule has no solution."""

    title = "This capsule has no solution"


class HintRequest(BaseModel):
    """A request for the next hint, or for the seen one `number`. A caller with a widget key names the `learner`."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[int, Field(ge=1, le=100)] | None = None
    learner: Annotated[str, Field(max_length=64), NO_NUL] = ""


class Hint(TypedDict):
    """A hint; `left` is the number of further hints."""

    number: int
    text: str
    left: int


class Solution(TypedDict):
    """The author's solution."""

    solution: str
    version: int


class Learner(NamedTuple):
    """A learner: an identifier for progress, and the user's id, or None for an anonymous learner."""

    mark: str
    user_id: str | None


class Exercise(NamedTuple):
    """A capsule that the caller may read, with its answers."""

    row: Row
    content: Content


class Learning:
    """Finds the exercise and the learner of a request."""

    def __init__(self, db: ScopedDatabase, system: SystemDatabase, keys: WidgetKeys, catalogue: Catalogue) -> None:
        self.db = db
        self.system = system
        self._keys = keys
        self.catalogue = catalogue

    async def exercise(self, capsule_id: str) -> Exercise:
        """Return a capsule with its answers; raises `CapsuleNotFound` unless the caller may read it."""
        row = await self.db.first(_CAPSULE, capsule_id)
        answers = await self.system.first(store.WHOLE, capsule_id, row["version"]) if row else None
        if row is None or answers is None:
            raise CapsuleNotFound("there is no such capsule, or you may not read it")
        return Exercise(row, store.content_of_row(answers))

    def learner(self, request: Request, named: str = "") -> Learner:
        """Return the learner of a request: the user, the visitor of a page, or the one named by a widget key."""
        actor = request.actor
        if actor is not None and actor.is_member:
            return Learner(actor.name, actor.name)
        if visit := visit_of(request, self._keys):
            return Learner(f"visit {visit.learner}", None)
        return Learner(f"key {account_of(actor) if actor else ''} {named}", None)

    async def progress(self, learner: Learner, capsule_id: str) -> Row | None:
        """Return a learner's progress with a capsule; None before the first attempt or hint."""
        return await self.system.first(_PROGRESS, learner.mark, capsule_id)

    async def may_see_solution(self, learner: Learner, exercise: Exercise) -> bool:
        """Tell whether a learner may see the solution: as its author, after solving it, or after enough attempts."""
        if exercise.row["is_own"] or exercise.row["solution_after"] == 0:
            return True
        row = await self.progress(learner, exercise.row["id"])
        return row is not None and (row["solved_at"] is not None or row["attempts"] >= exercise.row["solution_after"])


@routes.post("/{capsule_id}/hints", CapsuleNotFound, NoMoreHints)
async def show_hint(capsule_id: str, body: Body[HintRequest], request: Request, learning: Learning) -> Hint:
    """Get the next hint, or one seen before."""
    exercise = await learning.exercise(capsule_id)
    learner = learning.learner(request, body.learner)
    hints = exercise.content.hints
    row = await learning.progress(learner, capsule_id)
    seen = row["hints"] if row else 0
    number = body.number or seen + 1
    if number > min(len(hints), seen + 1):
        raise NoMoreHints(f"it has {len(hints)} hints, which are shown in order")
    if number > seen:
        values = (learner.mark, learner.user_id, learning.catalogue.now(), capsule_id, number)
        await learning.system.first(_HINTED, *values)
    return Hint(number=number, text=hints[number - 1], left=len(hints) - number)


@routes.get("/{capsule_id}/solution", CapsuleNotFound, SolutionLocked, NoSolution)
async def show_solution(capsule_id: str, request: Request, learning: Learning) -> Solution:
    """Get the author's solution, after solving the capsule or after enough attempts."""
    exercise = await learning.exercise(capsule_id)
    learner = learning.learner(request)
    if not await learning.may_see_solution(learner, exercise):
        row = await learning.progress(learner, capsule_id)
        left = exercise.row["solution_after"] - (row["attempts"] if row else 0)
        raise SolutionLocked(
            f"available after {left} more attempts, or when your own solution passes all tests", tries_left=left
        )
    if not exercise.content.solution:
        raise NoSolution("its author has not written one")
    return Solution(solution=exercise.content.solution, version=exercise.row["version"])


@routes.post(
    "/{capsule_id}/fork", CapsuleNotFound, TakenDown, status=201, location="/api/v1/capsules/{id}", reach=USERS
)
async def fork_capsule(capsule_id: str, actor: Actor, request: Request, learning: Learning) -> Capsule:
    """Copy a capsule into one of your own, with attribution to its author.

    The copy has only the parts visible to you: it includes solution, hidden tests and hints if you may change the
    capsule, have solved it, or have made enough attempts.
    """
    catalogue = learning.catalogue
    exercise = await learning.exercise(capsule_id)
    content = exercise.content
    row = await learning.db.first("SELECT * FROM capsules WHERE id = ?", capsule_id)
    if row is None:  # it was deleted or hidden meanwhile
        raise CapsuleNotFound("there is no such capsule, or you may not read it")
    if row["taken_down_at"]:
        raise TakenDown("a copy of it could be published again")
    own = await learning.db.first(store.WHOLE, capsule_id, row["version"])
    if own is None and not await learning.may_see_solution(learning.learner(request), exercise):
        content = content._replace(solution="", hints=[], tests=[test for test in content.tests if not test["hidden"]])
    now = catalogue.now()
    names = ("language", "difficulty", "tags", "time_limit_ms", "solution_after")
    cells = {name: row[name] for name in names} | {
        "title": content.title,
        "search_text": store.search_text(content, from_json(row["tags"])),
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }
    fork = {"forked_from": capsule_id, "forked_author_id": row["owner_id"]}
    try:
        fork_id = await store.add_capsule(catalogue.db, actor.name, cells, content, **fork)
    except ForeignKeyViolation:  # it went with its author's account meanwhile
        raise CapsuleNotFound("there is no such capsule, or you may not read it") from None
    return await catalogue.get(fork_id)
