"""Forms that were sent: kept in D1 first, then carried on to Sanity and Discord, until both have them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import uuid4

from pydantic_core import from_json, to_json

from edge import Clock, Log, Problem, Routes, SystemDatabase, Tick
from edge.clients.discord import Embed, WebhookMissing, Webhooks, message
from edge.clients.leases import Leases
from edge.clients.upstream import UpstreamTimeout
from edge.instants import from_text, to_text
from edge.ports import Row
from platform_api.form_models import ContactForm, Form, MembershipForm, SponsorForm
from platform_api.mailbox import mailbox_of
from platform_api.sanity import Sanity

routes = Routes(tag="forms")

CRON = "*/10 * * * *"
SAME_WITHIN = timedelta(hours=24)
"""The same form with the same words, of the same mailbox, is one submission within this time."""
CARRIED_FOR = timedelta(days=3)
"""How long it is tried to carry a submission on."""
LEASE_S = 60.0
A_RUN = 20
"""Submissions that one run carries on: a Worker's event may make some 50 calls."""

_INSERT = (
    "INSERT INTO submissions (id, form, status, fingerprint, fields, created_at) SELECT ?, ?, ?, ?, ?, ? "
    "WHERE NOT EXISTS (SELECT 1 FROM submissions WHERE fingerprint = ? AND created_at > ?) "
    "RETURNING id, form, created_at"
)
_SAME = (
    "SELECT id, form, created_at FROM submissions WHERE fingerprint = ? AND created_at > ? "
    "ORDER BY created_at DESC LIMIT 1"
)
_WAITING = (
    "SELECT * FROM submissions WHERE status = 'received' AND (sanity_at IS NULL OR announced_at IS NULL) "
    "AND (announced_at IS NULL OR ?) AND created_at > ? ORDER BY attempts, created_at LIMIT ?"
)
_TRIED = "UPDATE submissions SET attempts = attempts + 1, fault = ? WHERE id = ?"
"""Counted also if nothing could be tried, as without a webhook: such a submission must not stay first in line."""
_MODELS: Mapping[str, type[Form]] = {model.form: model for model in (ContactForm, SponsorForm, MembershipForm)}


class Received(NamedTuple):
    """A stored submission; `is_new` if it was not there before."""

    id: str
    form: str
    received_at: datetime
    is_new: bool


class Submissions:
    """Stores submissions and delivers them to Sanity and Discord."""

    def __init__(  # noqa: PLR0913, PLR0917 - a provider's parameters are what it is made of
        self, db: SystemDatabase, sanity: Sanity, webhooks: Webhooks, leases: Leases, clock: Clock, log: Log
    ) -> None:
        self._db = db
        self._sanity = sanity
        self._webhooks = webhooks
        self._leases = leases
        self._clock = clock
        self._log = log

    async def keep(self, sent: Form) -> Received:
        """Store a submission, once; one that was caught in the honeypot as spam."""
        now = self._clock.now()
        fields = to_json(sent.fields()).decode()
        print_ = _fingerprint(sent)
        status = "spam" if sent.website else "received"
        since = to_text(now - SAME_WITHIN)
        row = (str(uuid4()), sent.form, status, print_, fields, to_text(now))
        inserted = await self._db.first(_INSERT, *row, print_, since)
        stored = inserted or await self._db.first(_SAME, print_, since)
        assert stored is not None
        return Received(stored["id"], stored["form"], from_text(stored["created_at"]), inserted is not None)

    async def carry(self, submission_id: str) -> None:
        """Deliver a submission to Sanity and Discord if it is not there yet; the job retries failures."""
        lease = f"submission:{submission_id}"
        until = await self._leases.take(lease, LEASE_S)
        if until is None:
            return
        row = await self._db.first("SELECT * FROM submissions WHERE id = ? AND status = 'received'", submission_id)
        if row is not None:
            faults = [fault.detail for fault in (await self._store(row), await self._announce(row)) if fault]
            if faults:
                await self._db.run(_TRIED, "; ".join(faults)[:500], row["id"])
        await self._leases.give_back(lease, until)

    async def waiting(self) -> list[Row]:
        """Return the submissions that are not delivered everywhere yet, the least tried first."""
        since = to_text(self._clock.now() - CARRIED_FOR)
        return await self._db.all(_WAITING, int(self._sanity.writes), since, A_RUN)

    async def _store(self, row: Row) -> Problem | None:
        """Write it to Sanity, and return the problem if that failed."""
        if row["sanity_at"] or not self._sanity.writes:
            return None
        document = {
            "_id": f"submission.{row['id']}",  # an id with a dot is never public, in any dataset
            "_type": "formSubmission",
            "form": row["form"],
            "receivedAt": from_text(row["created_at"]),
            "fields": [
                {"_key": name, "name": name, "value": value} for name, value in from_json(row["fields"]).items()
            ],
        }
        try:
            await self._sanity.create(document)
        except Problem as fault:
            return self._failed(row, fault)
        await self._done(row, "sanity_at")
        return None

    async def _announce(self, row: Row) -> Problem | None:
        """Announce it in Discord, and return the problem if that failed."""
        if row["announced_at"]:
            return None
        try:
            await self._webhooks.post(row["form"], announcement(row))
        except WebhookMissing as missing:  # a valid setup, not a failure
            return missing
        except UpstreamTimeout as unknown:  # it may be in the channel: better once than twice
            await self._done(row, "announced_at")
            return self._failed(row, unknown)
        except Problem as fault:
            return self._failed(row, fault)
        await self._done(row, "announced_at")
        return None

    async def _done(self, row: Row, column: str) -> None:
        await self._db.run(f"UPDATE submissions SET {column} = ? WHERE id = ?", to_text(self._clock.now()), row["id"])

    def _failed(self, row: Row, fault: Problem) -> Problem:
        self._log("warning", "submission not delivered", id=row["id"], error=fault.detail)
        return fault


@routes.cron(CRON)
async def carry_submissions(tick: Tick, submissions: Submissions) -> dict[str, Any]:
    """Deliver forms to Sanity and Discord that are not there yet."""
    waiting = await submissions.waiting()
    if not tick.is_dry:
        for row in waiting:
            await submissions.carry(row["id"])
    return {"submissions": [row["id"] for row in waiting]}


def announcement(row: Row) -> dict[str, Any]:
    """Return Discord's message about a submission, without the sender's address."""
    sent = _MODELS[row["form"]].model_construct(**from_json(row["fields"]))
    title = f"New {row['form']} form: {sent.headline()}"
    footer = f"Submission {row['id']}"
    return message(embeds=[Embed(title, sent.words(), footer=footer, timestamp=from_text(row["created_at"]))])


def _fingerprint(sent: Form) -> str:
    fields = sent.fields() | {"email": mailbox_of(sent.email)}
    return sha256(sent.form.encode() + to_json(dict(sorted(fields.items())))).hexdigest()
