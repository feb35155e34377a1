"""A change between two database calls of a request is answered as if it had come before the request, or after it."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest
from tests.between import Change, World, each_moment, interrupted, kind_of
from tests.klear_karma.conftest import Run, as_admin, as_member
from tests.klear_karma.practices import HOUR, book, booked, count, day_after_tomorrow, ended, patch, practice, zulu

from edge import Statement
from edge.testing import Answer, Client
from klear_karma.accounts import erase

pytestmark = pytest.mark.slow

START = day_after_tomorrow()
LATER = {"action": "reschedule", "starts_at": zulu(START + 5 * HOUR)}

CHANGES = {
    "rejected": "UPDATE practitioners SET verification = 'rejected', calendar_version = calendar_version + 1 "
    "WHERE id = ?1",
    "unpublished": "UPDATE practitioners SET is_listed = 0, calendar_version = calendar_version + 1 WHERE id = ?1",
    "service removed": "DELETE FROM services WHERE practitioner_id = ?1",
    "service off": "UPDATE services SET is_active = 0 WHERE practitioner_id = ?1",
    "hours gone": "DELETE FROM working_hours WHERE practitioner_id = ?1",
    "blocked": "INSERT INTO blocks (user_id, blocked_id, created_at) VALUES (?1, ?2, '2026-01-01 00:00:00')",
    "cancelled": "UPDATE appointments SET state = 'cancelled', cancelled_by = 'admin', sequence = sequence + 1 "
    "WHERE customer_id = ?2",
    "review withdrawn": "UPDATE reviews SET state = 'withdrawn' WHERE author_id = ?2",
}


class Pair(NamedTuple):
    """A practitioner and a customer, with their clients."""

    healer: Client
    customer: Client
    practitioner_id: str
    customer_id: str


type Ask = Callable[[Client], Awaitable[Answer]]
type Case = Callable[[Pair], Awaitable[tuple[Client, Ask]]]


async def booking(pair: Pair) -> tuple[Client, Ask]:
    return pair.customer, lambda client: book(client, START, pair.practitioner_id)


async def booking_with_key(pair: Pair) -> tuple[Client, Ask]:
    return pair.customer, lambda client: book(client, START, pair.practitioner_id, key="a-key")


async def moving(pair: Pair) -> tuple[Client, Ask]:
    path = f"/api/appointments/{(await booked(pair.customer, START, pair.practitioner_id))['id']}"
    return pair.customer, lambda client: patch(client, path, LATER)


async def moving_by_practitioner(pair: Pair) -> tuple[Client, Ask]:
    return pair.healer, (await moving(pair))[1]


async def message(pair: Pair) -> tuple[Client, Ask]:
    body = {"practitioner_id": pair.practitioner_id, "body": "hello"}
    return pair.customer, lambda client: client.post("/api/messages", body)


async def sent(pair: Pair) -> str:
    answer = await pair.customer.post("/api/messages", {"practitioner_id": pair.practitioner_id, "body": "hello"})
    return f"/api/messages/{answer.json()['id']}"


async def edit_of_message(pair: Pair) -> tuple[Client, Ask]:
    path = await sent(pair)
    return pair.customer, lambda client: patch(client, path, {"body": "good-bye"})


async def deletion_of_message(pair: Pair) -> tuple[Client, Ask]:
    path = await sent(pair)
    return pair.customer, lambda client: client.request("DELETE", path)


async def block(pair: Pair) -> tuple[Client, Ask]:
    return pair.customer, lambda client: client.request("PUT", f"/api/blocks/{pair.practitioner_id}")


async def report(pair: Pair) -> tuple[Client, Ask]:
    body = {"target_kind": "practitioner", "target_id": pair.practitioner_id, "reason": "late"}
    return pair.customer, lambda client: client.post("/api/reports", body)


async def completed(pair: Pair) -> dict[str, Any]:
    appointment = await booked(pair.customer, START, pair.practitioner_id)
    await ended(pair.customer, appointment["id"])
    db: Any = pair.customer.ports.settings.db
    await db.run("UPDATE appointments SET state = 'completed' WHERE id = ?", appointment["id"])
    return {"appointment_id": appointment["id"], "rating": 5}


async def review(pair: Pair) -> tuple[Client, Ask]:
    body = await completed(pair)
    return pair.customer, lambda client: client.post("/api/reviews", body)


async def reviewed(pair: Pair) -> str:
    return str((await pair.customer.post("/api/reviews", await completed(pair))).json()["id"])


async def edit_of_review(pair: Pair) -> tuple[Client, Ask]:
    path = f"/api/reviews/{await reviewed(pair)}"
    return pair.customer, lambda client: client.request("PUT", path, json={"rating": 4})


async def reply(pair: Pair) -> tuple[Client, Ask]:
    path = f"/api/reviews/{await reviewed(pair)}/reply"
    return pair.healer, lambda client: client.request("PUT", path, json={"body": "thanks"})


async def decision(pair: Pair) -> tuple[Client, Ask]:
    report = {"target_kind": "review", "target_id": await reviewed(pair), "reason": "rude"}
    path = f"/api/admin/reports/{(await pair.healer.post('/api/reports', report)).json()['id']}/decision"
    return as_admin(pair.healer), lambda client: client.post(path, {"decision": "upheld"})


async def verification(pair: Pair) -> tuple[Client, Ask]:
    path = f"/api/admin/practitioners/{pair.practitioner_id}/verification"
    return as_admin(pair.healer), lambda client: client.request("PUT", path, json={"state": "rejected"})


CASES: dict[Case, list[str]] = {
    booking: ["rejected", "unpublished", "service removed", "service off", "hours gone", "blocked"],
    booking_with_key: ["unpublished", "service removed"],
    moving: ["rejected", "service removed", "hours gone", "cancelled"],
    moving_by_practitioner: ["cancelled"],
    message: ["blocked", "rejected"],
    edit_of_message: ["blocked"],
    deletion_of_message: [],
    block: [],
    report: [],
    review: ["cancelled"],
    edit_of_review: ["review withdrawn"],
    reply: ["review withdrawn"],
    decision: ["review withdrawn"],
    verification: [],
}
"""The changes that may meet a request, beside the deletion of either account."""
ENDS = {"practitioner deleted": "healer", "customer deleted": "customer"}


def change_of(name: str, pair: Pair) -> Change:
    """Return a change of a pair's rows."""
    db: Any = pair.customer.ports.settings.db

    async def change() -> None:
        if name in ENDS:
            user_id = pair.practitioner_id if ENDS[name] == "healer" else pair.customer_id
            await db.batch([*erase(user_id), Statement("DELETE FROM users WHERE id = ?", (user_id,))])
        else:
            sql = CHANGES[name]
            await db.run(sql, *(pair.practitioner_id, pair.customer_id)[: 2 if "?2" in sql else 1])

    return change


