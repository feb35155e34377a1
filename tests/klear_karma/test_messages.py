"""Messages: one before a booking, only two sides, unread counts, edit marks, live events after the batch."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from tests.klear_karma.conftest import Run, as_admin, as_member, as_members
from tests.klear_karma.practices import booked, change, count, day_after_tomorrow, insertion, patch, practice, zulu

from edge.ports.events import Follow
from edge.testing import Answer, Client
from klear_karma.booking.news import person

HELLO = {"practitioner_id": "mira", "body": "Hello, do you have time in March? \U0001f49b"}


async def send(client: Client, body: str = "Hi", **more: Any) -> Answer:
    return await client.post("/api/messages", {"body": body} | (more or {"practitioner_id": "mira"}))


async def inbox(client: Client) -> Any:
    return (await client.get("/api/conversations")).json()


def test_one_message_before_a_booking_and_any_number_after(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        answers = await asyncio.gather(*(ada.post("/api/messages", HELLO) for _ in range(8)))
        assert Counter(answer.status for answer in answers) == {201: 1, 409: 7}
        assert {answer.json()["type"] for answer in answers if answer.status == 409} == {"urn:problem:request-used"}
        assert await count(client, "SELECT count(*) FROM notifications") == 1
        (talk,) = (await inbox(mira))["conversations"]
        assert (talk["other"], talk["unread"], talk["side"]) == ({"id": "ada", "name": "Ada"}, 1, "practitioner")
        assert (await send(mira, "Yes", conversation_id=talk["id"])).status == 201
        assert (await send(ada, "And?")).status == 409
        booking = await booked(ada, day_after_tomorrow())
        assert [(await send(ada, text)).status for text in ("Good", "See you")] == [201, 201]
        assert (await change(mira, booking, "cancel")).status == 200
        assert (await send(ada, "A pity")).status == 201

    run(case)


def test_practitioner_begins_no_conversation_and_eve_sees_none(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        eve = await as_member(client, "eve")
        sent = (await ada.post("/api/messages", HELLO)).json()
        talk = f"/api/conversations/{sent['conversation_id']}"
        assert (await send(mira, practitioner_id="ada")).status == 404
        assert (await send(ada, practitioner_id="nobody")).status == 404
        assert (await send(mira)).status == 404
        assert (await send(ada, conversation_id=sent["conversation_id"], practitioner_id="zoe")).status == 404
        assert [(await eve.get(talk)).status, (await eve.post(f"{talk}/read", {"number": 1})).status] == [404, 404]
        assert (await send(eve, conversation_id=sent["conversation_id"])).status == 404
        path = f"/api/messages/{sent['id']}"
        assert (await patch(eve, path, {"body": "x"})).status == 404
        assert (await eve.request("DELETE", path)).status == 404
        assert (await patch(mira, path, {"body": "x"})).status == 409, "it is the other side's"
        assert await inbox(eve) == {"conversations": [], "unread": 0, "next": None}
        assert (await as_admin(client).get(talk)).status == 403

    run(case)


def test_unread_counts_and_marks(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        await booked(ada, day_after_tomorrow())
        sent = [(await send(ada, f"message {n}")).json() for n in range(5)]
        talk = f"/api/conversations/{sent[0]['conversation_id']}"
        assert ((await inbox(mira))["unread"], (await inbox(ada))["unread"]) == (5, 0)
        assert (await mira.post(f"{talk}/read", {"number": 3})).json()["unread"] == 2
        assert (await mira.post(f"{talk}/read", {"number": 1})).json()["unread"] == 2, "what was read stays so"
        edited = (await patch(ada, f"/api/messages/{sent[4]['id']}", {"body": "better"})).json()
        assert (edited["body"], edited["edited_at"] is None) == ("better", False)
        gone = await ada.request("DELETE", f"/api/messages/{sent[3]['id']}")
        assert (gone.json()["body"], gone.json()["deleted_at"] is None) == ("", False)
        assert (await patch(ada, f"/api/messages/{sent[3]['id']}", {"body": "back"})).status == 409
        assert (await inbox(mira))["unread"] == 1
        numbers = []
        path = f"{talk}?limit=2"
        while path:
            page = (await mira.get(path)).json()
            numbers += [(message["number"], message["is_mine"]) for message in page["messages"]]
            path = f"{talk}?limit=2&after={page['next']}" if page["next"] else ""
        assert numbers == [(number, False) for number in (5, 4, 3, 2, 1)]
        assert (await mira.post(f"{talk}/read", {"number": 10**12})).json()["unread"] == 0

    run(case)


def test_live_events_reach_only_both_sides_after_the_batch(local: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        ada = await as_member(client, "ada")
        sent = (await ada.post("/api/messages", HELLO)).json()
        assert (await ada.post("/api/messages", HELLO)).status == 409
        await asyncio.sleep(0.2)
        events: Any = client.ports.settings.events

        async def heard(user_id: str) -> list[Any]:
            page = await events.read(Follow(person(user_id), 0, ("message.*",)))
            return [event.type for event in page.events if sent["id"] in event.json]

        assert [await heard(name) for name in ("ada", "mira", "eve")] == [["message.sent"], ["message.sent"], []]
        listened = await events.read(Follow(person("ada"), 0, ("message.*",)))
        assert len(listened.events) == 1, "the refused one was told to nobody"

    local(case)


@pytest.mark.parametrize("blocker", ["mira", "ada"])
def test_block_ends_messages_and_bookings(run: Run, blocker: str) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        await booked(ada, day_after_tomorrow())
        sent = (await send(ada)).json()
        talk = sent["conversation_id"]
        other = "ada" if blocker == "mira" else "mira"
        row = {"user_id": blocker, "blocked_id": other, "created_at": "2027-01-01 00:00:00"}
        db: Any = client.ports.settings.db
        await db.batch([insertion("blocks", row)])
        edited = await patch(ada, f"/api/messages/{sent['id']}", {"body": "unwelcome"})
        for answer in (await send(ada), await send(mira, conversation_id=talk), edited):
            assert (answer.status, answer.json()["type"]) == (409, "urn:problem:not-welcome")
        start = day_after_tomorrow(15)
        body = {"practitioner_id": "mira", "service_id": "mira-reiki", "starts_at": zulu(start)}
        assert (await ada.post("/api/appointments", body)).json()["type"] == "urn:problem:not-welcome"
        assert (await ada.request("DELETE", f"/api/messages/{sent['id']}")).status == 200

    run(case)


@pytest.mark.parametrize("body", ["", "   ", "a\x00b", "x" * 4001, None, 5, ["a"]])
def test_blank_text_is_refused(local: Run, body: Any) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        ada = await as_member(client, "ada")
        assert (await ada.post("/api/messages", {"practitioner_id": "mira", "body": body})).status == 422

    local(case)


async def pages(client: Client, path: str, name: str) -> list[list[str]]:
    """Return the ids of each page of two rows of a list."""
    found: list[list[str]] = []
    after = ""
    while True:
        page = (await client.get(f"{path}?limit=2{after}")).json()
        found.append([row["id"] for row in page[name]])
        if page["next"] is None:
            return found
        after = f"&after={page['next']}"


def test_lists_have_pages_that_repeat_nothing(local: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        for asker in await as_members(client, [f"m{number}" for number in range(5)]):
            assert (await asker.post("/api/messages", {"practitioner_id": "mira", "body": "Hi"})).status == 201
            assert (await asker.get("/api/notifications")).json()["notifications"] == []
        for path, name in (("/api/conversations", "conversations"), ("/api/notifications", "notifications")):
            listed = await pages(mira, path, name)
            assert [len(page) for page in listed] == [2, 2, 1], path
            assert len({row for page in listed for row in page}) == 5, path
        notifications = (await mira.get("/api/notifications")).json()["notifications"]
        assert {row["kind"] for row in notifications} == {"message.received"}
        first = notifications[0]["id"]
        assert (await mira.post("/api/notifications/read", {"ids": [first]})).json() == {"unread": 4}
        unread = (await mira.get("/api/notifications?unread=true")).json()
        assert first not in {row["id"] for row in unread["notifications"]}
        assert (len(unread["notifications"]), unread["unread"]) == (4, 4)

    local(case)
