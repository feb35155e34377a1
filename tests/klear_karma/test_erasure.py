"""After an erasure no row, file or event holds the user's name, address or id, but the search's copies of a minute."""

import asyncio
from typing import Any

from tests.klear_karma.conftest import Run, as_admin, as_member
from tests.klear_karma.people import PROFILE, verify
from tests.klear_karma.practices import HOUR, book, booked, day_after_tomorrow, ended, insertion, practice
from tests.klear_karma.test_uploads import send
from tests.patience import pauses
from tests.traces import traces

from edge.ports.events import Follow
from edge.testing import Client
from klear_karma.booking.news import person

NAME = "Zebulon Quagga"
ACCOUNT = {"email": "zebulon.quagga@example.org", "password": "correct horse battery", "name": NAME}
WORDS = "my secret words"
LINK = "INSERT INTO account_links VALUES ('a-hash', 'register', NULL, ?, ?, '2099-01-01 00:00:00')"


async def joined(client: Client) -> tuple[Client, str]:
    """Return the client of a healer with a password and a verified profile, and its id."""
    tokens = (await client.post("/api/auth/register", ACCOUNT | {"user_type": "healer"})).json()
    zeb = client.anonymous()
    zeb.headers = [("authorization", f"Bearer {tokens['access_token']}")]
    assert (await zeb.request("PUT", "/api/practitioners/me", json=PROFILE | {"name": NAME})).status == 200
    user_id: str = tokens["user_id"]
    assert (await verify(client, user_id)).status == 200
    changed = PROFILE | {"name": f"{NAME} II", "bio": "since 1990"}
    assert (await zeb.request("PUT", "/api/practitioners/me", json=changed)).status == 200
    return zeb, user_id


async def deals_as_customer(client: Client, zeb: Client, user_id: str) -> None:
    """Book, write, review and report as the user, and get reported."""
    db: Any = client.ports.settings.db
    mira = await practice(client)
    start = day_after_tomorrow()
    over = await booked(zeb, start, note=WORDS, key=f"key-of-{user_id}")
    await booked(zeb, start + HOUR)
    await ended(client, over["id"])
    await db.run("UPDATE appointments SET state = 'completed' WHERE id = ?", over["id"])
    review = await zeb.post("/api/reviews", {"appointment_id": over["id"], "rating": 5})
    message = await zeb.post("/api/messages", {"practitioner_id": "mira", "body": WORDS})
    talk = message.json()["conversation_id"]
    answers = [
        review,
        message,
        await mira.post("/api/messages", {"conversation_id": talk, "body": f"Dear {NAME}"}),
        await zeb.post("/api/reports", {"target_kind": "practitioner", "target_id": "mira", "reason": "late"}),
        await mira.post("/api/reports", {"target_kind": "user", "target_id": user_id, "reason": "rude"}),
        await zeb.post("/ws/ticket"),
        await zeb.post("/api/feeds", {"side": "customer"}),
        await send(zeb),
    ]
    assert [answer.status for answer in answers] == [201] * len(answers)
    blocked = await mira.request("PUT", f"/api/blocks/{user_id}")
    assert blocked.status == 204


async def deals_as_practitioner(client: Client, user_id: str) -> None:
    """Get booked and written to, and have the administrator decide about a report of the user."""
    db: Any = client.ports.settings.db
    ada = await as_member(client, "ada")
    service = {"id": f"{user_id}-reiki", "practitioner_id": user_id, "name": "Reiki", "minutes": 60, "price": 1}
    service |= {"increment_minutes": 60, "currency": "EUR", "created_at": "2026-01-01", "updated_at": "2026-01-01"}
    hours = {"id": "h", "practitioner_id": user_id, "weekday": 0, "starts_minute": 0, "ends_minute": 1440}
    rows = [insertion("services", service)]
    rows += [insertion("working_hours", hours | {"id": f"h{day}", "weekday": day}) for day in range(7)]
    await db.batch(rows)
    assert (await book(ada, day_after_tomorrow(), user_id)).status == 201
    report = {"target_kind": "practitioner", "target_id": user_id, "reason": "late"}
    reported = await ada.post("/api/reports", report)
    decision = {"decision": "dismissed", "reason": f"{user_id} is fine"}
    decided = await as_admin(client).post(f"/api/admin/reports/{reported.json()['id']}/decision", decision)
    assert decided.status == 200


def test_erased_user_leaves_no_trace(local: Run) -> None:
    async def case(client: Client) -> list[str]:
        zeb, user_id = await joined(client)
        await deals_as_customer(client, zeb, user_id)
        await deals_as_practitioner(client, user_id)
        settings: Any = client.ports.settings
        await settings.db.run(LINK, ACCOUNT["email"].upper(), '{"name": "Zebulon Quagga"}')
        audited = await settings.db.all("SELECT action FROM admin_audit ORDER BY id")
        await asyncio.sleep(0.2)  # the events are published after the responses
        assert (await settings.events.read(Follow(person(user_id), 0))).events
        deleted = await zeb.request("DELETE", "/api/auth/me", json={"password": ACCOUNT["password"]})
        assert deleted.status == 204
        async for _ in pauses():
            if not (await settings.events.read(Follow(person(user_id), 0))).events:
                break
        assert (await settings.events.read(Follow(person("mira"), 0))).events, "others' events stay"
        assert await settings.db.all("SELECT action FROM admin_audit ORDER BY id") == audited
        for job in ("remove_pictures_of_deleted_users", "merge_search_index"):
            assert (await as_admin(client).post(f"/jobs/{job}")).status == 200
        return [user_id, "quagga", WORDS]

    words = local(case)
    assert traces(local.state, words) == []
