"""Limits of a person hold exactly, also for requests that are made at once."""

import asyncio
from collections import Counter
from typing import Any

from tests.klear_karma.conftest import Run, as_member
from tests.klear_karma.practices import HOUR, book, change, count, day_after_tomorrow, practice
from tests.klear_karma.test_uploads import send

from edge.testing import Answer, Client
from klear_karma.booking.statements import MOST_REQUESTED
from klear_karma.practitioners.offers import MOST_SERVICES
from klear_karma.practitioners.time_off import MOST_TIMES_OFF
from klear_karma.tables import MOST_BLOCKS, MOST_LINKS, MOST_UPLOADS

NUMBERS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
NOW = "'2027-01-01 00:00:00'"


def outcomes(answers: list[Answer]) -> Counter[str]:
    """Count answers by their problem, or by their status."""
    return Counter(
        answer.json()["type"].removeprefix("urn:problem:") if answer.status >= 400 else str(answer.status)
        for answer in answers
    )


def test_customer_has_twenty_open_requests_and_no_more(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client, needs_confirmation=1)
        ada = await as_member(client, "ada")
        start = day_after_tomorrow(0)
        requests = [book(ada, start + hour * HOUR) for hour in range(MOST_REQUESTED + 4)]
        answers = await asyncio.gather(*requests)
        assert outcomes(answers) == {"201": MOST_REQUESTED, "too-many-requested": 4}
        assert await count(client, "SELECT booking_count FROM practitioners WHERE id = 'mira'") == MOST_REQUESTED
        booking = next(answer.json() for answer in answers if answer.status == 201)
        assert (await change(mira, booking, "confirm")).status == 200
        again = [await book(ada, start + hour * HOUR) for hour in (24, 25)]
        assert outcomes(again) == {"201": 1, "too-many-requested": 1}, "a confirmed booking is no request"
        await practice(client, "zoe")
        assert (await book(ada, start + 40 * HOUR, "zoe")).status == 201, "what needs no confirmation is no request"

    run(case)


def test_user_has_ten_calendar_links_and_no_more(run: Run) -> None:
    async def case(client: Client) -> None:
        ada = await as_member(client, "ada")
        answers = await asyncio.gather(*(ada.post("/api/feeds", {"side": "customer"}) for _ in range(MOST_LINKS + 2)))
        assert outcomes(answers) == {"201": MOST_LINKS, "too-many-links": 2}
        link = (await ada.get("/api/feeds")).json()[0]
        assert (await ada.request("DELETE", f"/api/feeds/{link['id']}")).status == 204
        assert (await ada.post("/api/feeds", {"side": "customer"})).status == 201

    run(case)


def test_user_has_a_hundred_pictures_and_no_more(local: Run) -> None:
    async def case(client: Client) -> None:
        ada = await as_member(client, "ada")
        db: Any = client.ports.settings.db
        sql = f"{NUMBERS} INSERT INTO uploads SELECT 'u' || i, 'ada', 'image/png', 1, 1, 1, 0, {NOW} FROM n"
        await db.run(sql, MOST_UPLOADS - 2)
        answers = await asyncio.gather(*(send(ada) for _ in range(4)))
        assert outcomes(answers) == {"201": 2, "too-many-uploads": 2}

    local(case)


def test_user_blocks_a_thousand_others_and_no_more(local: Run) -> None:
    async def case(client: Client) -> None:
        ada = await as_member(client, "ada")
        names = [f"healer{n}" for n in range(4)]
        for name in names:
            await practice(client, name)
        db: Any = client.ports.settings.db
        users = "INSERT INTO users (id, email, email_key, created_at, updated_at)"
        await db.run(f"{NUMBERS} {users} SELECT 'u' || i, i, i, {NOW}, {NOW} FROM n", MOST_BLOCKS - 2)
        await db.run(f"{NUMBERS} INSERT INTO blocks SELECT 'ada', 'u' || i, {NOW} FROM n", MOST_BLOCKS - 2)
        answers = await asyncio.gather(*(ada.request("PUT", f"/api/blocks/{name}") for name in names))
        assert outcomes(answers) == {"204": 2, "too-many-blocks": 2}

    local(case)


def test_practitioner_has_five_hundred_times_off_and_no_more(local: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        db: Any = client.ports.settings.db
        names = "INSERT INTO time_off (id, practitioner_id, starts_at, ends_at, created_at)"
        off = f"{names} SELECT 't' || i, 'mira', {NOW}, '2027-01-02 00:00:00', {NOW} FROM n"
        await db.run(f"{NUMBERS} {off}", MOST_TIMES_OFF - 1)
        body = {"first_day": "2027-05-01", "last_day": "2027-05-02"}
        answers = await asyncio.gather(*(mira.post("/api/practitioners/me/time-off", body) for _ in range(3)))
        assert outcomes(answers) == {"201": 1, "too-many-times-off": 2}

    local(case)


def test_practitioner_has_fifty_services_and_no_more(local: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        db: Any = client.ports.settings.db
        names = "INSERT INTO services (id, practitioner_id, name, minutes, price, currency, created_at, updated_at)"
        await db.run(
            f"{NUMBERS} {names} SELECT 's' || i, 'mira', i, 60, 1, 'EUR', {NOW}, {NOW} FROM n", MOST_SERVICES - 2
        )
        body = {"name": "One more", "minutes": 60, "price": 1}
        answers = await asyncio.gather(*(mira.post("/api/practitioners/me/services", body) for _ in range(3)))
        assert outcomes(answers) == {"201": 1, "too-many-services": 2}

    local(case)
