"""The number of a conversation's next turn: it counts the turns of every caller, so it reads the whole table."""

from datetime import datetime, timedelta
from typing import NamedTuple

from edge import SystemDatabase
from edge.instants import to_text

ABANDONED_AFTER = timedelta(minutes=10)
"""A turn that is still open after this was cut off with its process; the next one may begin."""


class LastTurn(NamedTuple):
    """The number of a conversation's last turn, 0 for none, and whether a turn is under way."""

    number: int
    is_open: bool


class TurnCounter:
    """Counts turns. It reveals nothing but numbers of other callers' rows."""

    def __init__(self, db: SystemDatabase) -> None:
        self._db = db

    async def last(self, conversation_id: str, now: datetime) -> LastTurn:
        """Return the last turn of a conversation that the caller may continue."""
        row = await self._db.first(_LAST, to_text(now - ABANDONED_AFTER), conversation_id)
        return LastTurn(row["turn"], bool(row["is_open"])) if row else LastTurn(0, False)


_LAST = """
SELECT coalesce(max(turn), 0) AS turn, coalesce(max(status = 'open' AND created_at >= ?), 0) AS is_open
FROM agent_messages WHERE conversation_id = ?
"""
