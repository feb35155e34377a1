"""Numbers, states and the community's Discord: out of the cache, with their age, also while services are away."""

import asyncio
import time
from typing import Any

import pytest
from tests.platform_api.conftest import KEY, Runner
from tests.platform_api.test_content import aged
from tests.platform_api.test_forms import filled, send

from edge.ports import KeyValue
from edge.testing import Answer, Client
from platform_api.queries import CONTENT

pytestmark = pytest.mark.slow

DISCORD = ["/api/v1/discord/events", "/api/v1/discord/members", "/api/v1/discord/announcements"]
CACHED = [*DISCORD, "/api/v1/platform/stats", "/api/v1/platform/status"]


def test_stats_count_the_documents(run: Runner) -> None:
    async def case(client: Client) -> Any:
        await send(client, filled())
        await send(client, filled("sponsor"), "sponsor")
        await send(client, filled(message="Spam, spam and spam", website="https://spam.example"))
        return (await client.get("/api/v1/platform/stats")).json()

    stats = run(case)
    documents = [
        document for document in run.sims.sanity.documents.values() if not document["_id"].startswith("drafts.")
    ]
    for name, content in CONTENT.items():
        assert stats["content"][name] == len(
            [document for document in documents if document["_type"] == content.type]
        ), name
    assert (stats["upcoming_events"], stats["submissions"]) == (5, {"contact": 1, "sponsor": 1})
    assert stats["members"] > 100
    assert stats["age_s"] == 0


def test_stats_tell_their_age_and_outlive_sanity(run: Runner) -> None:
    async def case(client: Client) -> tuple[Answer, Answer]:
        await client.get("/api/v1/platform/stats")
        await aged(client, "platform:", 4000)
        run.sims.sanity.fail(status=500, count=1000)
        return await client.get("/api/v1/platform/stats"), await client.get("/api/v1/platform/stats")

    first, second = run(case)
    assert (first.status, second.status) == (200, 200)
    assert 4000 <= first.json()["age_s"] <= second.json()["age_s"] < 4060
    assert first.header("age") == str(first.json()["age_s"])


def test_status_is_ok_if_all_services_answer(run: Runner) -> None:
    status = run(lambda client: client.get("/api/v1/platform/status")).json()
    assert status["status"] == "ok", status
    assert {name: check["status"] for name, check in status["services"].items()} == dict.fromkeys(
        ("sanity", "d1", "kv", "ai", "discord"), "ok"
    )


def test_status_names_failing_and_unconfigured_services(run: Runner) -> None:
    run.sims.sanity.fail(status=500, count=1000)
    run.env |= {"DISCORD_BOT_TOKEN": ""}
    status = run(lambda client: client.get("/api/v1/platform/status")).json()
    statuses = {name: check["status"] for name, check in status["services"].items()}
    assert (status["status"], statuses["sanity"], statuses["discord"], statuses["d1"]) == (
        "degraded",
        "error",
        "not_configured",
        "ok",
    )
    assert "Sanity" in status["services"]["sanity"]["message"]


def test_the_community_can_be_seen(run: Runner) -> None:
    async def case(client: Client) -> list[Any]:
        return [(await client.get(path)).json() for path in DISCORD]

    events, members, announcements = run(case)
    assert len(events) == 3
    assert [event["starts_at"] for event in events] == sorted(event["starts_at"] for event in events)
    assert {event["status"] for event in events} <= {"scheduled", "active"}
    assert members["members"] > members["online"] > 0
    assert len(announcements) == 8
    times = [announcement["published_at"] for announcement in announcements]
    assert times == sorted(times, reverse=True)
    assert all(announcement["url"].endswith(announcement["id"]) for announcement in announcements)


@pytest.mark.parametrize("path", CACHED)
def test_each_is_asked_for_once(run: Runner, path: str) -> None:
    async def case(client: Client) -> tuple[int, list[Answer]]:
        await client.get(path)
        before = len(run.sims.discord.requests) + run.sims.content_requests()
        again = [await client.get(path) for _ in range(3)]
        return len(run.sims.discord.requests) + run.sims.content_requests() - before, again

    first, again = run(case)
    assert first == 0
    assert all("hit" in (answer.header("cache-status") or "") for answer in again)


@pytest.mark.parametrize("path", DISCORD)
def test_discord_away_is_a_502_and_cached_answers_are_served(run: Runner, path: str) -> None:
    async def case(client: Client) -> tuple[int, Answer]:
        run.sims.discord.fail(500, count=1000)
        without = (await client.get(path)).status
        run.sims.discord.reset()
        await client.get(path)
        await aged(client, "discord:", 4000)
        run.sims.discord.fail(500, count=1000)
        return without, await client.get(path)

    without, cached = run(case)
    assert (without, cached.status) == (502, 200)
    assert int(cached.header("age") or "") >= 4000


@pytest.mark.parametrize(
    ("name", "paths"),
    [("DISCORD_BOT_TOKEN", DISCORD), ("DISCORD_GUILD_ID", DISCORD), ("DISCORD_CHANNEL_ID", DISCORD[2:])],
)
@pytest.mark.local_only("a Worker of its own would have to start for these settings")
def test_missing_setting_is_named(run: Runner, name: str, paths: list[str]) -> None:
    run.env |= {name: ""}

    async def case(client: Client) -> list[Answer]:
        return [await client.get(path) for path in paths]

    for answer in run(case):
        assert (answer.status, answer.json()["setting"]) == (503, name)


