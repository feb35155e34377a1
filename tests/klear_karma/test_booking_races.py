"""Races: one of many simultaneous requests gets a slot, and the others leave no rows; on both runtimes."""

import asyncio
from collections import Counter
from typing import Any

import pytest
from tests.klear_karma.conftest import Run, as_members
from tests.klear_karma.practices import HOUR, book, booked, count, day_after_tomorrow, patch, practice, zulu

from edge.instants import to_epoch
from edge.testing import Client

ASKERS = 200
LEFT = {
    "appointments": "SELECT count(*) FROM appointments",
    "notifications": "SELECT count(*) FROM notifications",
    "reminders": "SELECT count(*) FROM reminders",
    "counter": "SELECT booking_count FROM practitioners WHERE id = 'mira'",
}
OVERLAPS = (
    "SELECT count(*) FROM appointments AS a JOIN appointments AS b ON a.id < b.id "
    "AND a.practitioner_id = b.practitioner_id AND a.blocked_from < b.blocked_until "
    "AND b.blocked_from < a.blocked_until WHERE a.state IN ('requested', 'confirmed', 'rescheduled') "
    "AND b.state IN ('requested', 'confirmed', 'rescheduled')"
)


async def left(client: Client) -> dict[str, int]:
    return {name: await count(client, sql) for name, sql in LEFT.items()}


