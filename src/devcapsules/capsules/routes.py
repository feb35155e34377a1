"""`/api/v1/capsules`: exercises; public ones can be listed and read by everybody, owners write them."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from pydantic_core import from_json, to_json

from devcapsules.access.callers import USERS, UsersOnly, user_of
from devcapsules.capsules import store
from devcapsules.capsules.catalogue import CapsuleNotFound, Catalogue
from devcapsules.capsules.models import (
    CONTENT,
    Capsule,
    CapsuleChanges,
    CapsuleFilter,
    CapsulePage,
    NewCapsule,
    Publication,
    Version,
    VersionContent,
    Versions,
)
from devcapsules.capsules.publication import Publisher, SolutionFails
from devcapsules.execution.routes import ExecutorAway
from edge import PUBLIC, READER, Actor, Body, Forbidden, NotFound, Operation, Query, Request, Routes
from edge.data import ScopedDatabase
from edge.errors import Fault, InvalidParameter, StorageConflict
from edge.ports import OutOfScope, Row, Value
from edge.rows import row_as

routes = Routes("/api/v1/capsules", tag="capsules", access=READER, reach=USERS)
public = Routes("/api/v1/capsules", tag="capsules", access=PUBLIC)
WITH_KEY = Operation(takes_key=True)
BODY_LIMIT = 512 * 1024
MOST_WORDS = 8
_VERSIONS = (
    "SELECT version, title, created_at FROM capsule_versions WHERE capsule_id = ? ORDER BY version DESC LIMIT 500"
)


class VersionNotFound(NotFound):
    """No such version."""

    title = "No such version"


class OwnersOnly(Forbidden):
    """Only the capsule's owner may do this."""

    title = "Only the capsule's owner may do this"


class VersionConflict(StorageConflict):
    """The capsule has been changed since."""

    title = "The capsule has been changed since"


@public.get("", UsersOnly, operation=WITH_KEY)
async def list_capsules(query: Query[CapsuleFilter], request: Request, catalogue: Catalogue) -> CapsulePage:
    """List and search public capsules, or with `mine=true` those that you may change, newest first."""
    if query.mine:
        user_of(request.actor)
    where, values = _conditions(query)
    rows = await catalogue.db.all(
        f"{store.ENTRY} WHERE {' AND '.join(where)} ORDER BY c.created_at DESC, c.id DESC LIMIT ?",
        *values,
        query.limit + 1,
    )
    page = rows[: query.limit]
    authors = await store.authors_of(catalogue.names, page)
    return CapsulePage(
        capsules=[store.entry_of(row, authors) for row in page],
        next_cursor=_cursor(page[-1]) if len(rows) > query.limit else None,
    )


@routes.post("", SolutionFails, ExecutorAway, status=201, location="/api/v1/capsules/{id}", body_limit=BODY_LIMIT)
async def add_capsule(body: Body[NewCapsule], actor: Actor, catalogue: Catalogue, publisher: Publisher) -> Capsule:
    """Add a capsule, private by default. The solution of another one must pass its tests."""
    content = store.content_of(body)
    await publisher.check(body.visibility, body.language, content, body.time_limit_ms)
    cells = store.capsule_cells(body, content, catalogue.now())
    capsule_id = await store.add_capsule(catalogue.db, actor.name, cells, content)
    return await catalogue.get(capsule_id)


@public.get("/{capsule_id}", CapsuleNotFound, operation=WITH_KEY)
async def get_capsule(capsule_id: str, catalogue: Catalogue) -> Capsule:
    """Get a capsule for learners: a public or unlisted one, or one that you may change."""
    return await catalogue.get(capsule_id)


@routes.patch(
    "/{capsule_id}",
    CapsuleNotFound,
    OwnersOnly,
    VersionConflict,
    SolutionFails,
    ExecutorAway,
    body_limit=BODY_LIMIT,
)
async def change_capsule(
    capsule_id: str, body: Body[CapsuleChanges], catalogue: Catalogue, publisher: Publisher
) -> Capsule:
    """Change a capsule. Changes of title, statement, code, tests or hints make a new version; old versions stay.

    The solution of one that others see, or are to see, must pass its tests.
    """
    row, present = await catalogue.editable(capsule_id)
    if body.visibility is not None and not await catalogue.is_own(capsule_id):
        raise OwnersOnly("only its owner may change the visibility")
    if body.base_version not in {None, row["version"]}:
        raise VersionConflict(f"its version is {row['version']}: read it again, and change that version")
    fields = body.model_dump(mode="json", exclude={"base_version"})
    edited = {name: value for name, value in fields.items() if value is not None}  # a null inside a test is a value
    content = present._replace(**{name: edited[name] for name in CONTENT if name in edited})
    if content != present or edited.keys() & {"visibility", "time_limit_ms"}:
        whole = {**row, **edited}
        await publisher.check(whole["visibility"], row["language"], content, whole["time_limit_ms"])
    tags = [*dict.fromkeys(edited.get("tags", from_json(row["tags"])))]
    now = catalogue.now()
    changes: dict[str, Any] = {name: value for name, value in edited.items() if name not in CONTENT}
    changes |= {"tags": to_json(tags).decode(), "search_text": store.search_text(content, tags), "updated_at": now}
    writes = []
    if content != present:
        version = row["version"] + 1
        changes |= {"title": content.title, "version": version}
        open_part, answers = store.version_cells(capsule_id, version, content, now)
        prepare = catalogue.db.prepare
        writes = [prepare.insert("capsule_versions", [open_part]), prepare.insert("capsule_answers", [answers])]
    table = "capsules" if body.visibility is None else "own_capsules"
    seen = (capsule_id, row["version"], row["visibility"])  # who sees it decides whether its solution was run
    is_same = ("id = ? AND version = ? AND visibility = ?", *seen)
    try:
        await catalogue.db.batch([catalogue.db.prepare.update(table, changes, *is_same, must_exist=True), *writes])
    except OutOfScope:
        await catalogue.editable(capsule_id)
        raise VersionConflict("read it again, and change that version") from None
    return await catalogue.get(capsule_id)


