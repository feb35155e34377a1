"""The job that sends reminders: each is claimed once, and the booking's state is checked again when it is sent."""

from datetime import datetime
from typing import Any

from pydantic_core import to_json

from edge import READER, Clock, Log, NotConfigured, Routes, Statement, SystemDatabase, Tick
from edge.instants import to_text
from edge.ports import Mail, Mailer, PortError, Row
from klear_karma.settings import KarmaSettings

CRON = "*/5 * * * *"
PER_RUN = 20
"""Most reminders sent per run; the next run continues."""

routes = Routes(tag="appointments", access=READER)

_DUE = (
    "FROM reminders AS r JOIN appointments AS a ON a.id = r.appointment_id WHERE r.due_at <= ? AND r.sent_at IS NULL "
    "AND a.state IN ('confirmed', 'rescheduled') AND a.starts_at > ? ORDER BY r.due_at, a.id, r.kind LIMIT ?"
)
_NOTICE = (
    "INSERT INTO notifications (id, user_id, kind, appointment_id, data, created_at) "
    "SELECT lower(hex(randomblob(16))), {side}_id, 'appointment.reminder', id, "
    "json_object('starts_at', starts_at, 'service', service_name, 'before', kind), ? "
    f"FROM (SELECT a.*, r.kind {_DUE}) WHERE {{side}}_id IS NOT NULL"
)
_CLAIM = (
    f"UPDATE reminders SET sent_at = ? WHERE (appointment_id, kind) IN (SELECT r.appointment_id, r.kind {_DUE}) "
    "AND sent_at IS NULL RETURNING appointment_id"
)
_LETTERS = (
    "SELECT a.wall_time, a.time_zone, a.service_name, a.customer_name, a.practitioner_name, c.email AS customer, "
    "p.email AS practitioner FROM appointments AS a LEFT JOIN users AS c ON c.id = a.customer_id "
    "LEFT JOIN users AS p ON p.id = a.practitioner_id "
    "WHERE a.id IN (SELECT value FROM json_each(?)) AND a.state IN ('confirmed', 'rescheduled')"
)


class Reminders:
    """Sends reminders by mail."""

    def __init__(self, settings: KarmaSettings, mailer: Mailer | None, log: Log) -> None:
        self._settings = settings
        self._mailer = mailer
        self._log = log

    async def send(self, row: Row) -> int:
        """Mail a reminder to both sides; return the number of mails accepted. A failure is logged."""
        return sum([await self._mail(row, side, other) for side, other in _SIDES if row[side]])

    async def _mail(self, row: Row, side: str, other: str) -> bool:
        try:
            if self._mailer is None:
                raise NotConfigured("MAILER")
            await self._mailer.send(Mail(self._settings.sender, row[side], *_letter(row, other)))
        except (NotConfigured, PortError) as fault:
            self._log("warning", "reminder not mailed", error=str(fault))
            return False
        return True


_SIDES = (("customer", "practitioner"), ("practitioner", "customer"))


@routes.cron(CRON)
async def send_reminders(tick: Tick, db: SystemDatabase, clock: Clock, reminders: Reminders) -> dict[str, Any]:
    """Send the due reminders of confirmed bookings: as notifications, and by mail.

    One batch notifies and claims, so that a simultaneous second run sends nothing. A failed mail is not retried.
    """
    now = to_text(clock.now())
    due = (now, now, PER_RUN)
    if tick.is_dry:
        row = await db.first(f"SELECT count(*) AS n FROM (SELECT 1 {_DUE})", *due)
        return {"reminders": row["n"] if row else 0}
    notices = [Statement(_NOTICE.format(side=side), (now, *due)) for side, _ in _SIDES]
    *_, claimed = await db.batch([*notices, Statement(_CLAIM, (now, *due))])
    ids = [row["appointment_id"] for row in claimed.rows]
    mails = 0
    if ids:
        for row in await db.all(_LETTERS, to_json(sorted({*ids})).decode()):
            mails += await reminders.send(row)
    return {"reminders": len(ids), "mails": mails}


def _letter(row: Row, other: str) -> tuple[str, str]:
    """Return the subject and text of a reminder; user-written text appears only in the text."""
    starts_at = datetime.fromisoformat(row["wall_time"])
    when = f"{starts_at:%A, %d %B %Y at %H:%M} ({row['time_zone']}, {starts_at:%z})"
    text = f"{row['service_name']} with {row[f'{other}_name']}\n{when}\n"
    return f"Reminder: your appointment on {starts_at:%d %B %Y at %H:%M}", text
