"""Practices for tests: a verified practitioner with a service, open day and night, inserted into the database."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.klear_karma.conftest import as_member

from edge import Statement
from edge.instants import from_epoch, to_text
from edge.testing import Answer, Client

HOUR = 3600
JSON = [("content-type", "application/json")]


def day_after_tomorrow(hour: int = 10) -> int:
    """Return the start of an hour on the day after tomorrow, in Unix seconds."""
    day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
    return int(day.timestamp()) + hour * HOUR


def zulu(instant: int) -> str:
    """Return an instant in RFC 3339, for a request body."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def practice(client: Client, name: str = "mira", **columns: Any) -> Client:
    """Return a client of a practitioner `name` with the service `{name}-reiki` of one hour."""
    healer = await as_member(client, name, "healer")
    db: Any = client.ports.settings.db
    now = to_text(datetime.now(UTC))
    profile = {
        "id": name,
        "name": name.title(),
        "time_zone": "UTC",
        "verification": "verified",
        "notice_minutes": 0,
        "needs_confirmation": 0,
        "cancellation_hours": 24,
        "created_at": now,
        "updated_at": now,
    } | columns
    service = {
        "id": f"{name}-reiki",
        "practitioner_id": name,
        "name": "Reiki",
        "minutes": 60,
        "increment_minutes": 60,
        "price": 7500,
        "currency": "EUR",
        "created_at": now,
        "updated_at": now,
    }
    hours = (
        "INSERT INTO working_hours (id, practitioner_id, weekday, starts_minute, ends_minute) VALUES (?, ?, ?, 0, 1440)"
    )
    await db.batch(
        [
            insertion("practitioners", profile),
            insertion("services", service),
            *(Statement(hours, (f"{name}-{day}", name, day)) for day in range(7)),
        ]
    )
    return healer


def insertion(table: str, columns: dict[str, Any]) -> Statement:
    """Return the insert of a row."""
    marks = ", ".join("?" * len(columns))
    return Statement(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", tuple(columns.values()))


async def book(client: Client, start: int, name: str = "mira", **more: Any) -> Answer:
    """Request a slot of a practice; return the answer."""
    headers = [("idempotency-key", more.pop("key"))] if "key" in more else []
    body = {"practitioner_id": name, "service_id": f"{name}-reiki", "starts_at": zulu(start)} | more
    return await client.post("/api/appointments", body, headers=headers)


async def booked(client: Client, start: int, name: str = "mira", **more: Any) -> dict[str, Any]:
    """Book a slot of a practice; return the appointment."""
    answer = await book(client, start, name, **more)
    assert answer.status == 201, answer.text
    appointment: dict[str, Any] = answer.json()
    return appointment


async def ended(client: Client, appointment_id: str, hours_ago: int = 2) -> None:
    """Move an appointment into the past."""
    end = int(datetime.now(UTC).timestamp()) - hours_ago * HOUR
    db: Any = client.ports.settings.db
    sql = "UPDATE appointments SET starts_at = ?, ends_at = ?, blocked_from = ?, blocked_until = ? WHERE id = ?"
    await db.run(sql, from_epoch(end - HOUR), from_epoch(end), end - HOUR, end, appointment_id)


async def count(client: Client, sql: str, *params: Any) -> int:
    """Return a number from an SQL expression or subquery."""
    db: Any = client.ports.settings.db
    row = await db.first(f"SELECT ({sql}) AS n", *params)
    return int(row["n"] or 0)


async def patch(client: Client, path: str, body: dict[str, Any]) -> Answer:
    """Send a PATCH request with a change."""
    return await client.request("PATCH", path, body=json.dumps(body).encode(), headers=JSON)


async def change(client: Client, appointment: dict[str, Any], action: str, **more: Any) -> Answer:
    """Request a change of a booking; return the answer."""
    return await patch(client, f"/api/appointments/{appointment['id']}", {"action": action} | more)