@routes.delete("/{capsule_id}", CapsuleNotFound, status=204)
async def delete_capsule(capsule_id: str, db: ScopedDatabase) -> None:
    """Delete a capsule with its versions, as its owner; forks of it stay."""
    if not (await db.delete("own_capsules", "id = ?", capsule_id)).changes:
        raise CapsuleNotFound("there is no such capsule of yours")


@routes.post("/{capsule_id}/publish", CapsuleNotFound, VersionConflict, SolutionFails, ExecutorAway)
async def publish_capsule(
    capsule_id: str, body: Body[Publication], catalogue: Catalogue, publisher: Publisher
) -> Capsule:
    """Set the visibility of your capsule: public, unlisted (only by its address) or private.

    The solution must pass the tests, unless the capsule becomes private.
    """
    row, content = await catalogue.editable(capsule_id, is_own=True)
    await publisher.check(body.visibility, row["language"], content, row["time_limit_ms"])
    changes = {"visibility": body.visibility, "updated_at": catalogue.now()}
    is_same = ("id = ? AND version = ?", capsule_id, row["version"])
    if not (await catalogue.db.update("own_capsules", changes, *is_same)).changes:
        await catalogue.editable(capsule_id, is_own=True)
        raise VersionConflict("it was changed meanwhile: publish it again")
    return await catalogue.get(capsule_id)


@routes.get("/{capsule_id}/versions", CapsuleNotFound)
async def list_versions(capsule_id: str, catalogue: Catalogue) -> Versions:
    """List the versions of a capsule that you may change."""
    await catalogue.editable(capsule_id)
    return Versions(versions=[row_as(Version, row) for row in await catalogue.db.all(_VERSIONS, capsule_id)])


@routes.get("/{capsule_id}/versions/{version}", VersionNotFound)
async def get_version(capsule_id: str, version: int, db: ScopedDatabase) -> VersionContent:
    """Get the complete content of a version of a capsule that you may change: solution, hidden tests and hints too."""
    row = await db.first(store.WHOLE, capsule_id, version) if 0 < version < 2**53 else None
    if row is None:
        raise VersionNotFound("there is no such version of a capsule of yours")
    content = store.content_of_row(row)
    return row_as(VersionContent, row, tests=content.tests, hints=content.hints)


def _conditions(query: CapsuleFilter) -> tuple[list[str], list[Value]]:
    """Return the SQL conditions of a list, and their bound values."""
    where = ["EXISTS (SELECT 1 FROM capsule_answers AS a WHERE a.capsule_id = c.id)"]
    where = where if query.mine else ["c.visibility = 'public' AND c.taken_down_at IS NULL"]
    values: list[Value] = []
    for word in query.q.lower().split()[:MOST_WORDS]:
        where.append("instr(c.search_text, ?) > 0")
        values.append(word)
    for column in ("language", "difficulty"):
        if (value := getattr(query, column)) is not None:
            where.append(f"c.{column} = ?")
            values.append(value)
    if query.tag is not None:
        where.append("EXISTS (SELECT 1 FROM json_each(c.tags) AS t WHERE t.value = ?)")
        values.append(query.tag)
    if query.cursor is not None:
        where.append("(c.created_at, c.id) < (?, ?)")
        values += _place(query.cursor)
    return where, values


def _cursor(row: Row) -> str:
    return urlsafe_b64encode(f"{row['created_at']}|{row['id']}".encode()).decode()


def _place(cursor: str) -> list[str]:
    try:
        created_at, separator, capsule_id = urlsafe_b64decode(cursor.encode("ascii")).decode().partition("|")
    except ValueError:
        separator = ""
    if not separator:
        raise InvalidParameter([Fault(pointer="cursor", detail="must be the next_cursor of a page")])
    return [created_at, capsule_id]
