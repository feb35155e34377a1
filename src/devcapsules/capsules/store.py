"""Rows of capsules and their versions: writing and reading."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json, to_json

from devcapsules.capsules.models import (
    Attribution,
    Capsule,
    CapsuleContent,
    CapsuleEntry,
    Content,
    ExampleTest,
    NewCapsule,
)
from edge.data import ScopedDatabase
from edge.ports import Row

ENTRY = (
    "SELECT c.id, c.owner_id, c.title, c.language, c.difficulty, c.visibility, c.tags, c.version, c.score, "
    "c.forked_from, c.forked_author_id, c.time_limit_ms, c.solution_after, c.created_at, c.updated_at "
    "FROM capsules AS c"
)
BY_ID = (
    "SELECT c.*, v.statement, v.starter, v.function_name, v.examples, v.hints, v.hidden_tests "
    "FROM capsules AS c JOIN capsule_versions AS v ON v.capsule_id = c.id AND v.version = c.version WHERE c.id = ?"
)
WHOLE = (
    "SELECT v.*, a.solution, a.tests, a.hints AS hint_texts FROM capsule_versions AS v "
    "JOIN capsule_answers AS a ON a.capsule_id = v.capsule_id AND a.version = v.version "
    "WHERE v.capsule_id = ? AND v.version = ?"
)
AUTHORS = "SELECT id, name FROM users WHERE id IN (SELECT value FROM json_each(?))"
NOBODY = "anonymous"
_PLAIN_TEST: Mapping[str, Any] = {"name": "", "arguments": [], "expected": None, "hidden": False, "tolerance": None}
"""A test without members; older changes of capsules stored no nulls."""
SEARCHED = 5_000
"""Most searchable characters of a capsule."""


def new_id() -> str:
    """Return a random id for a new capsule, which cannot be guessed."""
    return f"cap_{secrets.token_hex(12)}"


def content_of(body: CapsuleContent) -> Content:
    """Return the content to store from a body."""
    tests = [test.model_dump(mode="json") for test in body.tests]
    texts = (body.title, body.statement, body.starter, body.solution, body.function_name)
    return Content(*texts, tests, list(body.hints))


def capsule_cells(new: NewCapsule, content: Content, now: str) -> dict[str, Any]:
    """Return the columns of a new capsule, except id and owner."""
    return {
        "title": content.title,
        "language": new.language,
        "difficulty": new.difficulty,
        "visibility": new.visibility,
        "tags": to_json([*dict.fromkeys(new.tags)]).decode(),
        "search_text": search_text(content, new.tags),
        "time_limit_ms": new.time_limit_ms,
        "solution_after": new.solution_after,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def version_cells(capsule_id: str, version: int, content: Content, now: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the columns of a version: the visible part, and the answers."""
    visible = [test for test in content.tests if not test["hidden"]]
    open_part = {
        "capsule_id": capsule_id,
        "version": version,
        "title": content.title,
        "statement": content.statement,
        "starter": content.starter,
        "function_name": content.function_name,
        "examples": to_json([{name: test[name] for name in ExampleTest.__annotations__} for test in visible]).decode(),
        "hints": len(content.hints),
        "hidden_tests": len(content.tests) - len(visible),
        "created_at": now,
    }
    answers = {
        "capsule_id": capsule_id,
        "version": version,
        "solution": content.solution,
        "tests": to_json(content.tests).decode(),
        "hints": to_json(content.hints).decode(),
    }
    return open_part, answers


def search_text(content: Content, tags: Sequence[str]) -> str:
    """Return the searchable text of a capsule, in lower case."""
    return f"{content.title}\n{' '.join(tags)}\n{content.statement}"[:SEARCHED].lower()


def content_of_row(row: Row) -> Content:
    """Return the content of a row of `WHOLE`."""
    texts = [row[name] for name in ("title", "statement", "starter", "solution", "function_name")]
    title, statement, starter, solution, function_name = texts
    tests = [{**_PLAIN_TEST, **test} for test in from_json(row["tests"])]
    hints = from_json(row["hint_texts"])
    return Content(title, statement, starter, solution, function_name, tests, hints)


async def authors_of(db: Any, rows: Sequence[Row]) -> dict[str, str]:
    """Return the names of the owners of rows, and of those whose capsules they copy.

    `db` has no scope, as names are public.
    """
    ids = {row[name] for row in rows for name in ("owner_id", "forked_author_id") if row[name]}
    owners = await db.all(AUTHORS, to_json(sorted(ids)).decode())
    return {row["id"]: row["name"] or NOBODY for row in owners}


def entry_of(row: Row, authors: Mapping[str, str]) -> CapsuleEntry:
    """Return a list entry from a row."""
    return CapsuleEntry(
        id=row["id"],
        title=row["title"],
        language=row["language"],
        difficulty=row["difficulty"],
        visibility=row["visibility"],
        tags=from_json(row["tags"]),
        author=authors.get(row["owner_id"], NOBODY),
        version=row["version"],
        score=row["score"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def capsule_of(row: Row, authors: Mapping[str, str], *, is_editable: bool) -> Capsule:
    """Return a capsule for learners from a row of `BY_ID`."""
    origin = row["forked_from"]
    fork = Attribution(capsule_id=origin, author=authors.get(row["forked_author_id"], NOBODY)) if origin else None
    return Capsule(
        **entry_of(row, authors),
        statement=row["statement"],
        starter=row["starter"],
        function_name=row["function_name"],
        examples=from_json(row["examples"]),
        hints=row["hints"],
        hidden_tests=row["hidden_tests"],
        time_limit_ms=row["time_limit_ms"],
        solution_after=row["solution_after"],
        forked_from=fork,
        is_editable=is_editable,
    )


async def add_capsule(
    db: ScopedDatabase, owner_id: str, cells: Mapping[str, Any], content: Content, **more: object
) -> str:
    """Add a capsule with its first version in one batch; return its id."""
    capsule_id = new_id()
    row = {"id": capsule_id, "owner_id": owner_id, **cells, **more}
    open_part, answers = version_cells(capsule_id, 1, content, cells["created_at"])
    await db.batch(
        [
            db.prepare.insert("capsules", [row]),
            db.prepare.insert("capsule_versions", [open_part]),
            db.prepare.insert("capsule_answers", [answers]),
        ]
    )
    return capsule_id
