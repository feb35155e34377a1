"""The job that sends reminders: each is claimed once, and the booking's state is checked again when it is sent."""

from typing import Any

from edge import READER, Clock, Routes, Statement, SystemDatabase, Tick
from edge.instants import to_text
from klear_karma.reminders.mails import ReminderMails, add_mails

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


@routes.cron(CRON)
async def send_reminders(tick: Tick, db: SystemDatabase, clock: Clock, mails: ReminderMails) -> dict[str, Any]:
    """Send the due reminders of confirmed bookings: as notifications, and by mail.

    One batch notifies, adds the mails and claims the reminders, so that a simultaneous second run sends nothing twice.
    """
    now = to_text(clock.now())
    due = (now, now, PER_RUN)
    if tick.is_dry:
        row = await db.first(f"SELECT count(*) AS n FROM (SELECT 1 {_DUE})", *due)
        return {"reminders": row["n"] if row else 0}
    notices = [Statement(_NOTICE.format(side=side), (now, *due)) for side in ("customer", "practitioner")]
    added = add_mails(f"SELECT a.id {_DUE}", due, now)
    *_, claimed = await db.batch([*notices, added, Statement(_CLAIM, (now, *due))])
    return {"reminders": len(claimed.rows), "mails": await mails.send()}
