"""SQL of bookings. Columns named after a rule hold its condition: if it is false, a CHECK fails the whole batch.

A plain conditional INSERT (`WHERE NOT EXISTS`) would insert no row, yet let the rest of its batch take effect.
"""

from collections.abc import Mapping
from typing import NamedTuple

from edge import Statement
from edge.ports import Value
from klear_karma.availability.slots import LONGEST_BLOCK
from klear_karma.availability.zones import Span

FREE = (
    "NOT EXISTS (SELECT 1 FROM appointments AS other WHERE other.practitioner_id = ? "
    "AND other.state IN ('requested', 'confirmed', 'rescheduled') "
    f"AND other.blocked_from < ? AND other.blocked_from > ? - {LONGEST_BLOCK} AND other.blocked_until > ? "
    "AND (other.state <> 'requested' OR other.expires_at > ?) AND other.id <> ?)"
)
_OFFERED = (
    "EXISTS (SELECT 1 FROM practitioners AS p JOIN services AS s ON s.practitioner_id = p.id WHERE p.id = ? "
    "AND p.calendar_version = ? AND p.verification = 'verified' AND p.is_listed = 1 AND s.id = ? AND s.is_active = 1)"
)
_UNCHANGED = "EXISTS (SELECT 1 FROM practitioners AS p WHERE p.id = ? AND p.calendar_version = ?)"
_WELCOME = (
    "NOT EXISTS (SELECT 1 FROM blocks WHERE (user_id = ? AND blocked_id = ?) OR (user_id = ? AND blocked_id = ?))"
)
MOST_REQUESTED = 20
"""Most open requests of a customer: each of them blocks a practitioner's time."""
_FEW = (
    "? <> 'requested' OR (SELECT count(*) FROM appointments AS open WHERE open.customer_id = ? "
    f"AND open.state = 'requested' AND open.expires_at > ?) < {MOST_REQUESTED}"
)


class Blocked(NamedTuple):
    """The time that a booking will block, for a version of the practitioner's calendar; `now` is a stored instant."""

    appointment_id: str
    practitioner_id: str
    span: Span
    version: int
    now: str

    @property
    def free(self) -> tuple[Value, ...]:
        """The values bound by `FREE`, which checks all other blocking bookings that have not expired."""
        start, end = self.span
        return (self.practitioner_id, end, start, start, self.now, self.appointment_id)


def insert(columns: Mapping[str, Value], blocked: Blocked) -> Statement:
    """Return the insert of a booking; errors: `slot_taken`, `calendar_changed`, `not_welcome`, `too_many_requested`."""
    customer = columns["customer_id"]
    practitioner = blocked.practitioner_id
    rules = f"{FREE}, {_OFFERED}, {_WELCOME}, {_FEW}"
    sql = (
        f"INSERT INTO appointments ({', '.join(columns)}, free, current, welcome, few) "
        f"VALUES ({', '.join('?' * len(columns))}, {rules})"
    )
    offered = (practitioner, blocked.version, columns["service_id"])
    welcome = (customer, practitioner, practitioner, customer)
    few = (columns["state"], customer, blocked.now)
    return Statement(sql, (*columns.values(), *blocked.free, *offered, *welcome, *few))


def change(appointment_id: str, before: Mapping[str, Value], columns: Mapping[str, Value]) -> Statement:
    """Return the change of a booking; violates `state_changed` if the booking has changed since it was read."""
    settings, values = _settings(columns)
    sql = (
        f"UPDATE appointments SET updated_at = ?, {settings}, sequence = sequence + 1, "
        "legal = (state = ? AND sequence = ?) WHERE id = ?"
    )
    return Statement(sql, (*values, before["state"], before["sequence"], appointment_id))


def confirm(before: Mapping[str, Value], columns: Mapping[str, Value], now: str) -> Statement:
    """Return the confirmation of a booking as it was read; it violates `slot_taken` or `state_changed`.

    A request that has expired since it was read no longer blocks its time, and another booking may have taken it.
    """
    settings, values = _settings(columns)
    sql = (
        f"UPDATE appointments SET updated_at = ?, {settings}, free = {FREE}, sequence = sequence + 1, "
        "legal = (state = ? AND sequence = ?) WHERE id = ?"
    )
    start, end = before["blocked_from"], before["blocked_until"]
    free = (before["practitioner_id"], end, start, start, now, before["id"])
    return Statement(sql, (*values, *free, before["state"], before["sequence"], before["id"]))


def move(before: Mapping[str, Value], columns: Mapping[str, Value], blocked: Blocked) -> Statement:
    """Return the move of a booking as it was read; it violates `slot_taken`, `calendar_changed` or `state_changed`.

    It blocks the new time and frees the old one in one statement.
    """
    settings, values = _settings(columns)
    sql = (
        f"UPDATE appointments SET updated_at = ?, {settings}, free = {FREE}, current = {_UNCHANGED}, "
        "sequence = sequence + 1, legal = (state = ? AND sequence = ?) WHERE id = ?"
    )
    current = (blocked.practitioner_id, blocked.version)
    guard = (before["state"], before["sequence"], blocked.appointment_id)
    return Statement(sql, (*values, *blocked.free, *current, *guard))


def _settings(columns: Mapping[str, Value]) -> tuple[str, list[Value]]:
    """Return the SET clause of all columns except `updated_at`, and all values, that of `updated_at` first."""
    others = [name for name in columns if name != "updated_at"]
    return ", ".join(f"{name} = ?" for name in others), [columns["updated_at"], *(columns[name] for name in others)]
