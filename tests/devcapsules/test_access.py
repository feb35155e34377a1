"""Accounts, widget keys, plans and their limits."""

import asyncio
import re
from collections.abc import Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from devcapsules.access.keys import WidgetKeys
from devcapsules.access.plans import PLANS, QuotaExceeded, minute_of
from devcapsules.settings import CapsuleSettings
from edge import Unauthorized
from edge.testing import Client
from edge.testing.client import Answer

from .conftest import SECRET, Member, Run, as_admin, as_member

pytestmark = pytest.mark.slow

KEYS = "/api/v1/auth/api-keys"
USAGE = "/api/v1/usage"


def with_key(client: Client, key: str, *headers: tuple[str, str]) -> Client:
    """Return a client that sends a key."""
    other = copy(client)
    other.headers = [("authorization", f"Bearer {key}"), *headers]
    return other


async def make_key(member: Client, *origins: str) -> dict[str, Any]:
    answer = await member.post(KEYS, {"name": "blog", "origins": origins})
    assert answer.status == 201, answer.text
    key: dict[str, Any] = answer.json()
    return key


async def set_plan(user: Member, plan: str) -> None:
    answer = await as_admin(user).request("PUT", f"/api/v1/plans/{user.user_id}", json={"plan": plan})
    assert answer.status == 200, answer.text


async def wait_for_a_fresh_minute() -> None:
    """Wait until some seconds of the current minute are left."""
    if (second := datetime.now(UTC).second) > 50:
        await asyncio.sleep(60.1 - second)


def test_account_registers_and_logs_in_below_the_prefix(run: Run) -> None:
    async def case(client: Client) -> tuple[Answer, Answer, Answer, Answer]:
        account = {"email": "ada@example.org", "password": "correct horse battery", "name": "Ada"}
        answer = await client.post("/api/v1/auth/register", account)
        token = answer.json().get("access_token", "")
        user = with_key(client, token)
        again = await client.post("/api/v1/auth/login", {k: account[k] for k in ("email", "password")})
        return (
            answer,
            await user.get("/api/v1/auth/me"),
            again,
            await client.post("/api/v1/auth/register", {**account, "email": "eve@example.org", "plan": "enterprise"}),
        )

    run.env["ACCOUNT_CONFIRMATION"] = "none"
    answer, myself, again, chosen = run(case)
    assert (answer.status, again.status) == (201, 200)
    assert (myself.json()["plan"], myself.json()["name"]) == ("free", "Ada")
    assert (chosen.status, chosen.json()["errors"][0]["pointer"]) == (422, "/plan")


def test_key_is_shown_once_and_stored_as_a_hash(run: Run) -> None:
    async def case(client: Client) -> tuple[dict[str, Any], str, list[Any]]:
        ada = await as_member(client, "ada")
        key = await make_key(ada, "https://blog.example")
        listed = (await ada.get(KEYS)).text
        rows = await client.ports.settings.db.all("SELECT * FROM api_keys")
        return key, listed, rows

    key, listed, rows = run(case)
    assert re.fullmatch(r"dk_[A-Za-z0-9_-]{43}", key["secret"])
    assert key["secret"] not in listed + str(rows)
    assert key["key"]["prefix"] == key["secret"][:11]
    assert key["key"]["origins"] == ["https://blog.example"]


def test_key_reads_and_writes_nothing_else(run: Run) -> None:
    async def case(client: Client) -> list[tuple[str, int]]:
        ada = await as_member(client, "ada")
        key = with_key(client, (await make_key(ada))["secret"])
        routes = [(endpoint.method, endpoint.path) for endpoint in client.app.endpoints if endpoint.access]
        refusals = []
        for method, path in routes:
            target = re.sub(r"{[^}]*}", "x", path)
            answer = await key.request(method, target, json={} if method in {"POST", "PUT", "PATCH"} else None)
            if answer.status != 403:
                refusals.append((f"{method} {path}", answer.status))
        return refusals

    allowed = {name.split("/")[3] for name, _ in run(case)}
    assert allowed <= {"execute", "capsules", "analytics"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 422),
        ([("origin", "https://blog.example")], 422),
        ([("origin", "https://evil.example")], 403),
        ([("origin", "null")], 403),
        ([("origin", "https://blog.example.evil.example")], 403),
        ([("origin", "http://[")], 403),
        ([("origin", "")], 403),
        ([("origin", "https://capsules.example"), ("host", "capsules.example")], 422),
        ([("origin", "ftp://capsules.example"), ("host", "capsules.example")], 403),
    ],
)
def test_key_works_only_for_its_origins(local: Run, headers: Sequence[tuple[str, str]], status: int) -> None:
    async def case(client: Client) -> int:
        created_key = await make_key(await as_member(client, "ada"), "https://blog.example")
        key = with_key(client, created_key["secret"], *headers)
        return (await key.post("/api/v1/analytics/events", {})).status

    if not any(endpoint.path == "/api/v1/analytics/events" for endpoint in local.app.endpoints):
        pytest.skip("no events yet")
    assert local(case) == status


