"""`/agent/conversations`, and how the turns of a conversation are kept in `agent_messages`."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, Json
from pydantic_core import from_json, to_json

from core_tessie.d1.filters import Condition
from core_tessie.reach import author, own, sees_all
from edge.access import OPERATOR, READER, Actor, Role
from edge.endpoint import Query
from edge.errors import NotFound, Problem
from edge.instants import to_text
from edge.ports import Database, Row, Statement
from edge.ports.model import ToolCall
from edge.routes import Routes

routes = Routes("/agent/conversations", tag="agent", access=READER)

CONTEXT = 24_000
"""Characters of a conversation that a model is shown: the newest turns, each whole."""
ABANDONED_AFTER = timedelta(minutes=10)
"""A turn that is still open after this was cut off with its process; the next one may begin."""
TITLE = 80

type Message = dict[str, Any]
"""A message in the form of OpenAI's chat completions."""


class ConversationNotFound(NotFound):
    """No such conversation."""

    title = "No such conversation"


class ConversationBusy(Problem):
    """A turn of this conversation is under way."""

    title = "A turn of this conversation is under way"
    status = 409


class Conversation(BaseModel):
    """A conversation, by what was asked first."""

    id: str
    title: str
    turns: int
    started_at: str
    last_at: str


class StoredMessage(BaseModel):
    """A message as it is stored.

    `status` is complete, stopped (too many rounds), cut (too long), cancelled (the caller left) or failed; that of a
    question is open until its turn is over.
    """

    id: str
    turn: int
    role: str
    content: str
    status: str
    model: str | None
    tool_calls: Json[list[dict[str, Any]]] | None
    tool_call_id: str | None
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    error: str | None
    created_at: str


class Opened(NamedTuple):
    """A turn that has begun: its conversation, its number, and the caller within the scope of that conversation."""

    conversation_id: str
    turn: int
    actor: Actor


class Paging(BaseModel):
    """Which conversations to list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(20, ge=1, le=100)
    before: str | None = Field(None, max_length=80, description="id of the last conversation of the page before")


@routes.get("")
async def list_conversations(wanted: Query[Paging], actor: Actor, db: Database) -> list[Conversation]:
    """List your conversations, newest first; an administrator's list has everyone's."""
    may_see = _readable(actor)
    older = Condition("true")
    if wanted.before is not None:
        older = Condition(_OLDER.format(own=may_see.sql), (wanted.before, *may_see.params))
    sql = _LIST.format(older=older.sql, own=may_see.sql)
    rows = await db.all(sql, *older.params, *may_see.params, wanted.limit)
    return [Conversation.model_validate(row | {"title": row["title"][:TITLE]}) for row in rows]


@routes.get("/{conversation_id}", ConversationNotFound)
async def get_conversation(conversation_id: str, actor: Actor, db: Database) -> list[StoredMessage]:
    """Get the messages of a conversation, in their order."""
    may_see = _readable(actor)
    await _beginning(conversation_id, may_see, db)
    sql = f"{_MESSAGES} AND {may_see.sql} ORDER BY turn, rowid LIMIT 1000"
    rows = await db.all(sql, conversation_id, *may_see.params)
    return [StoredMessage.model_validate(row) for row in rows]


@routes.delete("/{conversation_id}", ConversationNotFound, access=OPERATOR)
async def delete_conversation(conversation_id: str, actor: Actor, db: Database) -> None:
    """Forget a conversation."""
    await _beginning(conversation_id, _readable(actor), db)
    await db.run("DELETE FROM agent_messages WHERE conversation_id = ?", conversation_id)


async def open_turn(  # noqa: PLR0913, PLR0917 - a turn's own members
    db: Database, conversation_id: str | None, message: str, actor: Actor, request_id: str, now: datetime
) -> Opened:
    """Write the caller's message and return the turn, which sees no more than the conversation did from its beginning.

    Only the key that began a conversation continues it, an administrator's as any other. Errors:
    `ConversationNotFound`, and `ConversationBusy` where another turn of it is under way.
    """
    known = conversation_id or uuid4().hex
    if conversation_id is not None:
        actor = _within(actor, await _beginning(conversation_id, own(actor), db))
    since = to_text(now - ABANDONED_AFTER)
    by = author(actor)
    given = (uuid4().hex, known, message, *by.values(), request_id, known, known, since)
    result = await db.run(_OPEN.format(by=", ".join(by)), *given)
    if not result.rows:
        raise ConversationBusy("wait until it has ended, or begin another conversation")
    return Opened(known, int(result.rows[0]["turn"]), actor)


async def history(db: Database, conversation_id: str, turn: int, actor: Actor) -> list[Message]:
    """Return the caller's messages of the turns before this one, as many as fit a prompt, the newest first of all.

    Of a turn that does not fit with what was looked up in it, what was asked and answered is left.
    """
    may_see = own(actor)
    sql = f"{_MESSAGES} AND turn < ? AND {may_see.sql} ORDER BY turn DESC, rowid DESC LIMIT 400"
    rows = await db.all(sql, conversation_id, turn, *may_see.params)
    turns: dict[int, list[Row]] = {}
    for row in reversed(rows):
        turns.setdefault(row["turn"], []).append(row)
    kept: list[Message] = []
    size = 0
    for number in sorted(turns, reverse=True):
        first, last = turns[number][0], turns[number][-1]
        if first["role"] != "user" or last["role"] != "assistant" or not last["content"]:
            continue  # nothing came of it
        fitting = next((some for some in (turns[number], [first, last]) if size + _size(some) <= CONTEXT), None)
        if fitting is None:
            break
        size += _size(fitting)
        kept = [_message(row) for row in fitting] + kept
    return kept


def close_turn(conversation_id: str, turn: int, rows: Sequence[Statement]) -> list[Statement]:
    """Return the statements that write what came of a turn, and end it."""
    return [*rows, Statement(_END, (conversation_id, turn))]


_END = (
    "UPDATE agent_messages SET status = 'complete', updated_at = CURRENT_TIMESTAMP "
    "WHERE conversation_id = ? AND turn = ? AND status = 'open'"
)


def said(conversation_id: str, turn: int, role: str, content: str, **more: object) -> Statement:
    """Return the statement that writes a message; `more` are further columns."""
    row: dict[str, Any] = {"id": uuid4().hex, "conversation_id": conversation_id, "turn": turn, "role": role}
    row |= {"content": content, "status": "complete"} | more
    marks = ", ".join("?" * len(row))
    return Statement(f"INSERT INTO agent_messages ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


def ending(finish_reason: str) -> str:
    """Return the status of an answer by why the model ended it."""
    return "cut" if finish_reason in {"length", "content_filter"} else "complete"


def calls_json(calls: Sequence[ToolCall]) -> str:
    """Return tool calls in OpenAI's form, as JSON."""
    return to_json([call_of(call) for call in calls]).decode()


