"""`/agent/conversations`, and the storage of a conversation's turns in `agent_messages`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypedDict
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json, to_json

from core_tessie.agent.turn_counter import TurnCounter
from core_tessie.reach import author
from edge import OPERATOR, READER, Actor, Database, NotFound, Problem, Query, Role, Routes
from edge.data import ScopedDatabase, ScopedStatement
from edge.ports import Row, UniqueViolation
from edge.ports.model import ToolCall
from edge.rows import parsed, row_as

routes = Routes("/agent/conversations", tag="agent", access=READER)

CONTEXT = 24_000
"""Most characters of a conversation in a prompt: the newest turns, each whole."""
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


class Conversation(TypedDict):
    """A conversation; its title is the beginning of its first question."""

    id: str
    title: str
    turns: int
    started_at: str
    last_at: str


class StoredMessage(TypedDict):
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
    tool_calls: list[dict[str, Any]] | None
    tool_call_id: str | None
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    error: str | None
    created_at: str


class Opened(NamedTuple):
    """A turn that has begun: its conversation and number, the caller within the conversation's scope, and its rows."""

    conversation_id: str
    turn: int
    actor: Actor
    db: ScopedDatabase


class Paging(BaseModel):
    """Which conversations to list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(20, ge=1, le=100)
    before: str | None = Field(None, max_length=80, description="id of the last conversation of the page before")


@routes.get("")
async def list_conversations(query: Query[Paging], db: Database) -> list[Conversation]:
    """List your conversations, newest first; an administrator's list has everyone's."""
    if query.before is None:
        rows = await db.all(_LIST.format(older="true"), query.limit)
    else:
        rows = await db.all(_LIST.format(older=_OLDER), query.before, query.limit)
    return [row_as(Conversation, row, title=row["title"][:TITLE]) for row in rows]


@routes.get("/{conversation_id}", ConversationNotFound)
async def get_conversation(conversation_id: str, db: Database) -> list[StoredMessage]:
    """Get the messages of a conversation, in their order."""
    rows = await db.all(f"{_MESSAGES} ORDER BY turn, rowid LIMIT 1000", conversation_id)
    if not rows:
        raise _unknown(conversation_id)
    return [row_as(StoredMessage, row, tool_calls=parsed(row["tool_calls"])) for row in rows]


@routes.delete("/{conversation_id}", ConversationNotFound, access=OPERATOR)
async def delete_conversation(conversation_id: str, db: ScopedDatabase) -> None:
    """Forget a conversation."""
    if not (await db.delete("agent_messages", "conversation_id = ?", conversation_id)).changes:
        raise _unknown(conversation_id)


async def open_turn(  # noqa: PLR0913, PLR0917 - a turn's own members
    db: ScopedDatabase,
    counter: TurnCounter,
    conversation_id: str | None,
    message: str,
    actor: Actor,
    request_id: str,
    now: datetime,
) -> Opened:
    """Store the caller's message and return the turn, which is limited to the scope of the conversation's first turn.

    Only the key that began a conversation continues it, an administrator's as any other. Errors:
    `ConversationNotFound`, and `ConversationBusy` if another turn of it is under way.
    """
    id_ = conversation_id or uuid4().hex
    number = 1
    if conversation_id is not None:
        actor = _within(actor, await _beginning(conversation_id, actor, db))
        db = db.narrowed(actor)
        last = await counter.last(id_, now)
        if last.is_open:
            raise ConversationBusy(_BUSY)
        number += last.number
    question = {"status": "open", "request_id": request_id, **author(actor)}
    try:  # the id is the turn's: of two questions at once, the second finds it there
        await db.batch([message_insert(db, id_, number, "user", message, id=f"{id_}-{number}", **question)])
    except UniqueViolation:
        raise ConversationBusy(_BUSY) from None
    return Opened(id_, number, actor, db)


async def history(db: Database, conversation_id: str, turn: int) -> list[Message]:
    """Return the messages of the turns before this one, as many of the newest turns as fit a prompt.

    If a turn does not fit with its look-ups, its question and answer alone are returned.
    """
    sql = f"{_MESSAGES} AND turn < ? ORDER BY turn DESC, rowid DESC LIMIT 400"
    rows = await db.all(sql, conversation_id, turn)
    turns: dict[int, list[Row]] = {}
    for row in reversed(rows):
        turns.setdefault(row["turn"], []).append(row)
    messages: list[Message] = []
    size = 0
    for number in sorted(turns, reverse=True):
        first, last = turns[number][0], turns[number][-1]
        if first["role"] != "user" or last["role"] != "assistant" or not last["content"]:
            continue  # nothing came of it
        fitting = next((some for some in (turns[number], [first, last]) if size + _size(some) <= CONTEXT), None)
        if fitting is None:
            break
        size += _size(fitting)
        messages = [_message(row) for row in fitting] + messages
    return messages


def close_turn(
    db: ScopedDatabase, conversation_id: str, turn: int, rows: Sequence[ScopedStatement]
) -> list[ScopedStatement]:
    """Return the statements that store the rows of a turn and end it."""
    is_open = "conversation_id = ? AND turn = ? AND status = 'open'"
    return [*rows, db.prepare.update("agent_messages", {"status": "complete"}, is_open, conversation_id, turn)]


def message_insert(
    db: ScopedDatabase, conversation_id: str, turn: int, role: str, content: str, **more: object
) -> ScopedStatement:
    """Return the statement that writes a message; `more` are further columns."""
    row: dict[str, Any] = {"id": uuid4().hex, "conversation_id": conversation_id, "turn": turn, "role": role}
    row |= {"content": content, "status": "complete"} | more
    return db.prepare.insert("agent_messages", [row])


def ending(finish_reason: str) -> str:
    """Return the status of an answer, by the model's finish reason."""
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


async def _beginning(conversation_id: str, actor: Actor, db: Database) -> Row:
    """Return the first message of a conversation that the caller began; administrators read others' as well."""
    row = await db.first(f"{_MESSAGES} ORDER BY turn, rowid LIMIT 1", conversation_id)
    if row is None or row["actor"] != actor.name:
        raise _unknown(conversation_id)
    return row


def _unknown(conversation_id: str) -> ConversationNotFound:
    return ConversationNotFound(f"there is no conversation {conversation_id[:80]}")


def _within(actor: Actor, beginning: Row) -> Actor:
    """Return a caller within the scope in which a conversation was begun, which is not wider than its own."""
    subjects = None if beginning["subjects"] is None else frozenset(from_json(beginning["subjects"]))
    role = Role(max(READER, min(actor.role, beginning["least_role"])))
    return actor._replace(role=role, subjects=subjects)


_MESSAGES = "SELECT * FROM agent_messages WHERE conversation_id = ?"
_LIST = """
SELECT conversation_id AS id, content AS title, created_at AS started_at,
  (SELECT max(turn) FROM agent_messages AS one WHERE one.conversation_id = first.conversation_id) AS turns,
  (SELECT max(created_at) FROM agent_messages AS one WHERE one.conversation_id = first.conversation_id) AS last_at
FROM agent_messages AS first
WHERE role = 'user' AND turn = 1 AND {older} ORDER BY created_at DESC, rowid DESC LIMIT ?
"""
_OLDER = """(created_at, rowid) < (
  SELECT created_at, rowid FROM agent_messages WHERE conversation_id = ? AND turn = 1 AND role = 'user')"""
_BUSY = "wait until it has ended, or begin another conversation"
