"""Notices, each sent once: a row in D1 claims it before it goes out, against other senders of the same."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import uuid4

from pydantic_core import to_json

from discord_bot.audit import Audit, Entry
from discord_bot.settings import BotSettings
from discord_bot.subscriptions import subscribed
from edge import Clock, KeyValue, Log, Problem, Statement, SystemDatabase
from edge.clients.discord import DiscordBusy, Embed, WebhookMissing, Webhooks, message
from edge.clients.leases import Leases
from edge.clients.upstream import UpstreamFailed, UpstreamUnreached
from edge.instants import to_text
from edge.ports import PortError, Row

LIMITED = "ratelimit:"
"""Prefix of KV keys. A value is the last notice about a subject, and the end of the time in which no other goes out."""
CLAIM = 90.0
"""Seconds after which a claim without an outcome counts as abandoned: its sender has died."""
PATIENCE = 10.0
"""Seconds that a second sender of the same waits for the first to be done."""
UNSEEN = 60.0
"""Seconds until a write to KV is seen everywhere; until then a lease stands for it."""
CLAIMED, SENDING, SENT, FAILED, UNKNOWN = "claimed", "sending", "sent", "failed", "unknown"

_CLAIM = """
INSERT INTO notices (fingerprint, id, kind, subject, title, status, until, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (fingerprint) DO UPDATE SET id = excluded.id, status = excluded.status, until = excluded.until
WHERE notices.status = 'failed' OR (notices.status = 'claimed' AND notices.until <= ?)
OR (? AND (notices.status = 'unknown' OR (notices.status = 'sending' AND notices.until <= ?))) RETURNING id
"""
_BEGIN = "UPDATE notices SET status = 'sending', until = ? WHERE id = ? AND status = 'claimed' RETURNING id"
_END = "UPDATE notices SET status = ?, message_id = ? WHERE id = ?"
_FIND = "SELECT * FROM notices WHERE fingerprint = ?"


class TooManyNotices(Problem):
    """There was a notice about this a short while ago."""

    title = "There was a notice about this a short while ago"
    status = 429

    def __init__(self, wait: float) -> None:
        seconds = max(1, int(wait + 0.999))
        super().__init__(headers=[("retry-after", str(seconds))], retry_after=seconds)


class NoticeUncertain(Problem):
    """Nobody knows whether this was posted."""

    title = "Nobody knows whether this was posted"
    status = 409


class NoticeUnderWay(Problem):
    """This is being posted right now."""

    title = "This is being posted right now"
    status = 409


class Notice(NamedTuple):
    """A message for the channel of a `kind`. Of two with the same `key` and kind, one is sent.

    With `is_limited` no other about the same `subject` goes out for a while; with `mentions` its subscribers are
    mentioned. `repeats` sends it also if it is unknown whether it was sent before.
    """

    kind: str
    subject: str
    key: str
    embed: Embed
    actor: str
    source: str = "notification"
    is_limited: bool = False
    mentions: bool = True
    repeats: bool = False
    request_id: str | None = None

    @property
    def fingerprint(self) -> str:
        """A hash that is equal for equal notices."""
        return sha256(f"{self.source}\n{self.kind}\n{self.key}".encode()).hexdigest()


class Delivered(NamedTuple):
    """A notice that is in its channel; `is_new` if it was sent just now."""

    id: str
    message_id: str | None
    is_new: bool


class Notices:
    """Sends notices, and knows those that were sent."""

    def __init__(  # noqa: PLR0913, PLR0917 - what sending once stands on
        self,
        settings: BotSettings,
        db: SystemDatabase,
        kv: KeyValue,
        leases: Leases,
        webhooks: Webhooks,
        audit: Audit,
        clock: Clock,
        log: Log,
    ) -> None:
        self._settings = settings
        self._db = db
        self._kv = kv
        self._leases = leases
        self._webhooks = webhooks
        self._audit = audit
        self._clock = clock
        self._log = log

    async def send(self, notice: Notice) -> Delivered:
        """Send a notice, or return how it was sent before.

        Errors: those of `Webhooks.post`, `TooManyNotices`, `NoticeUncertain`, `NoticeUnderWay`.
        """
        fingerprint = await self._claim(notice)
        if isinstance(fingerprint, Delivered):
            return fingerprint
        until = await self._check_limit(notice, fingerprint) if notice.is_limited else None
        body = await self.body(notice)
        await self._begin(fingerprint)
        try:
            message_id = await self._webhooks.post(notice.kind, body)
        except Exception as fault:
            status = await self._failed(notice, fingerprint, fault)
            if until is not None and status == FAILED:
                await self._leases.give_back(_limit(notice), until)
            raise
        await self._sent(notice, fingerprint, message_id)
        return Delivered(fingerprint, message_id, True)

    async def body(self, notice: Notice) -> dict[str, Any]:
        """Return the message of a notice, with its mentions."""
        users = list[str]()
        more = 0
        if notice.mentions:
            texts = [notice.embed.title, notice.embed.description, *(text for _, text in notice.embed.fields)]
            users, more = await subscribed(notice.kind, " ".join(texts), self._db)
        mentions = " ".join(f"<@{user}>" for user in users) + (f" and {more} more" if more else "")
        return message(mentions, [notice.embed], users)

    async def record(self, notice: Notice) -> Row | None:
        """Return the row of a notice that was sent or is being sent; None if it may be sent."""
        row = await self._db.first(_FIND, notice.fingerprint)
        return None if row is None or row["status"] == FAILED else row

    async def _claim(self, notice: Notice) -> str | Delivered:
        """Return the id under which the notice is ours to send, or how it was sent."""
        now = self._clock.now()
        new = uuid4().hex
        until = now.timestamp() + CLAIM
        named = (notice.fingerprint, new, notice.kind, notice.subject, notice.embed.title[:200])
        values = (*named, CLAIMED, until, to_text(now), now.timestamp(), notice.repeats, now.timestamp())
        if await self._db.first(_CLAIM, *values) is not None:
            return new
        return await self._awaited(notice)

    async def _awaited(self, notice: Notice) -> Delivered:
        """Wait for the sender that has claimed the notice, and return the notice as sent."""
        deadline = self._clock.now().timestamp() + PATIENCE
        while (now := self._clock.now().timestamp()) < deadline:
            row = await self._db.first(_FIND, notice.fingerprint)
            if row is None or row["status"] == FAILED:
                raise NoticeUnderWay("it has just failed: send it again", headers=[("retry-after", "1")])
            if row["status"] == SENT:
                return Delivered(row["id"], row["message_id"], False)
            if row["status"] == UNKNOWN or (row["status"] == SENDING and row["until"] <= now):
                raise NoticeUncertain("look into the channel; with repeat=true it is sent again", id=row["id"])
            await self._clock.sleep(0.2)
        raise NoticeUnderWay(headers=[("retry-after", "5")])

    async def _check_limit(self, notice: Notice, fingerprint: str) -> float | None:
        """Return the end of the lease on the subject, None for a notice that needs none.

        Raises `TooManyNotices` if another about it went out in the window; this one may then be sent later.
        """
        name = _limit(notice)
        window = self._settings.notice_window_s
        now = self._clock.now().timestamp()
        last, _, until = (await self._kv.get(name) or b"").decode(errors="replace").partition(" ")
        wait = _number(until, now + window) - now if last and last != notice.fingerprint else 0.0
        if wait <= 0 and notice.repeats:
            return None
        end = await self._leases.take(name, min(UNSEEN, window)) if wait <= 0 else None
        if end is None:
            await self._end(fingerprint, FAILED)
            raise TooManyNotices(wait if wait > 0 else float(window))
        return end

    async def _sent(self, notice: Notice, fingerprint: str, message_id: str) -> None:
        """Record that the notice is in its channel; if that fails, the next sender gets `NoticeUncertain`."""
        entry = self._entry(notice, SENT, message_id)
        await self._db.batch([Statement(_END, (SENT, message_id, fingerprint)), self._audit.statement(entry)])
        if notice.is_limited:
            window = self._settings.notice_window_s
            until = int(self._clock.now().timestamp() + window)
            try:
                await self._kv.put(_limit(notice), f"{notice.fingerprint} {until}", ttl=window)
            except PortError as fault:
                self._log("error", "limit not written", subject=notice.subject, error=str(fault))

    async def _failed(self, notice: Notice, fingerprint: str, fault: Exception) -> str:
        """Record how it failed, and return the notice's status."""
        status = FAILED if _was_not_posted(fault) else UNKNOWN
        error = f"{type(fault).__name__}: {fault}" if isinstance(fault, Problem | PortError) else type(fault).__name__
        await self._end(fingerprint, status)
        await self._audit.write(self._entry(notice, status, None, error))
        return status

    async def _begin(self, fingerprint: str) -> None:
        """Record that the notice goes out now. A sender that dies before this has sent nothing; another may send it."""
        if await self._db.first(_BEGIN, self._clock.now().timestamp() + CLAIM, fingerprint) is None:
            raise NoticeUnderWay("another sender has taken it over", headers=[("retry-after", "5")])

    async def _end(self, fingerprint: str, status: str) -> None:
        await self._db.run(_END, status, None, fingerprint)

    def _entry(self, notice: Notice, outcome: str, message_id: str | None, detail: str = "") -> Entry:
        text = detail or f"{notice.embed.title}\n{notice.embed.description}"
        subject = f"{notice.kind}/{notice.subject}"
        return Entry(notice.source, subject, notice.actor, outcome, text, message_id, notice.request_id)


def key_of(body: Mapping[str, Any]) -> str:
    """Return a key that is equal for equal bodies."""
    return sha256(to_json(dict(sorted(body.items())))).hexdigest()


def _limit(notice: Notice) -> str:
    return f"{LIMITED}{notice.kind}:{notice.subject}"


def _was_not_posted(fault: Exception) -> bool:
    """Return whether a failed notice is surely in no channel: it was not sent, or Discord has refused it."""
    if isinstance(fault, WebhookMissing | DiscordBusy | UpstreamUnreached | PortError):
        return True
    return isinstance(fault, UpstreamFailed) and fault.extra.get("upstream_status") not in {None, 504}


def _number(text: str, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:
        return otherwise