def test_revoked_expired_and_foreign_keys_are_refused(run: Run) -> None:
    async def case(client: Client) -> tuple[list[int], list[Any]]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        created_key = await make_key(ada)
        key = with_key(client, created_key["secret"])
        path = f"{KEYS}/{created_key['key']['id']}"
        statuses = [
            (await key.get(KEYS)).status,
            (await bob.request("DELETE", path)).status,
            (await ada.request("DELETE", path)).status,
            (await ada.request("DELETE", path)).status,
            (await key.get(KEYS)).status,
            (await with_key(client, "dk_" + "x" * 43).get(KEYS)).status,
        ]
        return statuses, (await bob.get(KEYS)).json()["keys"]

    statuses, foreign = run(case)
    assert statuses == [403, 404, 204, 204, 401, 401]
    assert foreign == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "x", "origins": ["*"]}, "/origins/0"),
        ({"name": "x", "origins": ["https://a.example/path"]}, "/origins/0"),
        ({"name": "x", "origins": ["https://a.example; script-src *"]}, "/origins/0"),
        ({"name": "x", "origins": ["null"]}, "/origins/0"),
        ({"name": "x", "expires_in_days": 0}, "/expires_in_days"),
        ({"name": "x", "user_id": "bob"}, "/user_id"),
    ],
)
def test_invalid_key_names_the_field(local: Run, body: object, pointer: str) -> None:
    async def case(client: Client) -> Answer:
        return await (await as_member(client, "ada")).post(KEYS, body)

    answer = local(case)
    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, pointer)