def call_of(call: ToolCall) -> Message:
    """Return a tool call in OpenAI's form."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _size(rows: Sequence[Row]) -> int:
    return sum(len(row["content"]) + len(row["tool_calls"] or "") for row in rows)


def _message(row: Row) -> Message:
    message: Message = {"role": row["role"], "content": row["content"]}
    if row["tool_calls"]:
        message["tool_calls"] = from_json(row["tool_calls"])
    if row["tool_call_id"]:
        message["tool_call_id"] = row["tool_call_id"]
    return message


def _readable(actor: Actor) -> Condition:
    """Return the condition on the messages that a caller may read: an administrator all, anyone else its own."""
    return Condition("true") if sees_all(actor) else own(actor)


async def _beginning(conversation_id: str, may_see: Condition, db: Database) -> Row:
    """Return the first message of a conversation; `ConversationNotFound` also where it is one of others."""
    row = await db.first(_BEGINNING.format(own=may_see.sql), conversation_id, *may_see.params)
    if row is None:
        raise ConversationNotFound(f"there is no conversation {conversation_id[:80]}")
    return row


def _within(actor: Actor, beginning: Row) -> Actor:
    """Return a caller within the scope in which a conversation was begun, which is not wider than its own."""
    subjects = None if beginning["subjects"] is None else frozenset(from_json(beginning["subjects"]))
    role = Role(max(READER, min(actor.role, beginning["least_role"])))
    return replace(actor, role=role, subjects=subjects)


_MESSAGES = "SELECT * FROM agent_messages WHERE conversation_id = ?"
_LIST = """
SELECT conversation_id AS id, content AS title, created_at AS started_at,
  (SELECT max(turn) FROM agent_messages AS one WHERE one.conversation_id = first.conversation_id) AS turns,
  (SELECT max(created_at) FROM agent_messages AS one WHERE one.conversation_id = first.conversation_id) AS last_at
FROM agent_messages AS first
WHERE role = 'user' AND turn = 1 AND {older} AND {own} ORDER BY created_at DESC, rowid DESC LIMIT ?
"""
_OLDER = """(created_at, rowid) < (
  SELECT created_at, rowid FROM agent_messages WHERE conversation_id = ? AND turn = 1 AND role = 'user' AND {own})"""
_BEGINNING = """
SELECT * FROM (SELECT * FROM agent_messages WHERE conversation_id = ? ORDER BY turn, rowid LIMIT 1) WHERE {own}
"""
_OPEN = """
INSERT INTO agent_messages (id, conversation_id, role, content, status, {by}, request_id, turn)
SELECT ?, ?, 'user', ?, 'open', ?, ?, ?, ?,
  (SELECT coalesce(max(turn), 0) + 1 FROM agent_messages WHERE conversation_id = ?)
WHERE NOT EXISTS (
  SELECT 1 FROM agent_messages WHERE conversation_id = ? AND status = 'open' AND created_at >= ?
) RETURNING turn
"""
