"""The complete flow: register, search, list slots, book, confirm, write, complete, review; on both runtimes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.klear_karma.conftest import Run, as_admin
from tests.klear_karma.practices import JSON, booked, change, day_after_tomorrow, ended, practice

from edge.testing import Client

pytestmark = pytest.mark.slow

PASSWORD = "correct horse battery staple"
SETTLE = "*/5 * * * *"


async def registered(client: Client, name: str, user_type: str = "customer") -> Client:
    """Register through the API; return a client with the tokens of the answer."""
    body = {"email": f"{name}@example.org", "password": PASSWORD, "name": name.title(), "user_type": user_type}
    answer = await client.anonymous().post("/api/auth/register", body)
    assert answer.status == 201, answer.text
    person = client.anonymous()
    person.headers = [("authorization", f"Bearer {answer.json()['access_token']}")]
    myself = (await person.get("/api/auth/me")).json()
    assert (myself["name"], myself["user_type"]) == (name.title(), user_type)
    return person


async def opened(client: Client, mira: Client) -> dict[str, Any]:
    """Create a healer's profile, hours and service, and verify the profile; return the service."""
    profile = {
        "name": "Mira Łukasz",
        "specializations": ["Reiki"],
        "place": {"lat": 52.512345, "lng": 13.412345},
        "time_zone": "Europe/Berlin",
    }
    written = await mira.request("PUT", "/api/practitioners/me", json=profile)
    assert written.status == 200, written.text
    hours = [{"weekday": day, "opens": "09:00", "closes": "17:00"} for day in range(7)]
    assert (await mira.request("PUT", "/api/practitioners/me/hours", json={"hours": hours})).status == 200
    service = {"name": "Reiki", "minutes": 60, "increment_minutes": 60, "price": 7500}
    answer = await mira.post("/api/practitioners/me/services", service)
    path = f"/api/admin/practitioners/{written.json()['id']}/verification"
    assert (await as_admin(client).request("PUT", path, json={"state": "verified"})).status == 200
    return dict(answer.json())


def test_from_registration_to_review(run: Run) -> None:
    async def case(client: Client) -> None:
        mira, ada = await registered(client, "mira", "healer"), await registered(client, "ada")
        service = await opened(client, mira)
        search = "/api/practitioners/search?lat=52.5&lng=13.4&radius=25&q=lukasz"
        (practitioner,) = (await client.get(search)).json()["practitioners"]
        first = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
        days = f"from={first}&to={first}&zone=America/New_York&service_id={service['id']}"
        slots = (await client.get(f"/api/practitioners/{practitioner['id']}/availability?{days}")).json()["slots"]
        order = {"practitioner_id": practitioner["id"], "service_id": service["id"], "starts_at": slots[0]["starts_at"]}
        booking = (await ada.post("/api/appointments", order)).json()
        assert (booking["state"], booking["price"], booking["currency"]) == ("requested", 7500, "EUR")
        left = (await client.get(f"/api/practitioners/{practitioner['id']}/availability?{days}")).json()["slots"]
        assert slots[0] not in left, "what is booked is not offered"
        assert (await change(mira, booking, "confirm")).json()["state"] == "confirmed"
        sent = await ada.post("/api/messages", {"practitioner_id": practitioner["id"], "body": "See you then"})
        talk = (await mira.get(f"/api/conversations/{sent.json()['conversation_id']}")).json()
        assert [(message["body"], message["is_mine"]) for message in talk["messages"]] == [("See you then", False)]
        await ended(client, booking["id"])
        await client.scheduled(SETTLE)
        review = {"appointment_id": booking["id"], "rating": 5, "body": "Very good"}
        assert (await ada.post("/api/reviews", review)).status == 201
        profile = (await client.get(f"/api/practitioners/{practitioner['id']}")).json()
        assert (profile["rating"], profile["rating_count"]) == (5.0, 1)

    run(case)


def test_deleted_account_frees_its_slots_and_leaves_no_name(run: Run) -> None:
    async def case(client: Client) -> None:
        mira, ada = await registered(client, "mira", "healer"), await registered(client, "ada")
        service = await opened(client, mira)
        id_ = (await mira.get("/api/auth/me")).json()["id"]
        first = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
        path = f"/api/practitioners/{id_}/availability?from={first}&to={first}&service_id={service['id']}"
        slots = (await client.get(path)).json()["slots"]
        order = {"practitioner_id": id_, "service_id": service["id"], "starts_at": slots[0]["starts_at"]}
        booking = (await ada.post("/api/appointments", order | {"note": "my back"})).json()
        gone = await ada.request("DELETE", "/api/auth/me", json={"password": PASSWORD}, headers=JSON[:0])
        assert gone.status == 204, gone.text
        assert (await client.get(path)).json()["slots"] == slots
        kinds = [
            notification["kind"] for notification in (await mira.get("/api/notifications")).json()["notifications"]
        ]
        assert sorted(kinds) == ["appointment.cancelled", "appointment.requested"]
        (left,) = (await mira.get("/api/appointments")).json()["appointments"]
        assert (left["id"], left["state"], left["cancelled_by"]) == (booking["id"], "cancelled", "customer")
        assert (left["customer"], left["note"]) == ({"id": None, "name": "deleted user"}, "")
        assert "Ada" not in (await mira.get("/api/notifications")).text
        db: Any = client.ports.settings.db
        assert await db.all("SELECT * FROM reminders") == []
        assert (await mira.request("DELETE", "/api/auth/me", json={"password": PASSWORD})).status == 204
        assert (await client.get(f"/api/practitioners/{id_}")).status == 404

    run(case)


def test_deletion_leaves_appointments_that_have_begun(local: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada = await registered(client, "ada")
        begun, coming = await booked(ada, day_after_tomorrow()), await booked(ada, day_after_tomorrow(15))
        await ended(client, begun["id"], hours_ago=0)
        assert (await ada.request("DELETE", "/api/auth/me", json={"password": PASSWORD})).status == 204
        await client.scheduled(SETTLE)
        listed = (await mira.get("/api/appointments")).json()["appointments"]
        states = {appointment["id"]: appointment["state"] for appointment in listed}
        assert states == {begun["id"]: "completed", coming["id"]: "cancelled"}
        assert {appointment["customer"]["name"] for appointment in listed} == {"deleted user"}

    local(case)