def test_calls_of_a_plan_are_counted_to_the_minute_and_the_day(run: Run) -> None:
    async def case(client: Client) -> tuple[list[Answer], Answer, Answer]:
        await wait_for_a_fresh_minute()
        ada = await as_member(client, "ada", "free")
        answers = [await ada.get(USAGE) for _ in range(12)]
        await set_plan(ada, "creator")
        return answers, await ada.get(USAGE), await (await as_member(client, "bob")).get(USAGE)

    answers, lifted, other = run(case)
    assert [answer.status for answer in answers] == [200] * 10 + [429] * 2
    first, refused = answers[0], answers[10]
    assert first.json()["used"] == {"minute": 1, "day": 1, "generations": 0}
    assert first.header("ratelimit-policy") == '"minute";q=10;w=60, "day";q=100;w=86400'
    assert re.fullmatch(r'"minute";r=9;t=\d+, "day";r=99;t=\d+', first.header("ratelimit") or "")
    problem = refused.json()
    assert problem["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert problem["violated-policies"] == ["minute"]
    assert [lift.get("plan") for lift in problem["lifted_by"]] == [None, "creator", "team", "enterprise"]
    assert int(refused.header("retry-after") or 0) == problem["retry_after"] == problem["lifted_by"][0]["seconds"]
    assert re.match(r'"minute";r=0;t=\d+, "day";r=90;', refused.header("ratelimit") or "")
    assert lifted.status == 200, "a plan that changes holds at once"
    assert lifted.json()["used"]["minute"] == 11, "refused calls do not count"
    assert other.status == 200


def test_limit_is_exact_for_simultaneous_calls(run: Run) -> None:
    async def case(client: Client) -> list[int]:
        await wait_for_a_fresh_minute()
        ada = await as_member(client, "ada", "free")
        await set_plan(ada, "creator")
        calls = [ada.get(USAGE) for _ in range(CALLS)]
        return [answer.status for answer in await asyncio.gather(*calls)]

    statuses = run(case)
    assert (statuses.count(200), statuses.count(429)) == (60, CALLS - 60)


CALLS = 120


@pytest.mark.soak
def test_limit_is_exact_for_five_hundred_simultaneous_calls_of_several_accounts(run: Run) -> None:
    """Each account has an object of its own: 500 calls of one account, and 100 of each of two more, at one time."""

    async def case(client: Client) -> list[list[int]]:
        users = [await as_member(client, name, "team") for name in ("ada", "bob", "eve")]
        await wait_for_a_fresh_minute()
        calls = [user for user, number in zip(users, (500, 100, 100), strict=True) for _ in range(number)]
        answers = await asyncio.gather(*(user.get(USAGE) for user in calls))
        statuses = [answer.status for answer in answers]
        return [statuses[:500], statuses[500:600], statuses[600:]]

    ada, bob, eve = run(case)
    assert (ada.count(200), ada.count(429)) == (300, 200)
    assert bob.count(200) == eve.count(200) == 100


def test_enterprise_has_no_daily_limit(run: Run) -> None:
    async def case(client: Client) -> Answer:
        ada = await as_member(client, "ada")
        await set_plan(ada, "enterprise")
        return await ada.get(USAGE)

    answer = run(case)
    assert answer.json()["limits"] == {"minute": 1000, "day": None, "generations": None}
    assert answer.header("ratelimit-policy") == '"minute";q=1000;w=60'


def test_largest_plan_is_lifted_by_time_alone() -> None:
    now = datetime(2026, 1, 1, 12, 0, 58, tzinfo=UTC)
    enterprise, team = [QuotaExceeded(PLANS[name], "minute", minute_of(now)) for name in ("enterprise", "team")]
    assert str(enterprise) == "plan enterprise has 1000 calls per minute: wait 2 s"
    assert enterprise.extra["lifted_by"] == [{"by": "time", "seconds": 2}]
    assert str(team).endswith("wait 2 s or choose a larger plan")


def test_expired_session_token_says_how_to_go_on(local: Run) -> None:
    async def case(client: Client) -> Answer:
        return await (await as_member(client, "ada", lifetime=timedelta(seconds=-1))).get(USAGE)

    answer = local(case)
    assert (answer.status, answer.json()["detail"]) == (401, "the token has expired: refresh it or get another")


def test_page_token_lives_for_a_while_and_is_renewed_for_half_a_day() -> None:
    class Moment:
        at = datetime(2026, 1, 1, tzinfo=UTC)

        def now(self) -> datetime:
            return self.at

        async def sleep(self, seconds: float) -> None:
            self.at += timedelta(seconds=seconds)

    settings: Any = CapsuleSettings({"JWT_SECRET": SECRET})
    database: Any = None
    clock = Moment()
    keys = WidgetKeys(database, clock, settings)
    key = {"id": "wk_1", "user_id": "usr_1"}
    token, visit = keys.issue(key, "cap_1", "someone")
    clock.at += timedelta(minutes=14, seconds=59)
    assert keys.read(token) == visit
    clock.at += timedelta(seconds=1)
    with pytest.raises(Unauthorized, match="expired"):
        keys.read(token)
    clock.at += timedelta(hours=11)
    assert keys.read(token, may_be_expired=True) == visit
    renewed, _ = keys.issue(key, "cap_1", "someone", visit.began)
    clock.at += timedelta(minutes=45)
    for old in (token, renewed):
        with pytest.raises(Unauthorized, match="expired"):
            keys.read(old, may_be_expired=True)


def test_key_is_limited_for_each_address(local: Run) -> None:
    """A key stands in pages, so anybody may call with it; one address cannot use up the plan of its owner."""

    async def case(client: Client) -> tuple[list[int], int]:
        key, other = [(await make_key(await as_member(client, "ada")))["secret"] for _ in range(2)]
        statuses = list[int]()
        while 429 not in statuses and len(statuses) < 130:  # a new minute may begin meanwhile
            statuses.append((await with_key(client, key).get("/api/v1/capsules?limit=1")).status)
        return statuses, (await with_key(client, other).get("/api/v1/capsules?limit=1")).status

    del local.env["WIDGET_LIMITER"]
    statuses, other = local(case)
    assert len(statuses) > 60
    assert (set(statuses[:-1]), statuses[-1], other) == ({200}, 429, 200)


def test_only_administrator_changes_plans(run: Run) -> None:
    async def case(client: Client) -> list[int]:
        ada = await as_member(client, "ada")
        body = {"plan": "enterprise"}
        return [
            (await ada.request("PUT", "/api/v1/plans/ada", json=body)).status,
            (await client.request("PUT", "/api/v1/plans/ada", json=body)).status,
            (await as_admin(client).request("PUT", "/api/v1/plans/nobody", json=body)).status,
            (await as_admin(client).request("PUT", "/api/v1/plans/ada", json={"plan": "gold"})).status,
        ]

    assert run(case) == [403, 401, 404, 422]
