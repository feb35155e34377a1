"""Practitioners for tests: by the routes, as users make them, or straight into the tables where many are needed."""

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
    """Return the client of a healer with a verified profile, hours of every day and a service."""
    healer = await as_member(client, name, "healer")
    made = [
        await healer.request("PUT", "/api/practitioners/me", json=PROFILE | profile),
        await healer.request("PUT", "/api/practitioners/me/hours", json={"hours": ALL_DAY}),
        await healer.post("/api/practitioners/me/services", SERVICE),
        await verify(client, name),
    ]
    assert [answer.status for answer in made] == [200, 200, 201, 200], [answer.text for answer in made]
    return healer


async def verify(client: Client, name: str, state: str = "verified") -> Any:
    """Let the administrator verify a practitioner."""
    return await as_admin(client).request("PUT", f"/api/admin/practitioners/{name}/verification", json={"state": state})


def statements(people: Iterable[Mapping[str, Any]]) -> list[Statement]:
    """Return the statements that put verified practitioners into the tables, indexed as the app does it."""
    now = to_text(datetime.now(UTC))
    found = []
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
        found += [
            Statement("INSERT INTO users (id, email, email_key, created_at, updated_at) VALUES (?, ?, ?, ?, ?)", user),
            Statement(f"INSERT INTO practitioners ({names}) VALUES ({', '.join('?' * len(row))})", [*row.values()]),
            *index(person["id"], Snapshot(row, [])),
        ]
    return found


async def insert(client: Client, people: Iterable[Mapping[str, Any]]) -> None:
    """Put verified practitioners into the tables."""
    db: Any = client.ports.settings.db
    made = statements(people)
    for start in range(0, len(made), 200):
        await db.batch(made[start : start + 200])
