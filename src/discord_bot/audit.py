"""The audit log: each message that was sent, with its actor. No row holds a token, a key or a webhook's address."""

from typing import NamedTuple

from discord_bot.settings import BotSettings
from edge import Clock, Log, Statement, SystemDatabase
from edge.instants import to_text
from edge.middleware.sampling import Steps, sampler_of
from edge.ports import PortError, Row

ANSWERS = Steps(full=40, each=10)
"""Entries of one user's interactions: anybody in Discord can have as many as Discord lets through."""
_INSERT = (
    "INSERT INTO audit (kind, subject, actor, outcome, detail, message_id, request_id, created_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_SENT = "SELECT * FROM audit WHERE message_id IS NOT NULL ORDER BY id DESC LIMIT ?"


class Entry(NamedTuple):
    """One thing that was done: `kind` is a notice's, or how an interaction came; `detail` the beginning of its text."""

    kind: str
    subject: str
    actor: str
    outcome: str
    detail: str = ""
    message_id: str | None = None
    request_id: str | None = None


class Audit:
    """Writes and reads the log."""

    def __init__(self, db: SystemDatabase, clock: Clock, log: Log, settings: BotSettings) -> None:
        self._db = db
        self._clock = clock
        self._log = log
        self._sampler = sampler_of(settings)

    def statement(self, entry: Entry) -> Statement:
        """Return the statement that writes an entry, for the batch of the change itself."""
        made_at = to_text(self._clock.now())
        values = (entry.kind, entry.subject[:200], entry.actor[:100], entry.outcome, entry.detail[:500])
        return Statement(_INSERT, (*values, entry.message_id, entry.request_id, made_at))

    async def write(self, entry: Entry) -> None:
        """Write an entry about a finished action; if the database is away, log that and raise nothing."""
        try:
            await self._db.batch([self.statement(entry)])
        except PortError as fault:
            self._log("error", "audit not written", kind=entry.kind, subject=entry.subject, error=str(fault))

    async def write_answer(self, entry: Entry) -> None:
        """Write an entry about an interaction. A busy user's stands for several; its detail begins with `[10 ×]`."""
        calls = self._sampler.take(("answer", entry.actor), ANSWERS, self._clock.now().timestamp())
        if calls:
            detail = f"[{calls} ×] {entry.detail}" if calls > 1 else entry.detail
            await self.write(entry._replace(detail=detail))

    async def sent(self, limit: int) -> list[Row]:
        """Return the notices that went out last, of all actors."""
        return await self._db.all(_SENT, limit)