SELDOM = {booking_with_key, moving, moving_by_practitioner, message, reply, block}
"""Cases that `make soak` alone runs."""
PARAMETERS = [pytest.param(case, marks=[pytest.mark.soak] * (case in SELDOM), id=case.__name__) for case in CASES]


def world_of(client: Client, case: Case, change: str, mark: str = "") -> World:
    """Return what makes a new pair, the request of a case, and a change that meets it."""

    async def world(suffix: str) -> tuple[Ask, Change, Client]:
        healer_id, customer_id = f"h{mark}{suffix}", f"c{mark}{suffix}"
        healer = await practice(client, healer_id)
        pair = Pair(healer, await as_member(client, customer_id), healer_id, customer_id)
        sender, ask = await case(pair)
        return ask, change_of(change, pair), sender

    return world


@pytest.mark.parametrize("case", PARAMETERS)
def test_change_between_two_calls_of_database_is_no_fault_of_server(local: Run, case: Case) -> None:
    async def run(client: Client) -> None:
        for number, name in enumerate([*CASES[case], *ENDS]):
            moments = each_moment(world_of(client, case, name, f"{number}-"))
            answers = [(place, kind_of(answer)) async for place, _, answer in moments]
            (_, first), *between, (_, last) = answers
            assert last[0] < 300, "without a change it succeeds"
            for _, kind in between:
                is_refused = name in ENDS and 400 <= kind[0] < 500  # its rows, or its caller, are gone
                assert kind in {first, last} or is_refused, (name, answers)

    local(run)


@pytest.mark.parametrize("name", ["rejected", "unpublished", "practitioner deleted"])
def test_practitioner_who_goes_while_being_booked_is_answered_as_gone_and_nothing_is_written(
    local: Run, name: str
) -> None:
    async def case(client: Client) -> None:
        db: Any = client.ports.settings.db
        gone = (404, "urn:problem:practitioner-not-found")
        moments = each_moment(world_of(client, booking, name))
        answers = [(suffix, kind_of(answer)) async for _, suffix, answer in moments]
        refused = [suffix for suffix, kind in answers if kind == gone]
        assert len(refused) >= 4, "before the request, and before each call until the booking's own"
        assert {kind for _, kind in answers} == {gone, (201, "")}
        customers = ", ".join(f"'c{suffix}'" for suffix in refused)
        assert await db.all(f"SELECT * FROM appointments WHERE customer_id IN ({customers})") == []
        healers = ", ".join(f"'h{suffix}'" for suffix in refused)
        assert await count(client, f"SELECT sum(booking_count) FROM practitioners WHERE id IN ({healers})") == 0
        assert await count(client, f"SELECT count(*) FROM notifications WHERE user_id IN ({healers})") == 0

    local(case)


def test_slot_of_practitioner_who_comes_back_is_still_free(local: Run) -> None:
    async def case(client: Client) -> None:
        mira = await practice(client)
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        other, meanwhile = interrupted(ada, 4, change_of("unpublished", Pair(mira, ada, "mira", "ada")))
        answer = await book(other, START)
        assert (meanwhile.is_made, answer.status) == (True, 404)
        await client.ports.settings.db.run("UPDATE practitioners SET is_listed = 1")
        assert (await book(bob, START)).status == 201

    local(case)


def test_no_report_names_a_practitioner_who_was_deleted_meanwhile(local: Run) -> None:
    async def case(client: Client) -> None:
        moments = each_moment(world_of(client, report, "practitioner deleted"))
        kinds = [kind_of(answer) async for _, _, answer in moments]
        assert set(kinds) == {(404, "urn:problem:target-not-found"), (201, "")}
        named = "SELECT count(*) FROM reports WHERE target_id NOT IN (SELECT id FROM users)"
        assert await count(client, named) == 0

    local(case)
