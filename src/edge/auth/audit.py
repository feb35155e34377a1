"""The audit log: an entry in the table `admin_audit` for each change by an administrator, and the route of the entries.

An app's `authenticate` passes each identified caller through `record`: an entry is written before the handler of any
route that may change something, one that is added later too. What cannot be recorded does not happen.
"""

from collections.abc import Collection, Mapping
from typing import Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json, to_json

from edge.access import ADMIN, Actor
from edge.endpoint import Query
from edge.errors import NotConfigured
from edge.instants import to_text
from edge.ports import Clock, Database, Statement, SystemDatabase
from edge.reach import OPEN
from edge.request import Request
from edge.routes import Routes
from edge.rows import row_as

LONGEST = 200
"""Most characters of a path's values and of a query in an entry."""

_INSERT = (
    "INSERT INTO admin_audit (actor, action, target_kind, target_id, details, created_at) VALUES (?, ?, ?, ?, ?, ?)"
)
_LISTED = "SELECT * FROM admin_audit WHERE id < ? ORDER BY id DESC LIMIT ?"
_NEWEST = 2**53 - 1
_READS = frozenset({"GET", "HEAD"})


class AuditPage(BaseModel):
    """A page of the audit log; `before` is the last id of the previous page."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=200)
    before: int | None = Field(None, ge=0, lt=2**53, description="only entries with a smaller id")


class AuditEntry(TypedDict):
    """An entry of the audit log: who did what to which target, and when, in UTC.

    An `action` that is a method and route, such as `POST /jobs/{name}`, was recorded before it was run, even if it then
    failed. Any other was recorded in the batch of its change.
    """

    id: int
    actor: str
    action: str
    target_kind: str
    target_id: str
    details: dict[str, Any]
    created_at: str


def audit_statement(
    actor: str, action: str, target: tuple[str, str], details: Mapping[str, object], now: str
) -> Statement:
    """Return the statement that records an action; a target is a kind and an id."""
    return Statement(_INSERT, (actor, action, *target, to_json(dict(details)).decode(), now))


async def record(
    request: Request, actor: Actor, db: SystemDatabase | None, clock: Clock, own: Collection[str] = ()
) -> Actor:
    """Record a request of an administrator that may change something, and return the caller.

    `own` names the routes, such as `PUT /notes/{id}`, that write an entry of their own in the batch of their change.
    `NotConfigured` if such a request has no database for its entry.
    """
    action = f"{request.method} {request.route}"
    if actor.role is ADMIN and request.method not in _READS and action not in own:
        if db is None:
            raise NotConfigured("DB")
        literals = request.route.partition("{")[0].strip("/").split("/")
        target = (literals[-1], "/".join(request.params)[:LONGEST])
        details = {"query": request.query[:LONGEST], "request_id": request.id}
        statement = audit_statement(actor.name, action, target, details, to_text(clock.now()))
        await db.run(statement.sql, *statement.params)
    return actor


def audit_routes(path: str, tag: str = "admin") -> Routes:
    """Return the resource that lists the audit log, for one app."""
    group = Routes(path, tag=tag, access=ADMIN, reach=OPEN)

    @group.get()
    async def list_audit(query: Query[AuditPage], db: Database) -> list[AuditEntry]:
        """List the audit log of administrators, the newest entry first."""
        rows = await db.all(_LISTED, _NEWEST if query.before is None else query.before, query.limit)
        return [
            row_as(
                AuditEntry,
                row,
                details=from_json(row["details"]),
                created_at=f"{row['created_at'].replace(' ', 'T')}Z",
            )
            for row in rows
        ]

    return group
