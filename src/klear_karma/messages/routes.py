"""`/api/messages` and `/api/conversations`: messages between the two sides of a booking."""

from typing import Annotated, TypedDict

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from edge import READER, Actor, Body, Database, NotFound, Query, Routes, Unauthorized
from edge.data import ScopedDatabase
from edge.errors import Overloaded
from edge.live.publisher import Publisher
from edge.ports import Row
from edge.rows import row_as
from klear_karma.booking.news import person
from klear_karma.booking.problems import NotWelcome
from klear_karma.booking.views import Party
from klear_karma.cursors import LONGEST, Cursor, utc, utc_or_none
from klear_karma.members import MEMBER
from klear_karma.messages.problems import ConversationNotFound, MessageGone, MessageNotFound, RequestUsed
from klear_karma.messages.store import MessageStore, Pair
from klear_karma.practitioners.profile import PractitionerNotFound
from klear_karma.values import Id, Text

routes = Routes("/api/messages", tag="messages", access=READER, reach=MEMBER)
conversations = Routes("/api/conversations", tag="messages", access=READER, reach=MEMBER)


def _is_filled(text: str) -> str:
    if not text.strip():
        raise ValueError("the text must not be blank")
    return text


type MessageText = Annotated[Text, Field(min_length=1, max_length=4_000), AfterValidator(_is_filled)]


class NewMessage(BaseModel):
    """A new message: to a practitioner, or in an existing conversation."""

    model_config = ConfigDict(extra="forbid")

    conversation_id: Id | None = None
    practitioner_id: Id | None = None
    body: MessageText


class Edit(BaseModel):
    """The new text of a message."""

    model_config = ConfigDict(extra="forbid")

    body: MessageText


class ReadUpTo(BaseModel):
    """The number of the last message that was read."""

    model_config = ConfigDict(extra="forbid")

    number: int = Field(ge=0, lt=2**53)


class Listing(BaseModel):
    """A page of a list, the newest first."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(50, ge=1, le=200)
    after: str | None = Field(None, max_length=LONGEST, description="the `next` of the previous page")


class Message(TypedDict):
    """A message with its number in the conversation; a deleted one has an empty text and a `deleted_at`."""

    id: str
    conversation_id: str
    number: int
    is_mine: bool
    body: str
    sent_at: str
    edited_at: str | None
    deleted_at: str | None


class Conversation(TypedDict):
    """A conversation with the other side; `unread` counts the other side's messages not yet read by the caller."""

    id: str
    side: str
    other: Party
    unread: int
    last_number: int
    last_message_at: str


class ConversationList(TypedDict):
    """A page of conversations, the one with the newest message first."""

    conversations: list[Conversation]
    unread: int
    next: str | None


class MessageList(TypedDict):
    """A conversation with a page of its messages, the newest first."""

    conversation: Conversation
    messages: list[Message]
    next: str | None


class MessageEvent(TypedDict):
    """The data of a message's live event. It holds no text: a log of events outlives a deleted text or account."""

    id: str
    conversation_id: str
    number: int
    is_mine: bool
    sent_at: str
    edited_at: str | None
    deleted_at: str | None