def test_health_is_by_service(run: Runner) -> None:
    health = run(lambda client: client.get("/health")).json()
    assert health["status"] == "ok", health
    assert {"kv", "d1", "ai", "env_vars", "secrets", "optional_secrets"} <= health["checks"].keys()
    assert all(isinstance(check["latency_ms"], float | int) and check["message"] for check in health["checks"].values())
    assert health["checks"]["secrets"]["message"] == "2 of 2 set"
    assert health["timestamp"][:13] == time.strftime("%Y-%m-%dT%H", time.gmtime())


@pytest.mark.local_only("a Worker of its own would have to start for these settings")
@pytest.mark.parametrize("name", ["SANITY_API_READ_TOKEN", "API_KEY"])
def test_a_missing_secret_degrades(run: Runner, name: str) -> None:
    run.env |= {name: ""}
    health = run(lambda client: client.get("/health")).json()
    assert (health["status"], health["checks"]["secrets"]["status"]) == ("degraded", "not_configured")
    assert name in health["checks"]["secrets"]["message"]


@pytest.mark.parametrize("path", ["/jobs", "/jobs/refresh_index", "/api/v1/content/purge"])
@pytest.mark.parametrize("headers", [[], [("x-api-key", "wrong")], [("x-api-key", f"{KEY[0][1][:-1]}z")]])
def test_writing_routes_need_a_key_or_a_signature(run: Runner, path: str, headers: list[tuple[str, str]]) -> None:
    method = "GET" if path == "/jobs" else "POST"
    answer = run(lambda client: client.request(method, path, headers=headers))
    assert answer.status == 401


def test_jobs_are_listed(run: Runner) -> None:
    jobs = run(lambda client: client.get("/jobs", headers=KEY)).json()
    assert {(job["name"], job["cron"]) for job in jobs} == {
        ("refresh_index", "17 * * * *"),
        ("carry_submissions", "*/10 * * * *"),
        ("remove_old_rows", "17 * * * *"),
    }


def test_status_is_current_and_not_an_hour_old(run: Runner) -> None:
    async def case(client: Client) -> list[str]:
        path = "/api/v1/platform/status"
        seen = [(await client.get(path)).json()["services"]["discord"]["status"]]
        run.sims.discord.fail(500, count=1000)
        await aged(client, "platform:status", 100)
        seen.append((await client.get(path)).json()["services"]["discord"]["status"])
        run.sims.discord.reset()
        headers = [*KEY, ("cache-control", "no-cache")]
        return [*seen, (await client.get(path, headers=headers)).json()["services"]["discord"]["status"]]

    assert run(case) == ["ok", "error", "ok"]


def test_caller_with_the_key_is_limited_by_key_on_public_routes(run: Runner) -> None:
    run.env = {name: value for name, value in run.env.items() if not name.endswith("_LIMITER")}

    async def case(client: Client) -> tuple[list[Answer], Answer, Answer]:
        for _ in range(250):
            if (await client.get("/")).status == 429:
                break
        answers = [await client.get("/api/v1/content/events", headers=KEY) for _ in range(3)]
        guess = await client.get("/", headers=[("x-api-key", f"{KEY[0][1][:-1]}z")])
        return answers, guess, await client.get("/", headers=[("authorization", f"Bearer {KEY[0][1]}")])

    answers, guess, bearer = run(case)
    assert {answer.status for answer in answers} == {200}
    assert '"key";q=1200' in (answers[0].header("ratelimit-policy") or "")
    assert (guess.status, bearer.status) == (429, 200)


def test_a_stranger_is_bounded(run: Runner) -> None:
    run.env = {name: value for name, value in run.env.items() if not name.endswith("_LIMITER")}

    async def case(client: Client) -> list[Answer]:
        return [await client.get("/") for _ in range(250)]

    answers = run(case)
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert all(int(answer.header("retry-after") or "") > 0 for answer in refused)


@pytest.mark.parametrize(
    ("method", "target", "header"),
    [("GET", "/jobs", "x-api-key"), ("POST", "/api/v1/content/purge", "sanity-webhook-signature")],
)
def test_guesses_of_keys_and_signatures_are_limited(run: Runner, method: str, target: str, header: str) -> None:
    run.env = {name: value for name, value in run.env.items() if not name.endswith("_LIMITER")}

    async def case(client: Client) -> list[int]:
        tries = [[(header, f"t={n},v1=guess")] for n in range(250)]
        return [(await client.request(method, target, headers=headers)).status for headers in tries]

    statuses = set(run(case))
    assert statuses <= {401, 429}
    assert 429 in statuses


def test_nothing_leaks_a_webhooks_address(run: Runner) -> None:
    async def case(client: Client) -> Answer:
        store: KeyValue = client.ports.settings.kv
        await store.put("webhooks:contact", "http://127.0.0.1:9/api/webhooks/1/token-that-is-secret")
        await send(client, filled())
        await asyncio.sleep(0.5)
        rows = await client.ports.settings.db.all("SELECT * FROM submissions")
        assert "token-that-is-secret" not in repr(rows)
        return await client.get("/api/v1/platform/stats")

    assert run(case).status == 200
