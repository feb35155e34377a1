"""Views, attempts and completions: none lost, none counted twice, and only for the author."""

import asyncio
import json
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.served import served_locally

from devcapsules.analytics.routes import CRON
from devcapsules.app import app
from edge import KeyValue
from edge.runtimes.local.runtime import LocalRuntime
from edge.testing import Client
from edge.testing.client import Answer

from .conftest import ENV, Member, Run, as_member
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


def test_cached_counts_are_at_most_a_minute_old(run: Run) -> None:
    """Also where the cron job did not copy them: it copies some capsules a minute, and may be late."""

    async def case(client: Client) -> list[int]:
        ada = await as_member(client, "ada")
        capsule_id = await add(ada, visibility="public")
        path = f"{PATH}/{capsule_id}/counts"
        kv: KeyValue = client.ports.settings.kv
        document = [(await client.get(path)).json()["views"]]
        await send(ada, event(capsule_id))
        for age in (50, 61):
            at = datetime.now(UTC).timestamp() - age
            counts = {"views": 0, "attempts": 0, "completions": 0}
            await kv.put(f"totals:{capsule_id}", json.dumps({"at": at, "counts": counts}))
            document.append((await client.get(path)).json()["views"])
        return document

    assert run(case) == [0, 0, 1]


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


async def prepared(state: Path) -> tuple[str, str]:
    """Return a capsule and the credential of its owner on a running server."""
    runtime = LocalRuntime.open(app, state, ENV, migrations=None)
    try:
        ada = await as_member(Client(app, runtime.ports(), []), "ada")
        return await add(ada), ada.headers[0][1]
    finally:
        await runtime.stop()


def stored(state: Path) -> list[str]:
    with closing(sqlite3.connect(state / "d1" / "DB.sqlite", timeout=10)) as db:
        return [row[0] for row in db.execute("SELECT id FROM analytics_events")]


@pytest.mark.soak
def test_kill_loses_no_answered_event_and_doubles_none(tmp_path: Path) -> None:
    answered: list[str] = []

    def post(url: str, credential: str, capsule_id: str, number: int) -> None:
        body = json.dumps({"events": [event(capsule_id, number)]}).encode()
        headers = {"authorization": credential, "content-type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url + EVENTS, body, headers), timeout=10):
            answered.append(f"event-{number:04}")

    def work(url: str, credential: str, capsule_id: str) -> None:
        for number in range(1, 900):
            try:
                post(url, credential, capsule_id, number)
            except (urllib.error.URLError, ConnectionError):
                return

    with served_locally(tmp_path, ENV, "devcapsules") as served:
        capsule_id, credential = asyncio.run(prepared(served.state))
        thread = threading.Thread(target=work, args=(served.url, credential, capsule_id))
        thread.start()
        while len(answered) < 30:
            time.sleep(0.01)
        assert served.process is not None
        served.process.kill()
        thread.join(30)
    before = stored(served.state)
    assert len(before) == len(set(before))
    known = {name.rpartition(":")[2][-10:] for name in before}
    assert {name[-10:] for name in answered} <= known
    with served_locally(tmp_path, ENV, "devcapsules") as again:
        for number in range(1, len(answered) + 2):
            post(again.url, credential, capsule_id, number)
        status, counts = again.ask("GET", f"/api/v1/analytics/capsules/{capsule_id}", authorization=credential)
    assert (status, counts["totals"]["views"]) == (200, len(set(answered)))
