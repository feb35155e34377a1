"""Reviews: only of completed appointments, once; correct ratings after any history; reports and blocks."""

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.klear_karma.conftest import Run, as_admin, as_member, as_members
from tests.klear_karma.practices import booked, change, count, day_after_tomorrow, ended, practice

from edge.instants import to_text
from edge.testing import Answer, Client

pytestmark = pytest.mark.slow

SETTLE = "*/5 * * * *"


async def completed(client: Client, customer: Client, hour: int = 10) -> dict[str, Any]:
    """Return an appointment that has taken place."""
    appointment = await booked(customer, day_after_tomorrow(hour))
    await ended(client, appointment["id"], hours_ago=2 + 2 * hour)
    await client.scheduled(SETTLE)
    return appointment


async def review(client: Client, appointment: dict[str, Any], rating: int = 5, body: str = "Good") -> Answer:
    return await client.post("/api/reviews", {"appointment_id": appointment["id"], "rating": rating, "body": body})


async def rated(client: Client) -> tuple[int, int]:
    return (
        await count(client, "SELECT rating_count FROM practitioners WHERE id = 'mira'"),
        await count(client, "SELECT rating_sum FROM practitioners WHERE id = 'mira'"),
    )


def test_completed_appointment_is_reviewed_once_and_replied_to(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        eve = await as_member(client, "eve")
        appointment = await booked(ada, day_after_tomorrow())
        assert (await review(ada, appointment)).status == 409, "it has not taken place"
        await ended(client, appointment["id"])
        await client.scheduled(SETTLE)
        assert [(await review(other, appointment)).status for other in (eve, mira)] == [404, 404]
        answers = await asyncio.gather(*(review(ada, appointment, 4) for _ in range(6)))
        assert Counter(answer.status for answer in answers) == {201: 1, 409: 5}
        assert await count(client, "SELECT count(*) FROM notifications WHERE kind = 'review.written'") == 1
        written = next(answer.json() for answer in answers if answer.status == 201)
        path = f"/api/reviews/{written['id']}"
        assert (await rated(client)) == (1, 4)
        better = {"rating": 5, "body": "Better"}
        assert [(await member.request("PUT", path, json=better)).status for member in (ada, mira, eve)] == [
            200,
            404,
            404,
        ]
        reply = {"body": "Thank you"}
        replies = [(await member.request("PUT", f"{path}/reply", json=reply)).status for member in (ada, eve, mira)]
        assert replies == [404, 404, 200]
        (public,) = (await client.get("/api/practitioners/mira/reviews")).json()["reviews"]
        assert (public["rating"], public["reply"], public["author_name"]) == (5, "Thank you", "Ada")
        assert not {"author_id", "appointment_id"} & public.keys()
        db: Any = client.ports.settings.db
        week = datetime.now(UTC) - timedelta(days=7)
        for age, status in ((week + timedelta(minutes=5), 200), (week, 409)):
            await db.run("UPDATE reviews SET created_at = ?", to_text(age))
            answer = await ada.request("PUT", path, json=better)
            assert answer.status == status
        assert answer.json()["type"] == "urn:problem:review-fixed"
        assert (await change(mira, appointment, "no_show")).status == 200
        assert await rated(client) == (0, 0)
        assert (await client.get("/api/practitioners/mira/reviews")).json()["reviews"] == []
        assert (await review(ada, appointment)).status == 409

    run(case)


class History:
    """A random history of reviews, with a model of the expected ratings."""

    def __init__(self, client: Client, seed: int) -> None:
        self.client = client
        self.chance = random.Random(seed)
        self.ratings: dict[str, int] = {}
        self.appointments: list[tuple[Client, dict[str, Any]]] = []
        self.ids: dict[str, str] = {}

    async def step(self, mira: Client) -> None:
        """Perform a random action on a random appointment."""
        customer, appointment = self.chance.choice(self.appointments)
        act = self.chance.choice(["review", "review", "edit", "remove", "no_show", "cancel", "report", "reply"])
        rating = self.chance.randint(1, 5)
        await getattr(self, act)(customer, appointment["id"], rating, mira)

    async def review(self, customer: Client, id_: str, rating: int, _mira: Client) -> None:
        answer = await customer.post("/api/reviews", {"appointment_id": id_, "rating": rating})
        if answer.status == 201:
            self.ratings[id_] = rating
            self.ids[id_] = answer.json()["id"]

    async def edit(self, customer: Client, id_: str, rating: int, _mira: Client) -> None:
        answer = await customer.request("PUT", f"/api/reviews/{self.ids.get(id_, 'none')}", json={"rating": rating})
        if answer.status == 200 and id_ in self.ratings:
            self.ratings[id_] = rating

    async def remove(self, customer: Client, id_: str, _rating: int, _mira: Client) -> None:
        await customer.request("DELETE", f"/api/reviews/{self.ids.get(id_, 'none')}")
        self.ratings.pop(id_, None)

    async def no_show(self, _customer: Client, id_: str, _rating: int, mira: Client) -> None:
        if (await change(mira, {"id": id_}, "no_show")).status == 200:
            self.ratings.pop(id_, None)

    async def cancel(self, _customer: Client, id_: str, _rating: int, _mira: Client) -> None:
        path = f"/api/admin/appointments/{id_}/outcome"
        if (await as_admin(self.client).post(path, {"action": "cancel"})).status == 200:
            self.ratings.pop(id_, None)

    async def report(self, _customer: Client, id_: str, rating: int, mira: Client) -> None:
        new = {"target_kind": "review", "target_id": self.ids.get(id_, "none"), "reason": "rude"}
        answer = await mira.post("/api/reports", new)
        if answer.status == 201:
            decision = {"decision": "upheld" if rating < 4 else "dismissed"}
            path = f"/api/admin/reports/{answer.json()['id']}/decision"
            assert (await as_admin(self.client).post(path, decision)).status == 200
            if rating < 4:
                self.ratings.pop(id_, None)

    async def reply(self, _customer: Client, id_: str, _rating: int, mira: Client) -> None:
        await mira.request("PUT", f"/api/reviews/{self.ids.get(id_, 'none')}/reply", json={"body": "Thanks"})


async def histories(client: Client, seeds: range, steps: int) -> None:
    mira = await practice(client)
    customers = await as_members(client, [f"c{n}" for n in range(6)])
    for seed in seeds:
        history = History(client, seed)
        db: Any = client.ports.settings.db
        await db.run("DELETE FROM appointments")
        await db.run("UPDATE practitioners SET rating_count = 0, rating_sum = 0")
        for n, customer in enumerate(customers):
            appointment = await booked(customer, day_after_tomorrow(n))
            await ended(client, appointment["id"], hours_ago=2 + 2 * n)
            history.appointments.append((customer, appointment))
        await client.scheduled(SETTLE)
        for _ in range(steps):
            await history.step(mira)
            assert await rated(client) == (len(history.ratings), sum(history.ratings.values())), seed


def test_rating_is_right_after_every_step_of_random_histories(local: Run) -> None:
    local(lambda client: histories(client, range(12), 30))


def test_rating_is_right_on_both_databases(run: Run) -> None:
    run(lambda client: histories(client, range(100, 101), 20))


@pytest.mark.soak
def test_rating_is_right_after_long_random_histories(local: Run) -> None:
    local(lambda client: histories(client, range(1000, 1200), 80))


def test_reports_are_decided_once_and_audited(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        eve = await as_member(client, "eve")
        written = (await review(ada, await completed(client, ada), 1, "awful")).json()
        new = {"target_kind": "review", "target_id": written["id"], "reason": "not true"}
        sent = await mira.post("/api/reports", new)
        assert (sent.status, sent.json()["state"]) == (201, "open")
        assert (await mira.post("/api/reports", new)).status == 409
        assert (await mira.get("/api/admin/reports")).status == 403
        admin = as_admin(client)
        (queued,) = (await admin.get("/api/admin/reports")).json()
        assert (queued["text"], queued["reporter_id"]) == ("awful", "mira")
        path = f"/api/admin/reports/{queued['id']}/decision"
        answers = await asyncio.gather(*(admin.post(path, {"decision": "upheld"}) for _ in range(4)))
        assert Counter(answer.status for answer in answers) == {200: 1, 409: 3}
        assert await rated(client) == (0, 0)
        (noted,) = (await admin.get("/api/admin/audit")).json()
        assert (noted["action"], noted["target_id"]) == ("report.decided", written["id"])
        assert noted["details"]["decision"] == "upheld"
        assert (await eve.get("/api/reports")).json() == []
        assert (await mira.get("/api/reports")).json()[0]["state"] == "upheld"
        for kind, id_ in (("message", "x"), ("user", "ada"), ("review", "x"), ("practitioner", "ada")):
            unseen = {"target_kind": kind, "target_id": id_, "reason": "x"}
            assert (await eve.post("/api/reports", unseen)).status == 404, "not for eve to see"

    run(case)


def test_only_acquaintances_can_be_blocked(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada = await as_member(client, "ada")
        await as_member(client, "eve")
        booking = await booked(ada, day_after_tomorrow())
        assert (await mira.request("PUT", "/api/blocks/eve")).status == 404, "the id of a stranger is not there"
        assert (await mira.request("PUT", "/api/blocks/mira")).status == 404
        assert [(await mira.request("PUT", "/api/blocks/ada")).status for _ in range(2)] == [204, 204]
        assert [block["user_id"] for block in (await mira.get("/api/blocks")).json()] == ["ada"]
        assert (await ada.get("/api/blocks")).json() == []
        assert (await ada.get(f"/api/appointments/{booking['id']}")).json()["state"] == "confirmed"
        body = {"practitioner_id": "mira", "body": "Hello?"}
        assert (await ada.post("/api/messages", body)).json()["type"] == "urn:problem:not-welcome"
        assert (await ada.request("DELETE", "/api/blocks/mira")).status == 404
        assert (await mira.request("DELETE", "/api/blocks/ada")).status == 204
        assert (await ada.post("/api/messages", body)).status == 201

    run(case)


@pytest.mark.parametrize("rating", [0, 6, -1, 2.5, "5x", None, 10**15])
def test_rating_is_one_to_five(local: Run, rating: Any) -> None:
    async def case(client: Client) -> None:
        ada = await as_member(client, "ada")
        assert (await ada.post("/api/reviews", {"appointment_id": "x", "rating": rating})).status == 422

    local(case)


def test_pages_of_reviews_repeat_nothing(local: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        ada = await as_member(client, "ada")
        written = [(await review(ada, await completed(client, ada, hour))).json()["id"] for hour in range(5)]
        found: list[list[str]] = []
        after = ""
        while len(found) < 5:
            page = (await client.get(f"/api/practitioners/mira/reviews?limit=2{after}")).json()
            found.append([row["id"] for row in page["reviews"]])
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert [len(page) for page in found] == [2, 2, 1]
        assert sorted(row for page in found for row in page) == sorted(written)

    local(case)
