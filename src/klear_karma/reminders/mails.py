"""Mails of reminders: each is claimed before it is sent, and sent again only if the mailer refused it.

A mail whose process ended while it was sent is not sent again: it may have arrived.
"""

from datetime import datetime, timedelta

from edge import Clock, Log, NotConfigured, Statement, SystemDatabase
from edge.instants import to_text
from edge.ports import Mail, Mailer, PortError, Row
from klear_karma.settings import KarmaSettings

PER_RUN = 40
"""Most mails of a run; the next run continues."""
MOST_ATTEMPTS = 5
PAUSE = timedelta(minutes=5)
"""The pause after the first failure; it doubles with each further one."""

_ADD = (
    "INSERT INTO reminder_mails (appointment_id, side, due_at, created_at) SELECT DISTINCT d.id, s.side, ?, ? "
    "FROM ({due}) AS d, (SELECT 'customer' AS side UNION ALL SELECT 'practitioner') AS s WHERE true "
    "ON CONFLICT (appointment_id, side) DO UPDATE SET attempts = 0, due_at = excluded.due_at, "
    "created_at = excluded.created_at"
)
_CLAIM = (
    "UPDATE reminder_mails SET due_at = NULL, attempts = attempts + 1 WHERE (appointment_id, side) IN "
    "(SELECT appointment_id, side FROM reminder_mails WHERE due_at <= ? ORDER BY due_at, appointment_id, side LIMIT ?) "
    "RETURNING appointment_id, side, attempts"
)
_BOOKING = (
    "SELECT a.wall_time, a.time_zone, a.service_name, a.customer_name, a.practitioner_name, c.email AS customer, "
    "p.email AS practitioner FROM appointments AS a LEFT JOIN users AS c ON c.id = a.customer_id "
    "LEFT JOIN users AS p ON p.id = a.practitioner_id "
    "WHERE a.id = ? AND a.state IN ('confirmed', 'rescheduled') AND a.starts_at > ?"
)
_AGAIN = (
    "UPDATE reminder_mails SET due_at = ? WHERE appointment_id = ? AND side = ? AND attempts = ? AND due_at IS NULL"
)
_OTHER = {"customer": "practitioner", "practitioner": "customer"}


def add_mails(due: str, values: tuple[str, str, int], now: str) -> Statement:
    """Return the statement that adds the mails of bookings; `due` is a query of their ids, with its values."""
    return Statement(_ADD.format(due=due), (now, now, *values))


class ReminderMails:
    """Sends the mails that are due."""

    def __init__(
        self, settings: KarmaSettings, mailer: Mailer | None, db: SystemDatabase, clock: Clock, log: Log
    ) -> None:
        self._settings = settings
        self._mailer = mailer
        self._db = db
        self._clock = clock
        self._log = log

    async def send(self) -> int:
        """Send the mails that are due; return the number of mails accepted."""
        now = self._clock.now()
        claimed = await self._db.run(_CLAIM, to_text(now), PER_RUN)
        again = []
        sent = 0
        for row in claimed.rows:
            booking = await self._db.first(_BOOKING, row["appointment_id"], to_text(self._clock.now()))
            if booking is None or booking[row["side"]] is None:
                continue  # cancelled, over, or of a deleted account
            if await self._mail(booking, row):
                sent += 1
            elif row["attempts"] < MOST_ATTEMPTS:
                again.append(_again(row, now))
        if again:
            await self._db.batch(again)
        return sent

    async def _mail(self, booking: Row, row: Row) -> bool:
        """Tell whether the mailer took a mail; a failure is logged."""
        side = row["side"]
        try:
            if self._mailer is None:
                raise NotConfigured("MAILER")
            await self._mailer.send(Mail(self._settings.sender, booking[side], *_letter(booking, _OTHER[side])))
        except (NotConfigured, PortError) as fault:
            self._log("warning", "reminder not mailed", attempt=row["attempts"], error=str(fault))
            return False
        return True


def _again(row: Row, now: datetime) -> Statement:
    due_at = now + PAUSE * 2 ** (row["attempts"] - 1)
    return Statement(_AGAIN, (to_text(due_at), row["appointment_id"], row["side"], row["attempts"]))


def _letter(row: Row, other: str) -> tuple[str, str]:
    """Return the subject and text of a reminder; user-written text appears only in the text."""
    starts_at = datetime.fromisoformat(row["wall_time"])
    when = f"{starts_at:%A, %d %B %Y at %H:%M} ({row['time_zone']}, {starts_at:%z})"
    text = f"{row['service_name']} with {row[f'{other}_name']}\n{when}\n"
    return f"Reminder: your appointment on {starts_at:%d %B %Y at %H:%M}", text
