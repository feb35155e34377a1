"""How often who may call: by key, by address, and by the day; told on every answer."""

import re
from pathlib import Path
from typing import Any

import pytest

from core_tessie.app import app
from edge.testing import Answer, Client
from pyedge import Worker

from .conftest import ENV, ROOT, Runner
from .test_auth import by, made

CALLS = app.limits["RATE_LIMITER"].calls


@pytest.fixture
def limited(tmp_path: Path) -> Runner:
    """A runner whose app counts calls."""
    runner = Runner(tmp_path / "state", 9)
    runner.env = {name: value for name, value in runner.env.items() if name != "RATE_LIMITER"}
    return runner


def test_each_key_has_its_calls_and_not_one_more(limited: Runner) -> None:
    async def case(client: Client) -> tuple[list[Answer], Answer]:
        one, other = [by(client, (await made(client))["key"]) for _ in range(2)]
        answers = [await one.get("/auth/me") for _ in range(CALLS + 5)]
        return answers, await other.get("/auth/me")

    answers, other = limited(case)
    refused = [answer.status for answer in answers].count(429)
    assert refused >= 5 or answers[-1].header("ratelimit") is not None  # a period may have begun in between
    assert {answer.status for answer in answers} == {200, 429}
    over = next(answer for answer in answers if answer.status == 429)
    assert over.json()["type"] == "urn:problem:too-many-requests"
    assert 0 < int(over.header("retry-after") or 0) <= 60
    assert over.header("ratelimit-policy") == f'"key";q={CALLS};w=60'
    assert re.fullmatch(r'"key";r=0;t=\d+', over.header("ratelimit") or "")
    assert re.fullmatch(rf'"key";r={CALLS - 1};t=\d+', answers[0].header("ratelimit") or "")
    assert other.status == 200
    assert over.header("x-request-id")
    assert over.header("access-control-allow-origin") == "*"


@pytest.mark.parametrize("path", ["/d1/vehicles", "/nowhere", "/", "/events?ticket=x"])
def test_a_stranger_is_counted_by_its_address(limited: Runner, path: str) -> None:
    async def case(client: Client) -> tuple[list[int], Answer, int]:
        stranger = by(client, "a wrong key")
        answers = [await stranger.get(path) for _ in range(CALLS + 1)]
        return [answer.status for answer in answers], answers[-1], (await client.get("/auth/me")).status

    statuses, last, known = limited(case)
    assert statuses[-1] == 429 or statuses.count(429) == 0  # where a period has begun in between
    if statuses[-1] == 429:
        assert (last.header("ratelimit-policy") or "").startswith('"address";')
    assert known == 200, "who has a key is not held up by who has none"


def test_a_quota_is_for_a_day_and_exact(run: Runner) -> None:
    async def case(client: Client) -> tuple[list[Answer], Answer]:
        key = await made(client, daily_calls=3)
        token = (await by(client, key["key"]).post("/auth/token", {})).json()["access_token"]
        caller = by(client, token)
        return [await caller.get("/auth/me") for _ in range(4)], await client.get("/auth/me")

    answers, admin = run(case)
    assert [answer.status for answer in answers] == [200, 200, 429, 429], "the token was a call, too"
    assert '"day";q=3;w=86400' in (answers[0].header("ratelimit-policy") or "")
    left = [re.search(r'"day";r=(\d+);t=(\d+)', answer.header("ratelimit") or "") for answer in answers]
    assert [int(one[1]) if one else None for one in left] == [1, 0, 0, 0]
    assert 0 < int(answers[-1].header("retry-after") or 0) <= 86_400
    assert admin.status == 200


@pytest.mark.slow
def test_in_workerd_the_binding_counts() -> None:
    few = {"name": "RATE_LIMITER", "namespace_id": "9", "simple": {"limit": 5, "period": 60}}
    variables = {name: value for name, value in ENV.items() if name != "RATE_LIMITER"}
    overrides: dict[str, Any] = {"ratelimits": [few]}
    with Worker(ROOT / "wrangler.toml", variables=variables, overrides=overrides) as worker:
        asked = [worker.get("/auth/me", headers={"x-api-key": ENV["ADMIN_API_KEY"]}) for _ in range(12)]
        strangers = [worker.get("/auth/me") for _ in range(12)]
    for answers, good in ((asked, 200), (strangers, 401)):
        statuses = [status for status, _, _ in answers]
        assert statuses[0] == good
        assert set(statuses) == {good, 429}
        assert next(headers["retry-after"] for status, headers, _ in answers if status == 429) == "60"
