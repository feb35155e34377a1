"""Views, attempts and completions: none lost, none counted twice, and only for the author."""

import asyncio
from typing import Any

import pytest

from devcapsules.analytics.routes import CRON
from edge.testing import Client
from edge.testing.client import Answer

from .conftest import Member, Run, as_member
from .test_access import make_key, with_key
from .test_capsules import PATH, add

EVENTS = "/api/v1/analytics/events"


def event(capsule_id: str, number: int = 1, kind: str = "view", **more: object) -> dict[str, Any]:
    return {"id": f"event-{number:04}", "capsule_id": capsule_id, "kind": kind, **more}


async def send(client: Client, *events: dict[str, Any]) -> Answer:
    return await client.post(EVENTS, {"events": events})


async def totals(member: Member, capsule_id: str) -> dict[str, int]:
    answer = await member.get(f"/api/v1/analytics/capsules/{capsule_id}")
    assert answer.status == 200, answer.text
    counts: dict[str, int] = answer.json()["totals"]
    return counts


def test_event_that_is_sent_again_counts_once(run: Run) -> None:
    async def case(client: Client) -> tuple[list[Any], dict[str, int]]:
        ada = await as_member(client, "ada")
        key = with_key(client, (await make_key(ada))["secret"])
        capsule_id = await add(ada, visibility="unlisted")
        some = [event(capsule_id, 1), event(capsule_id, 2, "attempt", outcome="wrong"), event(capsule_id, 1)]
        answers = [(await send(key, *some)).json(), (await send(ada, *some[:2], event(capsule_id, 3))).json()]
        at_once = await asyncio.gather(*(send(key, event(capsule_id, 9, "completion")) for _ in range(5)))
        return [*answers, sum(answer.json()["accepted"] for answer in at_once)], await totals(ada, capsule_id)

    answers, counts = run(case)
    assert answers == [{"accepted": 2, "known": 1}, {"accepted": 1, "known": 2}, 1]
    assert counts == {"views": 2, "attempts": 1, "completions": 1}


def test_events_of_unreadable_capsules_are_refused(run: Run) -> None:
    async def case(client: Client) -> tuple[list[int], dict[str, int]]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        private = await add(ada)
        key = with_key(client, (await make_key(ada))["secret"])
        public = await add(ada, visibility="public")
        statuses = [
            (await send(bob, event(private))).status,
            (await send(key, event(private))).status,
            (await send(bob, event(public), event(private, 2))).status,
            (await send(bob, event("cap_nothing"))).status,
            (await send(client, event(public))).status,
            (await send(bob, event(public))).status,
        ]
        return statuses, await totals(ada, public)

    statuses, counts = run(case)
    assert statuses == [404, 404, 404, 404, 401, 202]
    assert counts["views"] == 1, "where one is refused, none is stored"


def test_counts_are_for_the_author_by_day_and_outcome(run: Run) -> None:
    async def case(client: Client) -> tuple[Any, Any, list[int]]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        capsule_id = await add(ada, visibility="public")
        outcomes = ("wrong", "wrong", "ok", "time")
        await send(bob, *(event(capsule_id, n, "attempt", outcome=outcome) for n, outcome in enumerate(outcomes)))
        path = f"/api/v1/analytics/capsules/{capsule_id}"
        bad = ["?since=2026-02-30", "?since=2026-02-01&until=2026-01-01", "?since=1999-01-01", "?until=0001-01-01"]
        return (
            (await ada.get(path)).json(),
            (await ada.get("/api/v1/analytics/overview")).json(),
            [(await bob.get(path)).status, *[(await ada.get(path + query)).status for query in bad]],
        )

    document, overview, statuses = run(case)
    assert [day["outcomes"] for day in document["days"]] == [{"ok": 1, "time": 1, "wrong": 2}]
    assert document["days"][0]["attempts"] == 4
    assert [capsule["attempts"] for capsule in overview["capsules"]] == [4]
    assert statuses == [404, 400, 400, 400, 200]


def test_active_counts_are_cached_every_minute(run: Run) -> None:
    async def case(client: Client) -> list[int]:
        ada = await as_member(client, "ada")
        capsule_id = await add(ada, visibility="public")
        path = f"{PATH}/{capsule_id}/counts"
        document = [(await client.get(path)).json()["views"]]
        await send(ada, event(capsule_id))
        document.append((await client.get(path)).json()["views"])
        await client.scheduled(CRON)
        document.append((await client.get(path)).json()["views"])
        return [*document, (await client.get(f"{PATH}/{await add(ada)}/counts")).status]

    assert run(case) == [0, 0, 1, 404]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"id": "short"}, "/events/0/id"),
        ({"id": "with spaces!"}, "/events/0/id"),
        ({"kind": "click"}, "/events/0/kind"),
        ({"outcome": "<script>"}, "/events/0/outcome"),
        ({"learner": "eve"}, "/events/0/learner"),
    ],
)
def test_invalid_event_names_the_field(local: Run, changes: dict[str, object], pointer: str) -> None:
    async def case(client: Client) -> Answer:
        return await send(await as_member(client, "ada"), {**event("cap_1"), **changes})

    answer = local(case)
    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, pointer)
