"""Access: every route answers 404 to another user's id in any of its parameters."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.klear_karma.conftest import Run, as_admin, as_member
from tests.klear_karma.people import as_healer
from tests.klear_karma.practices import booked, count, day_after_tomorrow, insertion, practice, zulu

from edge import ADMIN, PUBLIC
from edge.testing import Client
from klear_karma.app import app

pytestmark = pytest.mark.slow

THEIRS = {
    "appointment_id": "SELECT id FROM appointments",
    "message_id": "SELECT id FROM messages",
    "conversation_id": "SELECT id FROM conversations",
    "review_id": "SELECT id FROM reviews",
    "user_id": "SELECT 'ada'",
    "service_id": "SELECT id FROM services WHERE practitioner_id = 'mira'",
    "time_off_id": "SELECT id FROM time_off",
    "feed_id": "SELECT id FROM feed_links",
    "upload_id": "SELECT id FROM uploads",
    "session_id": "SELECT id FROM refresh_tokens WHERE user_id = 'ada'",
}
"""For each path parameter, a query for an id that belongs to ada and mira."""
ROUTES = [endpoint for endpoint in app.endpoints if "{" in endpoint.path and endpoint.access not in {PUBLIC, ADMIN}]
BODIES: dict[tuple[str, str], Any] = {
    ("PATCH", "/api/appointments/{appointment_id}"): {"action": "cancel"},
    ("PATCH", "/api/messages/{message_id}"): {"body": "x"},
    ("POST", "/api/conversations/{conversation_id}/read"): {"number": 1},
    ("PUT", "/api/reviews/{review_id}"): {"rating": 1},
    ("PUT", "/api/reviews/{review_id}/reply"): {"body": "x"},
    ("PUT", "/api/practitioners/me/services/{service_id}"): {
        "name": "x",
        "minutes": 60,
        "increment_minutes": 60,
        "price": 1,
    },
    ("PATCH", "/api/uploads/{upload_id}"): {"is_published": True},
}
TABLES = ("appointments", "messages", "conversations", "reviews", "services", "time_off", "feed_links", "uploads")


async def world(client: Client) -> tuple[Client, Client]:
    """Create data of ada and mira; return clients of two strangers: a customer and a practitioner."""
    await practice(client)
    ada = await as_member(client, "ada")
    booking = await booked(ada, day_after_tomorrow())
    await ada.post("/api/messages", {"practitioner_id": "mira", "body": "Hi"})
    now = "2027-01-01 00:00:00"
    db: Any = client.ports.settings.db
    review = {"id": "r1", "appointment_id": booking["id"], "practitioner_id": "mira", "author_id": "ada"}
    review |= {"author_name": "Ada", "rating": 5, "created_at": now}
    off = {"id": "t1", "practitioner_id": "mira", "starts_at": now, "ends_at": "2027-01-02 00:00:00", "created_at": now}
    feed = {"id": "f1", "user_id": "ada", "side": "customer", "token_hash": "x", "created_at": now}
    upload = {"id": "u1", "user_id": "ada", "content_type": "image/png", "bytes": 1, "width": 1, "height": 1}
    rows = [("reviews", review), ("time_off", off), ("feed_links", feed), ("uploads", upload | {"created_at": now})]
    await db.batch([insertion(table, row) for table, row in rows])
    return await as_member(client, "eve"), await practice(client, "zoe")


async def rows(client: Client) -> list[Any]:
    """Return all rows that strangers must not change."""
    db: Any = client.ports.settings.db
    return [await db.all(f"SELECT * FROM {table} ORDER BY id") for table in TABLES]


def test_other_users_ids_answer_404(run: Run) -> None:
    async def case(client: Client) -> None:
        strangers = await world(client)
        db: Any = client.ports.settings.db
        before = await rows(client)
        for endpoint in ROUTES:
            path = endpoint.path
            name = path[path.index("{") + 1 : path.index("}")]
            row = await db.first(f"SELECT ({THEIRS[name]}) AS id")
            path = path.replace(f"{{{name}}}", row["id"])
            for stranger in strangers:
                body = BODIES.get((endpoint.method, endpoint.path))
                answer = await stranger.request(endpoint.method, path, json=body)
                assert answer.status == 404, (endpoint.method, path, answer.text)
        assert await rows(client) == before

    run(case)


BY_BODY: list[tuple[str, dict[str, Any]]] = [
    ("/api/appointments", {"practitioner_id": "zoe", "service_id": "mira-reiki"}),
    ("/api/appointments", {"practitioner_id": "ada", "service_id": "mira-reiki"}),
    ("/api/messages", {"conversation_id": "$conversation", "body": "x"}),
    ("/api/messages", {"practitioner_id": "ada", "body": "x"}),
    ("/api/reviews", {"appointment_id": "$appointment", "rating": 5}),
    ("/api/reports", {"target_kind": "message", "target_id": "$message", "reason": "x"}),
    ("/api/reports", {"target_kind": "user", "target_id": "ada", "reason": "x"}),
]


def test_other_users_ids_in_bodies_answer_404(local: Run) -> None:
    async def case(client: Client) -> None:
        eve, zoe = await world(client)
        db: Any = client.ports.settings.db
        for path, body in BY_BODY:
            values = dict(body)
            for name, value in body.items():
                if str(value).startswith("$"):
                    row = await db.first(f"SELECT id FROM {str(value)[1:]}s")
                    values[name] = row["id"]
            if path == "/api/appointments":
                values["starts_at"] = zulu(day_after_tomorrow())
            for stranger in (eve, zoe):
                answer = await stranger.post(path, values)
                own = stranger is zoe and values.get("practitioner_id") == "zoe"
                assert answer.status == (409 if own else 404), (path, values, answer.text)
        assert await count(client, "SELECT count(*) FROM appointments") == 1
        ids = [row["id"] for row in await db.all("SELECT id FROM notifications WHERE user_id = 'mira'")]
        assert ids
        assert (await eve.post("/api/notifications/read", {"ids": ids})).json() == {"unread": 0}
        assert await count(client, "SELECT count(*) FROM notifications WHERE read_at IS NOT NULL") == 0

    local(case)


PUBLIC_PATHS = [endpoint.path for endpoint in app.endpoints if "{practitioner_id}" in endpoint.path]
HIDDEN = [("verification", state) for state in ("unverified", "pending", "rejected")] + [("is_listed", 0)]


def test_hidden_practitioners_are_found_nowhere(local: Run) -> None:
    async def case(client: Client) -> None:
        await as_healer(client, "mira")
        ada = await as_member(client, "ada")
        [service] = (await client.get("/api/practitioners/mira")).json()["services"]
        search = "/api/practitioners/search?limit=5"
        paths = [path.replace("{practitioner_id}", "mira") for path in PUBLIC_PATHS if "/admin/" not in path]
        assert len(paths) == 4
        day = (datetime.now(UTC) + timedelta(days=5)).date().isoformat()
        slots = await client.get(f"/api/practitioners/mira/availability?from={day}&to={day}")
        start = slots.json()["slots"][0]["starts_at"]
        bodies: list[tuple[str, Any]] = [
            ("/api/appointments", {"practitioner_id": "mira", "service_id": service["id"], "starts_at": start}),
            ("/api/messages", {"practitioner_id": "mira", "body": "Hi"}),
            ("/api/reports", {"target_kind": "practitioner", "target_id": "mira", "reason": "x"}),
            ("/api/reports", {"target_kind": "user", "target_id": "mira", "reason": "x"}),
        ]
        db: Any = client.ports.settings.db
        for column, value in HIDDEN:
            await db.run(f"UPDATE practitioners SET verification = 'verified', is_listed = 1, {column} = ?", value)
            settings: Any = client.ports.settings
            for key in (await settings.kv.list("")).names:
                await settings.kv.delete(key)
            for path in paths:
                assert (await client.get(path)).status == 404, (path, value)
            for asked in ("", "&lat=52.51&lng=13.41", "&q=reiki", "&specialization=Reiki", f"&available_on={day}"):
                assert (await client.get(search + asked)).json()["practitioners"] == [], (asked, value)
            geojson = await client.get(search, headers=[("accept", "application/geo+json")])
            assert geojson.json()["features"] == []
            for path, body in bodies:
                assert (await ada.post(path, body)).status == 404, (path, value)
            assert (await ada.request("PUT", "/api/blocks/mira")).status == 404

    local(case)


def test_lists_of_strangers_are_empty(local: Run) -> None:
    async def case(client: Client) -> None:
        eve, _ = await world(client)
        for path in (
            "appointments",
            "conversations",
            "notifications",
            "reviews",
            "blocks",
            "reports",
            "feeds",
            "uploads",
        ):
            text = (await eve.get(f"/api/{path}")).text
            assert not [word for word in ("ada", "mira", "Ada", "Mira") if word in text], (path, text)

    local(case)


MEMBERS = [endpoint for endpoint in app.endpoints if endpoint.access is ADMIN]


@pytest.mark.parametrize("endpoint", MEMBERS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_administration_is_not_for_members(local: Run, endpoint: Any) -> None:
    async def case(client: Client) -> None:
        ada = await as_member(client, "ada")
        path = endpoint.path.replace("{", "").replace("}", "")
        assert (await ada.request(endpoint.method, path)).status == 403

    local(case)


def test_administrator_cannot_book_or_write(local: Run) -> None:
    async def case(client: Client) -> None:
        await world(client)
        admin = as_admin(client)
        body = {"practitioner_id": "mira", "service_id": "mira-reiki", "starts_at": zulu(day_after_tomorrow(15))}
        assert (await admin.post("/api/appointments", body)).status == 403
        assert (await admin.post("/api/messages", {"practitioner_id": "mira", "body": "x"})).status == 403
        assert (await admin.get("/api/appointments")).status == 403

    local(case)


def test_ticket_of_a_stream_ends_with_its_members_session(run: Run) -> None:
    async def case(client: Client) -> list[int]:
        member = await as_member(client, "ada")
        path = (await member.post("/ws/ticket")).json()["ws"]
        found = [(await client.anonymous().get(path)).status for _ in range(2)]
        assert (await member.request("DELETE", "/api/auth/sessions")).status < 300
        return [*found, (await client.anonymous().get(path)).status]

    assert run(case) == [426, 426, 401]