def test_one_of_200_simultaneous_requests_gets_the_slot(run: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        askers = await as_members(client, [f"asker{n}" for n in range(ASKERS)])
        start = day_after_tomorrow()
        answers = await asyncio.gather(*(book(asker, start) for asker in askers))
        assert Counter(answer.status for answer in answers) == {201: 1, 409: ASKERS - 1}
        refused = {answer.json()["type"] for answer in answers if answer.status == 409}
        assert refused == {"urn:problem:slot-taken"}
        assert await left(client) == {"appointments": 1, "notifications": 1, "reminders": 2, "counter": 1}

    run(case)


def test_one_of_many_simultaneous_moves_gets_the_slot(run: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        movers = await as_members(client, [f"mover{n}" for n in range(24)])
        first = day_after_tomorrow(0)
        bookings = [await booked(mover, first + n * HOUR) for n, mover in enumerate(movers)]
        before = await left(client)
        target = {"action": "reschedule", "starts_at": zulu(first + 60 * HOUR)}
        answers = await asyncio.gather(
            *(
                patch(mover, f"/api/appointments/{booking['id']}", target)
                for mover, booking in zip(movers, bookings, strict=True)
            )
        )
        assert Counter(answer.status for answer in answers) == {200: 1, 409: len(movers) - 1}
        after = await left(client)
        assert after == before | {"notifications": before["notifications"] + 1}
        assert await count(client, OVERLAPS) == 0
        moved = next(answer.json() for answer in answers if answer.status == 200)
        assert (moved["state"], moved["sequence"], moved["moved_by"]) == ("rescheduled", 1, "customer")
        late = (await as_members(client, ["late"]))[0]
        old = next(booking for booking in bookings if booking["id"] == moved["id"])
        again = await late.post(
            "/api/appointments",
            {"practitioner_id": "mira", "service_id": "mira-reiki", "starts_at": old["starts_at"]},
        )
        assert again.status == 201, "the old slot is free at once"

    run(case)


def test_of_simultaneous_requests_within_a_buffer_one_gets_its_slot(run: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        db: Any = client.ports.settings.db
        await db.run("UPDATE services SET buffer_after_minutes = 30")
        askers = await as_members(client, [f"b{number}" for number in range(20)])
        starts = [day_after_tomorrow(11 - number % 2) for number in range(20)]
        answers = await asyncio.gather(*(book(asker, start) for asker, start in zip(askers, starts, strict=True)))
        assert Counter(answer.status for answer in answers) == {201: 1, 409: 19}
        [row] = await db.all("SELECT blocked_from, blocked_until, starts_at, ends_at FROM appointments")
        assert row["blocked_until"] - row["blocked_from"] == 90 * 60
        assert row["blocked_from"] == to_epoch(row["starts_at"])
        first = next(index for index, answer in enumerate(answers) if answer.status == 201)
        free = day_after_tomorrow(13 if starts[first] == day_after_tomorrow(11) else 12)
        assert (await book(askers[0], free)).status == 201
        await db.run("DELETE FROM appointments")
        far = [await booked(asker, day_after_tomorrow(24 + 2 * n)) for n, asker in enumerate(askers)]
        moves = [
            patch(asker, f"/api/appointments/{booking['id']}", {"action": "reschedule", "starts_at": zulu(start)})
            for asker, booking, start in zip(askers, far, starts, strict=True)
        ]
        assert Counter(answer.status for answer in await asyncio.gather(*moves)) == {200: 1, 409: 19}

    run(case)


def test_one_booking_is_moved_once_by_two_sides_at_once(run: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        (ada,) = await as_members(client, ["ada"])
        start = day_after_tomorrow()
        booking = await booked(ada, start)
        path = f"/api/appointments/{booking['id']}"
        move = {"action": "reschedule", "starts_at": zulu(start + 5 * HOUR)}
        answers = await asyncio.gather(patch(ada, path, {"action": "cancel"}), patch(mira, path, move))
        row = (await ada.get(path)).json()
        assert row["state"] == "cancelled" or {answer.status for answer in answers} == {200}
        assert row["sequence"] == sum(answer.status == 200 for answer in answers)

    run(case)


def test_same_key_at_once_is_one_booking(run: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        (ada,) = await as_members(client, ["ada"])
        start = day_after_tomorrow()
        answers = await asyncio.gather(*(book(ada, start, key="one-and-the-same") for _ in range(20)))
        assert Counter(answer.status for answer in answers) == {201: 1, 200: 19}
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert (await left(client))["notifications"] == 1
        other = await book(ada, start + HOUR, key="one-and-the-same")
        assert (other.status, other.json()["type"]) == (422, "urn:problem:key-reused")

    run(case)


def test_service_that_is_removed_while_it_is_booked_is_not_booked_afterwards(run: Run) -> None:
    async def case(client: Client) -> None:
        await practice(client)
        askers = await as_members(client, [f"asker{n}" for n in range(12)])
        start = day_after_tomorrow()
        db = client.ports.settings.db
        off = "UPDATE services SET is_active = 0 WHERE id = 'mira-reiki'"
        answers = await asyncio.gather(
            *(book(asker, start + n * HOUR) for n, asker in enumerate(askers[:6])),
            db.run(off),
            *(book(asker, start + (6 + n) * HOUR) for n, asker in enumerate(askers[6:])),
        )
        statuses = {answer.status for answer in answers if hasattr(answer, "status")}
        assert statuses <= {201, 404}
        assert (await book(askers[0], start + 20 * HOUR)).status == 404

    run(case)


@pytest.mark.soak
def test_random_bookings_moves_and_cancellations_never_overlap(run: Run) -> None:
    import random  # noqa: PLC0415

    async def case(client: Client) -> None:
        await practice(client, cancellation_hours=0)
        members = await as_members(client, [f"m{n}" for n in range(20)])
        chance = random.Random(7)
        first = day_after_tomorrow(0)

        async def live(member: Client) -> None:
            mine: list[str] = []
            for _ in range(40):
                start = first + chance.randrange(48) * HOUR
                if mine and chance.random() < 0.5:
                    change = {"action": "reschedule", "starts_at": zulu(start)}
                    change = change if chance.random() < 0.6 else {"action": "cancel"}
                    await patch(member, f"/api/appointments/{chance.choice(mine)}", change)
                    continue
                answer = await book(member, start)
                assert answer.status in {201, 409}, answer.text
                mine += [answer.json()["id"]] if answer.status == 201 else []

        await asyncio.gather(*(live(member) for member in members))
        assert await count(client, OVERLAPS) == 0

    run(case)
