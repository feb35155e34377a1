"""Jobs of bookings: unconfirmed requests expire, and past appointments are completed; both sides get a live event."""

from typing import Any

from edge import READER, Clock, Routes, Statement, SystemDatabase, Tick
from edge.instants import to_text
from klear_karma.booking.news import AppointmentNews

CRON = "*/5 * * * *"
PER_RUN = 500
"""Most bookings changed per run and kind; the next run continues."""

routes = Routes(tag="appointments", access=READER)

_EXPIRED = "state = 'requested' AND expires_at <= ?"
_OVER = "state IN ('confirmed', 'rescheduled') AND ends_at <= ?"
_KINDS = {
    "expired": (_EXPIRED, "expires_at", ("customer", "practitioner")),
    "completed": (_OVER, "ends_at", ("customer",)),
}
_NOTICES = (
    "INSERT INTO notifications (id, user_id, kind, appointment_id, data, created_at) "
    "SELECT lower(hex(randomblob(16))), {side}_id, ?, id, "
    "json_object('starts_at', starts_at, 'service', service_name, 'by', 'system'), ? "
    "FROM appointments WHERE id IN (SELECT value FROM json_each(?)) AND {condition} AND {side}_id IS NOT NULL"
)
_CHANGE = (
    "UPDATE appointments SET state = ?, sequence = sequence + 1, updated_at = ? "
    "WHERE id IN (SELECT value FROM json_each(?)) AND {condition} "
    "RETURNING id, customer_id, practitioner_id, state, sequence"
)


@routes.cron(CRON)
async def settle_appointments(tick: Tick, db: SystemDatabase, clock: Clock, news: AppointmentNews) -> dict[str, Any]:
    """Expire unconfirmed requests, and complete appointments that have ended.

    Each batch checks the states again, so that a simultaneous second run changes, notifies and publishes nothing.
    """
    now = to_text(clock.now())
    report = dict[str, Any]()
    for state, (condition, column, sides) in _KINDS.items():
        sql = f"SELECT json_group_array(id) AS ids, count(*) AS n FROM (SELECT id FROM appointments WHERE {condition} "
        row = await db.first(f"{sql}ORDER BY {column} LIMIT ?)", now, PER_RUN)
        assert row is not None, "an aggregate has a row"
        report[state] = row["n"]
        if row["n"] and not tick.is_dry:
            *_, changed = await db.batch(_settle(state, condition, sides, (now, row["ids"])))
            for booking in changed.rows:
                news.publish(booking)
    return report


def _settle(state: str, condition: str, sides: tuple[str, ...], values: tuple[str, str]) -> list[Statement]:
    now, ids = values
    notices = [
        Statement(_NOTICES.format(side=side, condition=condition), (f"appointment.{state}", now, ids, now))
        for side in sides
    ]
    return [*notices, Statement(_CHANGE.format(condition=condition), (state, now, ids, now))]
