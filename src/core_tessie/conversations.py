"""`/agent/conversations`, and how the turns of a conversation are kept in `agent_messages`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, Json
from pydantic_core import from_json, to_json

from edge.access import OPERATOR, READER, Actor
from edge.endpoint import Query
from edge.errors import NotFound, Problem
from edge.instants import to_text
from edge.model import ToolCall
from edge.ports import Database, Row, Statement
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


class Paging(BaseModel):
    """Which conversations to list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(20, ge=1, le=100)
    before: str | None = Field(None, max_length=80, description="id of the last conversation of the page before")


@routes.get("")
async def list_conversations(wanted: Query[Paging], actor: Actor, db: Database) -> list[Conversation]:
    """List conversations, newest first; who is bound to some vehicles sees its own."""
    older, before = ("", []) if wanted.before is None else (_OLDER, [wanted.before])
    own, by = ("", []) if actor.subjects is None else ("AND actor = ?", [actor.name])
    rows = await db.all(_LIST.format(older=older, own=own), *before, *by, wanted.limit)
    return [Conversation.model_validate(row | {"title": row["title"][:TITLE]}) for row in rows]


@routes.get("/{conversation_id}", ConversationNotFound)
async def get_conversation(conversation_id: str, actor: Actor, db: Database) -> list[StoredMessage]:
    """Get the messages of a conversation, in their order."""
    rows = await db.all(f"{_MESSAGES} ORDER BY turn, rowid LIMIT 1000", conversation_id)
    if not rows or not _is_open_to(actor, rows[0]):
        raise _unknown(conversation_id)
    return [StoredMessage.model_validate(row) for row in rows]


@routes.delete("/{conversation_id}", ConversationNotFound, access=OPERATOR)
async def delete_conversation(conversation_id: str, actor: Actor, db: Database) -> None:
    """Forget a conversation."""
    first = await db.first(f"{_MESSAGES} LIMIT 1", conversation_id)
    if first is None or not _is_open_to(actor, first):
        raise _unknown(conversation_id)
    await db.run("DELETE FROM agent_messages WHERE conversation_id = ?", conversation_id)


async def open_turn(  # noqa: PLR0913, PLR0917 - a turn's own members
    db: Database, conversation_id: str | None, message: str, actor: Actor, request_id: str, now: datetime
) -> tuple[str, int]:
    """Write the caller's message, and return the conversation's id and the turn's number.

    Errors: `ConversationNotFound`, and `ConversationBusy` where another turn of it is under way.
    """
    known = conversation_id or uuid4().hex
    if conversation_id is not None:
        first = await db.first(f"{_MESSAGES} LIMIT 1", conversation_id)
        if first is None or not _is_open_to(actor, first):
            raise _unknown(conversation_id)
    since = to_text(now - ABANDONED_AFTER)
    given = (uuid4().hex, known, message, actor.name, request_id, known, known, since)
    result = await db.run(_OPEN, *given)
    if not result.rows:
        raise ConversationBusy("wait until it has ended, or begin another conversation")
    return known, int(result.rows[0]["turn"])


async def history(db: Database, conversation_id: str, turn: int) -> list[Message]:
    """Return the messages of the turns before this one, as many as fit a prompt, the newest first of all.

    Of a turn that does not fit with what was looked up in it, what was asked and answered is left.
    """
    rows = await db.all(f"{_MESSAGES} AND turn < ? ORDER BY turn DESC, rowid DESC LIMIT 400", conversation_id, turn)
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
    ended = "UPDATE agent_messages SET status = 'complete' WHERE conversation_id = ? AND turn = ? AND status = 'open'"
    return [*rows, Statement(ended, (conversation_id, turn))]


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


def _is_open_to(actor: Actor, message: Row) -> bool:
    """Tell whether a caller may see a conversation: who is bound to some vehicles may not see what others asked."""
    return actor.subjects is None or message["actor"] == actor.name


def _unknown(conversation_id: str) -> ConversationNotFound:
    return ConversationNotFound(f"there is no conversation {conversation_id[:80]}")


_MESSAGES = "SELECT * FROM agent_messages WHERE conversation_id = ?"
_LIST = """
SELECT conversation_id AS id, content AS title, created_at AS started_at,
  (SELECT max(turn) FROM agent_messages AS one WHERE one.conversation_id = first.conversation_id) AS turns,
  (SELECT max(created_at) FROM agent_messages AS one WHERE one.conversation_id = first.conversation_id) AS last_at
FROM agent_messages AS first
WHERE role = 'user' AND turn = 1 {older} {own} ORDER BY created_at DESC, rowid DESC LIMIT ?
"""
_OLDER = """AND (created_at, rowid) < (
  SELECT created_at, rowid FROM agent_messages WHERE conversation_id = ? AND turn = 1 AND role = 'user')"""
_OPEN = """
INSERT INTO agent_messages (id, conversation_id, role, content, status, actor, request_id, turn)
SELECT ?, ?, 'user', ?, 'open', ?, ?,
  (SELECT coalesce(max(turn), 0) + 1 FROM agent_messages WHERE conversation_id = ?)
WHERE NOT EXISTS (
  SELECT 1 FROM agent_messages WHERE conversation_id = ? AND status = 'open' AND created_at >= ?
) RETURNING turn
"""
