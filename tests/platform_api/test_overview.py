"""Numbers, states and the community's Discord: out of the cache, with their age, whatever is away."""

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

DISCORD = ["/api/v1/discord/events", "/api/v1/discord/members", "/api/v1/discord/announcements"]
CACHED = [*DISCORD, "/api/v1/platform/stats", "/api/v1/platform/status"]


def test_stats_are_what_there_is(run: Runner) -> None:
    async def case(client: Client) -> Any:
        await send(client, filled())
        await send(client, filled("sponsor"), "sponsor")
        await send(client, filled(message="Spam, spam and spam", website="https://spam.example"))
        return (await client.get("/api/v1/platform/stats")).json()

    stats = run(case)
    held = [one for one in run.sims.sanity.documents.values() if not one["_id"].startswith("drafts.")]
    for name, content in CONTENT.items():
        assert stats["content"][name] == len([one for one in held if one["_type"] == content.type]), name
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


def test_status_is_ok_where_all_answer(run: Runner) -> None:
    status = run(lambda client: client.get("/api/v1/platform/status")).json()
    assert status["status"] == "ok", status
    assert {name: one["status"] for name, one in status["services"].items()} == dict.fromkeys(
        ("sanity", "d1", "kv", "ai", "discord"), "ok"
    )


def test_status_names_what_is_away_and_what_is_not_there(run: Runner) -> None:
    run.sims.sanity.fail(status=500, count=1000)
    run.env |= {"DISCORD_BOT_TOKEN": ""}
    status = run(lambda client: client.get("/api/v1/platform/status")).json()
    found = {name: one["status"] for name, one in status["services"].items()}
    assert (status["status"], found["sanity"], found["discord"], found["d1"]) == (
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
    assert [one["starts_at"] for one in events] == sorted(one["starts_at"] for one in events)
    assert {one["status"] for one in events} <= {"scheduled", "active"}
    assert members["members"] > members["online"] > 0
    assert len(announcements) == 8
    times = [one["published_at"] for one in announcements]
    assert times == sorted(times, reverse=True)
    assert all(one["url"].endswith(one["id"]) for one in announcements)


@pytest.mark.parametrize("path", CACHED)
def test_each_is_asked_for_once(run: Runner, path: str) -> None:
    async def case(client: Client) -> tuple[int, list[Answer]]:
        await client.get(path)
        before = len(run.sims.discord.requests) + run.sims.asked()
        again = [await client.get(path) for _ in range(3)]
        return len(run.sims.discord.requests) + run.sims.asked() - before, again

    asked, again = run(case)
    assert asked == 0
    assert all("hit" in (one.header("cache-status") or "") for one in again)


@pytest.mark.parametrize("path", DISCORD)
def test_discord_away_is_a_502_and_what_is_kept_is_served(run: Runner, path: str) -> None:
    async def case(client: Client) -> tuple[int, Answer]:
        run.sims.discord.fail(500, count=1000)
        without = (await client.get(path)).status
        run.sims.discord.reset()
        await client.get(path)
        await aged(client, "discord:", 4000)
        run.sims.discord.fail(500, count=1000)
        return without, await client.get(path)

    without, kept = run(case)
    assert (without, kept.status) == (502, 200)
    assert int(kept.header("age") or "") >= 4000


@pytest.mark.parametrize(("name", "paths"), [("DISCORD_BOT_TOKEN", DISCORD), ("DISCORD_GUILD_ID", DISCORD),
                                             ("DISCORD_CHANNEL_ID", DISCORD[2:])])  # fmt: skip
@pytest.mark.local_only("a Worker of its own would have to start for these settings")
def test_without_a_setting_its_name_is_told(run: Runner, name: str, paths: list[str]) -> None:
    run.env |= {name: ""}

    async def case(client: Client) -> list[Answer]:
        return [await client.get(path) for path in paths]

    for answer in run(case):
        assert (answer.status, answer.json()["setting"]) == (503, name)


def test_health_is_by_service(run: Runner) -> None:
    health = run(lambda client: client.get("/health")).json()
    assert health["status"] == "ok", health
    assert {"kv", "d1", "ai", "env_vars", "secrets", "optional_secrets"} <= health["checks"].keys()
    assert all(isinstance(one["latency_ms"], float | int) and one["message"] for one in health["checks"].values())
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
def test_what_writes_needs_a_key_or_a_signature(run: Runner, path: str, headers: list[tuple[str, str]]) -> None:
    method = "GET" if path == "/jobs" else "POST"
    answer = run(lambda client: client.request(method, path, headers=headers))
    assert answer.status == 401


def test_jobs_are_listed(run: Runner) -> None:
    jobs = run(lambda client: client.get("/jobs", headers=KEY)).json()
    assert {(one["name"], one["cron"]) for one in jobs} == {
        ("refresh_index", "17 * * * *"),
        ("carry_submissions", "*/10 * * * *"),
        ("remove_old_rows", "17 * * * *"),
    }


def test_status_tells_how_it_is_now_and_not_an_hour_ago(run: Runner) -> None:
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


def test_who_sends_the_key_is_counted_by_it_on_public_routes(run: Runner) -> None:
    run.env = {name: value for name, value in run.env.items() if not name.endswith("_LIMITER")}

    async def case(client: Client) -> tuple[list[Answer], Answer, Answer]:
        for _ in range(250):
            if (await client.get("/")).status == 429:
                break
        known = [await client.get("/api/v1/content/events", headers=KEY) for _ in range(3)]
        guess = await client.get("/", headers=[("x-api-key", f"{KEY[0][1][:-1]}z")])
        return known, guess, await client.get("/", headers=[("authorization", f"Bearer {KEY[0][1]}")])

    known, guess, bearer = run(case)
    assert {one.status for one in known} == {200}
    assert '"key";q=1200' in (known[0].header("ratelimit-policy") or "")
    assert (guess.status, bearer.status) == (429, 200)


def test_a_stranger_is_bounded(run: Runner) -> None:
    run.env = {name: value for name, value in run.env.items() if not name.endswith("_LIMITER")}

    async def case(client: Client) -> list[Answer]:
        return [await client.get("/") for _ in range(250)]

    answers = run(case)
    refused = [one for one in answers if one.status == 429]
    assert refused
    assert all(int(one.header("retry-after") or "") > 0 for one in refused)


@pytest.mark.parametrize(
    ("method", "target", "header"),
    [("GET", "/jobs", "x-api-key"), ("POST", "/api/v1/content/purge", "sanity-webhook-signature")],
)
def test_who_tries_keys_or_signatures_is_bounded(run: Runner, method: str, target: str, header: str) -> None:
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