class MessageNews:
    """Publishes messages to both sides of a conversation, after the batch."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def publish(self, kind: str, message: Row, conversation: Row) -> None:
        """Publish a message to its two sides."""
        for user_id in (conversation["customer_id"], conversation["practitioner_id"]):
            event = row_as(MessageEvent, _message_view(message, user_id))
            self._publisher.publish(f"message.{kind}", event, None, person(user_id))


_IS_PRACTITIONER = "EXISTS (SELECT 1 FROM practitioner_conversations AS p WHERE p.id = c.id)"
_UNREAD = (
    "(SELECT count(*) FROM messages AS m WHERE m.conversation_id = c.id AND m.deleted_at IS NULL "
    f"AND m.number > CASE WHEN {_IS_PRACTITIONER} THEN c.practitioner_read ELSE c.customer_read END "
    "AND NOT EXISTS (SELECT 1 FROM sent_messages AS s WHERE s.id = m.id))"
)
_TOTAL = f"SELECT sum({_UNREAD}) AS n FROM conversations AS c"
_LISTED = (
    f"SELECT c.*, {_IS_PRACTITIONER} AS is_practitioner, {_UNREAD} AS unread FROM conversations AS c "
    "WHERE {where} "
    "ORDER BY c.last_message_at DESC, c.id DESC LIMIT ?"
)


@routes.post("", ConversationNotFound, PractitionerNotFound, RequestUsed, NotWelcome, Overloaded, status=201)
async def send_message(
    new: Body[NewMessage], actor: Actor, db: Database, store: MessageStore, news: MessageNews
) -> Message:
    """Send a message. Before a booking a customer may send a practitioner one, and the practitioner may answer."""
    pair = await _pair(new, actor, db)
    sent = await store.send(pair, actor.name, new.body)
    if sent is None:
        raise await _gone(new, actor, db)
    message, conversation = sent
    news.publish("sent", message, conversation)
    return _message_view(message, actor.name)


@routes.patch("/{message_id}", MessageNotFound, MessageGone, NotWelcome)
async def edit_message(  # noqa: PLR0913, PLR0917 - one parameter per injected dependency
    message_id: str, new: Body[Edit], actor: Actor, db: Database, store: MessageStore, news: MessageNews
) -> Message:
    """Change the text of your message; it is marked as edited."""
    message, conversation = await _sent_message(message_id, db)
    message = await store.edit(message, new.body)
    news.publish("changed", message, conversation)
    return _message_view(message, actor.name)


@routes.delete("/{message_id}", MessageNotFound, MessageGone)
async def delete_message(
    message_id: str, actor: Actor, db: Database, store: MessageStore, news: MessageNews
) -> Message:
    """Delete the text of your message; an empty message remains."""
    message, conversation = await _sent_message(message_id, db)
    message = await store.delete(message)
    news.publish("changed", message, conversation)
    return _message_view(message, actor.name)


@conversations.get()
async def list_conversations(query: Query[Listing], db: ScopedDatabase) -> ConversationList:
    """List your conversations with their unread counts, the one with the newest message first."""
    cursor = Cursor.of(query.after) if query.after else Cursor("9", "")
    sql = _LISTED.format(where="(c.last_message_at, c.id) < (?, ?)")
    rows = await db.all(sql, cursor.at, cursor.row_id, query.limit + 1)
    listed = rows[: query.limit]
    following = str(Cursor(listed[-1]["last_message_at"], listed[-1]["id"])) if len(rows) > query.limit else None
    total = await db.first(_TOTAL)
    return ConversationList(
        conversations=[_conversation(row) for row in listed],
        unread=int(total["n"] or 0) if total else 0,
        next=following,
    )


@conversations.get("/{conversation_id}", ConversationNotFound)
async def get_conversation(
    conversation_id: str, query: Query[Listing], actor: Actor, db: ScopedDatabase
) -> MessageList:
    """Get a conversation with a page of its messages, the newest first."""
    row = await _conversation_row(conversation_id, db)
    before = 2**53 - 1
    if query.after:
        at = Cursor.of(query.after).at
        before = int(at) if at.isascii() and at.isdecimal() and len(at) <= 15 else 0
    sql = "SELECT * FROM messages WHERE conversation_id = ? AND number < ? ORDER BY number DESC LIMIT ?"
    rows = await db.all(sql, conversation_id, before, query.limit + 1)
    listed = rows[: query.limit]
    following = str(Cursor(str(listed[-1]["number"]), "")) if len(rows) > query.limit else None
    return MessageList(
        conversation=_conversation(row),
        messages=[_message_view(message, actor.name) for message in listed],
        next=following,
    )


@conversations.post("/{conversation_id}/read", ConversationNotFound)
async def read_conversation(
    conversation_id: str, read: Body[ReadUpTo], db: ScopedDatabase, store: MessageStore
) -> Conversation:
    """Mark a conversation as read up to a message."""
    row = await _conversation_row(conversation_id, db)
    await store.read(row, "practitioner" if row["is_practitioner"] else "customer", read.number)
    return _conversation(await _conversation_row(conversation_id, db))


async def _pair(new: NewMessage, actor: Actor, db: Database) -> Pair:
    """Return the two sides of a new message; raises a problem if the caller cannot see the conversation or person."""
    if new.conversation_id is not None:
        sql = "SELECT * FROM conversations WHERE id = ? AND practitioner_id = coalesce(?, practitioner_id)"
        row = await db.first(sql, new.conversation_id, new.practitioner_id)
        if row is None:
            raise ConversationNotFound(new.conversation_id)
        return Pair(row["customer_id"], row["practitioner_id"])
    practitioner_id = new.practitioner_id or ""
    pair = Pair(actor.name, practitioner_id)
    booked = "SELECT 1 AS n FROM customer_appointments WHERE practitioner_id = ?"
    practitioner = await db.first("SELECT 1 AS n FROM practitioners WHERE id = ?", practitioner_id)
    practitioner = practitioner or await db.first(booked, practitioner_id)
    if practitioner is None or pair.is_one:
        raise PractitionerNotFound(f"there is no practitioner {practitioner_id[:80]} to write to")
    return pair


async def _gone(new: NewMessage, actor: Actor, db: Database) -> Exception:
    """Return the problem of a message whose one side was deleted meanwhile."""
    try:
        await _pair(new, actor, db)
    except NotFound as gone:
        return gone
    return Unauthorized("the account was deleted")


async def _sent_message(message_id: str, db: Database) -> tuple[Row, Row]:
    """Return a message that the caller has sent, with its conversation; `MessageGone` for one of the other side."""
    if await db.first("SELECT 1 AS n FROM messages WHERE id = ?", message_id) is None:
        raise MessageNotFound(f"there is no message {message_id[:80]} of yours")
    message = await db.first("SELECT * FROM sent_messages WHERE id = ?", message_id)
    if message is None:
        raise MessageGone("it is not yours")
    row = await db.first("SELECT * FROM conversations WHERE id = ?", message["conversation_id"])
    if row is None:  # it went with an account meanwhile
        raise MessageNotFound(f"there is no message {message_id[:80]} of yours")
    return message, row


async def _conversation_row(conversation_id: str, db: Database) -> Row:
    rows = await db.all(_LISTED.format(where="c.id = ?"), conversation_id, 1)
    if not rows:
        raise ConversationNotFound(conversation_id)
    return rows[0]


def _conversation(row: Row) -> Conversation:
    side, other = ("practitioner", "customer") if row["is_practitioner"] else ("customer", "practitioner")
    return Conversation(
        id=row["id"],
        side=side,
        other=Party(id=row[f"{other}_id"], name=row[f"{other}_name"]),
        unread=row["unread"],
        last_number=row["last_number"],
        last_message_at=utc(row["last_message_at"]),
    )


def _message_view(row: Row, caller: str) -> Message:
    return Message(
        id=row["id"],
        conversation_id=row["conversation_id"],
        number=row["number"],
        is_mine=row["sender_id"] == caller,
        body=row["body"],
        sent_at=utc(row["sent_at"]),
        edited_at=utc_or_none(row["edited_at"]),
        deleted_at=utc_or_none(row["deleted_at"]),
    )
