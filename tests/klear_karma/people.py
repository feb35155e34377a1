"""Practitioners for tests: created through the API, or inserted into the tables if many are needed."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.klear_karma.conftest import as_admin, as_member

from edge import Statement
from edge.instants import to_text
from edge.testing import Client
from klear_karma.practitioners.store import Snapshot, cell_of, index
from klear_karma.search.geography import COARSE, Place

ALL_DAY = [{"weekday": day, "opens": "09:00", "closes": "17:00"} for day in range(7)]
PROFILE = {
    "name": "Mira Łukasz",
    "headline": "Reiki and breath work",
    "specializations": ["Reiki"],
    "languages": ["de", "en"],
    "city": "Berlin",
    "country": "DE",
    "place": {"lat": 52.512345, "lng": 13.412345, "address": "Straße 1"},
    "time_zone": "Europe/Berlin",
    "notice_minutes": 0,
    "horizon_days": 365,
}
SERVICE = {"name": "Session", "minutes": 60, "increment_minutes": 30, "price": 8000}


async def as_healer(client: Client, name: str, /, **profile: Any) -> Client:
    """Return a client of a healer with a verified profile, hours on every day and a service."""
    healer = await as_member(client, name, "healer")
    answers = [
        await healer.request("PUT", "/api/practitioners/me", json=PROFILE | profile),
        await healer.request("PUT", "/api/practitioners/me/hours", json={"hours": ALL_DAY}),
        await healer.post("/api/practitioners/me/services", SERVICE),
        await verify(client, name),
    ]
    assert [answer.status for answer in answers] == [200, 200, 201, 200], [answer.text for answer in answers]
    return healer


async def verify(client: Client, name: str, state: str = "verified") -> Any:
    """Verify a practitioner as the administrator."""
    return await as_admin(client).request("PUT", f"/api/admin/practitioners/{name}/verification", json={"state": state})


def statements(people: Iterable[Mapping[str, Any]]) -> list[Statement]:
    """Return the statements that insert verified practitioners, indexed like in the app."""
    now = to_text(datetime.now(UTC))
    inserts = []
    for person in people:
        place = COARSE.centre(Place(person["lat"], person["lng"]))
        row: dict[str, Any] = {
            "id": person["id"],
            "name": person.get("name", person["id"]),
            "headline": person.get("headline", ""),
            "bio": "",
            "specializations": json.dumps(person.get("specializations", [])),
            "city": person.get("city", ""),
            "coarse_lat": round(place.lat, 6),
            "coarse_lng": round(place.lng, 6),
            "cell": cell_of(place),
            "time_zone": person.get("time_zone", "UTC"),
            "verification": "verified",
            "min_price": person.get("min_price"),
            "rating_sum": person.get("rating_sum", 0),
            "rating_count": person.get("rating_count", 0),
            "notice_minutes": 0,
            "created_at": now,
            "updated_at": now,
        }
        user = (person["id"], f"{person['id']}@example.org", f"{person['id']}@example.org", now, now)
        names = ", ".join(row)
        inserts += [
            Statement("INSERT INTO users (id, email, email_key, created_at, updated_at) VALUES (?, ?, ?, ?, ?)", user),
            Statement(f"INSERT INTO practitioners ({names}) VALUES ({', '.join('?' * len(row))})", [*row.values()]),
            *index(person["id"], Snapshot(row, [])),
        ]
    return inserts


async def insert(client: Client, people: Iterable[Mapping[str, Any]]) -> None:
    """Insert verified practitioners into the tables."""
    db: Any = client.ports.settings.db
    inserts = statements(people)
    for start in range(0, len(inserts), 200):
        await db.batch(inserts[start : start + 200])
