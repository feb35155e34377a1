"""Rate limits: by key, by address, and by the day; each answer reports them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core_tessie.app import app
from edge.auth.keys import hashed
from edge.testing import Answer, Client
from pyedge import Worker

from .conftest import ENV, ROOT, Runner
from .energy_rows import database
from .test_auth import by, create_key

CALLS = app.limits["RATE_LIMITER"].calls


@pytest.fixture
def limited(tmp_path: Path) -> Runner:
    """A runner that counts its app's calls."""
    runner = Runner(tmp_path / "state", 9)
    runner.env = {name: value for name, value in runner.env.items() if name != "RATE_LIMITER"}
    return runner


def test_each_key_has_exactly_its_limit_of_calls(limited: Runner) -> None:
    async def case(client: Client) -> tuple[list[Answer], Answer]:
        first, other = [by(client, (await create_key(client))["key"]) for _ in range(2)]
        answers = [await first.get("/auth/me") for _ in range(CALLS + 5)]
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
    assert over.header("access-control-allow-origin") == "http://localhost:3000"


@pytest.mark.parametrize("path", ["/d1/vehicles", "/nowhere", "/", "/events?ticket=x", "/%zz", "/?" + "q" * 17_000])
def test_a_stranger_is_counted_by_its_address(limited: Runner, path: str) -> None:
    async def case(client: Client) -> tuple[list[int], Answer, int]:
        stranger = by(client, "a wrong key")
        answers = [await stranger.get(path) for _ in range(CALLS + 1)]
        return [answer.status for answer in answers], answers[-1], (await client.get("/auth/me")).status

    statuses, last, with_key = limited(case)
    assert statuses[-1] == 429 or statuses.count(429) == 0  # where a period has begun in between
    if statuses[-1] == 429:
        assert (last.header("ratelimit-policy") or "").startswith('"address";')
    assert with_key == 200, "who has a key is not held up by who has none"


def test_a_quota_is_for_a_day_and_exact(run: Runner) -> None:
    async def case(client: Client) -> tuple[list[Answer], Answer]:
        key = await create_key(client, daily_calls=3)
        token = (await by(client, key["key"]).post("/auth/token", {})).json()["access_token"]
        caller = by(client, token)
        return [await caller.get("/auth/me") for _ in range(4)], await client.get("/auth/me")

    answers, admin = run(case)
    assert [answer.status for answer in answers] == [200, 200, 429, 429], "the token was a call, too"
    assert '"day";q=3;w=86400' in (answers[0].header("ratelimit-policy") or "")
    left = [re.search(r'"day";r=(\d+);t=(\d+)', answer.header("ratelimit") or "") for answer in answers]
    assert [int(match[1]) if match else None for match in left] == [1, 0, 0, 0]
    assert 0 < int(answers[-1].header("retry-after") or 0) <= 86_400
    assert admin.status == 200


@pytest.fixture(scope="module")
def few_calls() -> Iterator[Worker]:
    """Return a Worker that allows five calls a minute."""
    few = {"name": "RATE_LIMITER", "namespace_id": "9", "simple": {"limit": 5, "period": 60}}
    variables = {name: value for name, value in ENV.items() if name != "RATE_LIMITER"}
    overrides: dict[str, Any] = {"ratelimits": [few]}
    with Worker(ROOT / "wrangler.toml", variables=variables, overrides=overrides) as worker:
        yield worker


@pytest.mark.slow
def test_in_workerd_the_binding_counts(few_calls: Worker) -> None:
    key = new_key(few_calls)
    own = [few_calls.get("/auth/me", headers={"x-api-key": key}) for _ in range(12)]
    strangers = [few_calls.get("/auth/me", headers={"cf-connecting-ip": "192.0.2.9"}) for _ in range(12)]
    for answers, good in ((own, 200), (strangers, 401)):
        statuses = [status for status, _, _ in answers]
        assert statuses[0] == good
        assert set(statuses) == {good, 429}
        assert next(headers["retry-after"] for status, headers, _ in answers if status == 429) == "60"


OLD_KEY = f"key_old-12345678.{'s' * 43}"
_OLD = "INSERT INTO api_keys (id, name, role, prefix, hash) VALUES ('old-12345678', 'old', 1, 'key_old', ?)"


def guesses_of(key: str) -> list[str]:
    """Return guesses of a key with a proof: a changed proof, a changed secret."""
    return [key[:-1] + ("A" if key[-1] != "A" else "B"), key.replace(".", ".x", 1)]


def test_guesses_lock_out_no_valid_key(limited: Runner) -> None:
    async def case(client: Client) -> tuple[set[int], list[int]]:
        key = (await create_key(client))["key"]
        wrong = [by(client, guess) for guess in guesses_of(key)]
        statuses = {(await caller.get("/d1/vehicles")).status for _ in range(CALLS) for caller in wrong}
        token = (await by(client, key).post("/auth/token", {})).json()["access_token"]
        return statuses, [(await by(client, credential).get("/auth/me")).status for credential in (key, token)]

    assert limited(case) == ({401, 429}, [200, 200])


def test_keys_without_a_proof_have_a_budget_of_look_ups_for_an_address(limited: Runner) -> None:
    async def case(client: Client) -> tuple[list[Answer], int]:
        await database(client).run(_OLD, hashed(OLD_KEY))
        key = (await create_key(client))["key"]
        old = by(client, OLD_KEY)
        answers = [await old.get("/auth/me")]
        answers += [await by(client, f"{OLD_KEY[:-8]}{number:08}").get("/auth/me") for number in range(2 * CALLS)]
        return [*answers, await old.get("/auth/me")], (await by(client, key).get("/auth/me")).status

    (first, *guesses, last), new = limited(case)
    assert (first.status, new) == (200, 200)
    assert f'"look-ups";q={CALLS};w=60' in (first.header("ratelimit-policy") or "")
    assert {guess.status for guess in guesses} == {401, 429}
    assert last.status == 429 or last.header("ratelimit")  # a period may have begun in between
    over = next(
        guess for guess in guesses if guess.status == 429 and "look-ups" in (guess.header("ratelimit-policy") or "")
    )
    assert over.json()["type"] == "urn:problem:too-many-requests"
    assert 0 < int(over.header("retry-after") or 0) <= 60


def new_key(worker: Worker) -> str:
    """Return a new key of a Worker."""
    admin = {"x-api-key": ENV["ADMIN_API_KEY"]}
    key: str = json.loads(worker.post("/auth/keys", {"name": "k"}, headers=admin)[2])["key"]
    return key


@pytest.mark.slow
def test_guesses_in_workerd_lock_out_no_valid_key(few_calls: Worker) -> None:
    key = new_key(few_calls)
    few_calls.d1("DB", _OLD, hashed(OLD_KEY))
    tried = [*guesses_of(key) * 6, OLD_KEY, *[f"{OLD_KEY[:-2]}{number}" for number in range(10, 22)], OLD_KEY, key]
    statuses = [few_calls.get("/auth/me", headers={"x-api-key": credential})[0] for credential in tried]
    *_, old, new = statuses
    assert set(statuses[:12]) == {401, 429}
    assert (statuses[12], new) == (200, 200)
    assert old == 429 or statuses[13:-2].count(401) > 4  # a period may have begun in between
