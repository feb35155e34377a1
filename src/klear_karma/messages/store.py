"""The store of messages: it sees both sides of a conversation, and writes each message in one batch.

Callers must have read the conversation or the practitioner from the user's own rows first. The column `allowed` holds
a condition, and a CHECK refuses the message: a customer without a booking has one, and none if a side has blocked.
"""

from typing import NamedTuple
from uuid import uuid4

from edge import Clock, Statement, SystemDatabase
from edge.errors import Overloaded
from edge.instants import to_text
from edge.ports import CheckViolation, Row, UniqueViolation
from klear_karma.booking.problems import NotWelcome
from klear_karma.booking.store import NAMELESS
from klear_karma.messages.problems import MessageGone, RequestUsed
from klear_karma.notifications.notices import notice

ATTEMPTS = 5

_PAIR = "SELECT * FROM conversations WHERE customer_id = ? AND practitioner_id = ?"
_BY_ID = "SELECT * FROM conversations WHERE id = ?"
_MESSAGE = "SELECT * FROM messages WHERE id = ?"
_OPEN = (
    "INSERT INTO conversations "
    "(id, customer_id, practitioner_id, customer_name, practitioner_name, last_message_at, created_at) "
    f"SELECT ?, u.id, p.id, coalesce(nullif(u.name, ''), '{NAMELESS}'), p.name, ?, ? "
    "FROM users AS u JOIN practitioners AS p WHERE u.id = ? AND p.id = ? "
    "ON CONFLICT (customer_id, practitioner_id) DO NOTHING"
)
_BOOKED = (
    "EXISTS (SELECT 1 FROM appointments AS a WHERE a.customer_id = c.customer_id "
    "AND a.practitioner_id = c.practitioner_id AND (a.confirmed_at IS NOT NULL "
    "OR (a.state = 'requested' AND a.expires_at > ?)))"
)
_FIRST = "NOT EXISTS (SELECT 1 FROM messages AS m WHERE m.conversation_id = c.id AND m.sender_id = c.customer_id)"
_WELCOME = (
    "NOT EXISTS (SELECT 1 FROM blocks WHERE (user_id = c.customer_id AND blocked_id = c.practitioner_id) "
    "OR (user_id = c.practitioner_id AND blocked_id = c.customer_id))"
)
_INSERT = (
    "INSERT INTO messages (id, conversation_id, number, sender_id, body, allowed, sent_at) "
    f"SELECT ?, c.id, c.last_number + 1, ?, ?, CASE WHEN NOT {_WELCOME} THEN 0 "
    f"WHEN ? = c.practitioner_id OR {_BOOKED} OR {_FIRST} THEN 1 ELSE 0 END, ? "
    "FROM conversations AS c WHERE c.customer_id = ? AND c.practitioner_id = ?"
)
_COUNT = (
    "UPDATE conversations SET last_number = last_number + 1, last_message_at = ?, "
    "customer_read = CASE WHEN customer_id = ? THEN last_number + 1 ELSE customer_read END, "
    "practitioner_read = CASE WHEN practitioner_id = ? THEN last_number + 1 ELSE practitioner_read END "
    "WHERE customer_id = ? AND practitioner_id = ?"
)
_BLOCKED = "SELECT 1 AS n FROM blocks WHERE (user_id = ? AND blocked_id = ?) OR (user_id = ? AND blocked_id = ?)"
_EDIT = (
    "UPDATE messages SET body = ?, edited_at = ?, allowed = (SELECT " + _WELCOME + " FROM conversations AS c "
    "WHERE c.id = messages.conversation_id) WHERE id = ? AND deleted_at IS NULL"
)
_DELETE = "UPDATE messages SET body = '', deleted_at = ? WHERE id = ? AND deleted_at IS NULL"
_READ = "UPDATE conversations SET {side}_read = max({side}_read, min(?, last_number)) WHERE id = ?"


class Pair(NamedTuple):
    """The two sides of a conversation."""

    customer_id: str
    practitioner_id: str

    @property
    def is_one(self) -> bool:
        """True if both sides are the same user."""
        return self.customer_id == self.practitioner_id

    def other(self, user_id: str) -> str:
        """Return the id of the other side."""
        return self.practitioner_id if user_id == self.customer_id else self.customer_id


class MessageStore:
    """Writes messages."""

    def __init__(self, db: SystemDatabase, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def send(self, pair: Pair, sender_id: str, body: str) -> tuple[Row, Row] | None:
        """Send a message; return it with its conversation, or None if one of the two sides is gone.

        Errors: `RequestUsed`, `NotWelcome`.
        """
        for _ in range(ATTEMPTS):
            message_id = str(uuid4())
            now = to_text(self._clock.now())
            try:
                await self._db.batch(self._statements(pair, sender_id, body, (message_id, now)))
            except UniqueViolation:
                continue
            except CheckViolation as fault:
                await self._raise(fault, pair)
            message, conversation = await self._db.batch([Statement(_MESSAGE, (message_id,)), Statement(_PAIR, pair)])
            found = message.rows and conversation.rows
            return (message.rows[0], conversation.rows[0]) if found else None
        raise Overloaded("the conversation is busy: try again")

    async def edit(self, message: Row, body: str) -> Row:
        """Change the text of a message that the caller has sent, and mark it as edited.

        Errors: `NotWelcome` if one side blocks the other.
        """
        now = to_text(self._clock.now())
        try:
            return await self._changed(Statement(_EDIT, (body, now, message["id"])))
        except CheckViolation as fault:
            if fault.constraint != "message_not_allowed":
                raise
            raise NotWelcome("no message between the two is possible") from None

    async def delete(self, message: Row) -> Row:
        """Delete the text of a message that the caller has sent; the empty message remains."""
        return await self._changed(Statement(_DELETE, (to_text(self._clock.now()), message["id"])))

    async def read(self, conversation: Row, side: str, number: int) -> None:
        """Record that a side has read up to a message."""
        assert side in {"customer", "practitioner"}, "one of the two sides"
        await self._db.run(_READ.format(side=side), number, conversation["id"])

    async def _changed(self, statement: Statement) -> Row:
        changed = await self._db.run(f"{statement.sql} RETURNING *", *statement.params)
        if not changed.rows:
            raise MessageGone("it was deleted")
        return changed.rows[0]

    async def _raise(self, fault: CheckViolation, pair: Pair) -> None:
        """Raise the problem of a refused message."""
        if fault.constraint != "message_not_allowed":
            raise fault
        customer, practitioner = pair
        if await self._db.first(_BLOCKED, customer, practitioner, practitioner, customer):
            raise NotWelcome("no message between the two is possible") from None
        raise RequestUsed("book an appointment first: without a booking only one message is possible") from None

    def _statements(self, pair: Pair, sender_id: str, body: str, new: tuple[str, str]) -> list[Statement]:
        message_id, now = new
        return [
            Statement(_OPEN, (str(uuid4()), now, now, *pair)),
            Statement(_INSERT, (message_id, sender_id, body, sender_id, now, now, *pair)),
            Statement(_COUNT, (now, sender_id, sender_id, *pair)),
            notice(pair.other(sender_id), "message.received", now, None, {"message_id": message_id}),
        ]
