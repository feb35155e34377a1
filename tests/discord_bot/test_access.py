"""Access: each route's role, and the limits of strangers."""

import pytest

from discord_bot.app import app
from edge.testing import Answer

from .conftest import KEY, Bot, Runner

ACCESS = {
    "GET /": "PUBLIC",
    "GET /health": "PUBLIC",
    "POST /interactions": "READER",
    "GET /notifications": "OPERATOR",
    "POST /notifications/announcement": "OPERATOR",
    "POST /notifications/event": "OPERATOR",
    "POST /notifications/sponsor-update": "OPERATOR",
    "GET /jobs": "ADMIN",
    "POST /jobs/{name}": "ADMIN",
}


def test_every_route_declares_its_role() -> None:
    assert {f"{endpoint.method} {endpoint.path}": endpoint.access.name for endpoint in app.endpoints} == ACCESS


@pytest.mark.parametrize("route", [route for route, access in ACCESS.items() if access != "PUBLIC"])
@pytest.mark.parametrize("key", ["", "wrong", KEY[0][1][:-1], f"{KEY[0][1]}y", KEY[0][1].capitalize(), "\u00fc"])
def test_without_the_key_nothing_is_answered(local: Runner, route: str, key: str) -> None:
    async def case(bot: Bot) -> None:
        method, path = route.replace("{name}", "remind").split(" ")
        headers = [("x-api-key", key)] if key else []
        answer = await bot.client.anonymous().request(method, path, headers=headers)
        assert answer.status == 401

    local(case)


CALLS = app.limits["RATE_LIMITER"].calls
MORE = 2 * CALLS + 1
"""A number of calls beyond the limit, also if a minute begins among them."""


def test_guesses_of_the_key_are_bounded_and_lock_out_nobody(run: Runner) -> None:
    del run.env["RATE_LIMITER"]

    async def case(bot: Bot) -> tuple[set[int], list[Answer]]:
        stranger = bot.client.anonymous()
        tried = [await stranger.get("/notifications", headers=[("x-api-key", f"guess-{n}")]) for n in range(MORE)]
        return {answer.status for answer in tried}, [
            await bot.client.get("/notifications"),
            next(answer for answer in tried if answer.status == 429),
        ]

    statuses, (statuses_with_key, over) = run(case)
    assert statuses_with_key.status == 200
    assert statuses <= {401, 429}, "workerd may have counted another test's calls"
    assert over.json()["type"] == "urn:problem:too-many-requests"
    assert 0 < int(over.header("retry-after") or 0) <= 60
    assert over.header("ratelimit-policy") == f'"address";q={CALLS};w=60'


@pytest.mark.slow
def test_signed_interactions_are_not_limited_by_address(run: Runner) -> None:
    del run.env["RATE_LIMITER"]

    def spoil(headers: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
        return headers, body + b" "

    async def case(bot: Bot) -> tuple[set[int | None], set[int | None]]:
        spoilt = {(await bot.send({"type": 1}, mangle=spoil)).status for _ in range(MORE)}
        return spoilt, {(await bot.send({"type": 1})).status for _ in range(MORE)}

    spoilt, signed = run(case)
    assert 429 in spoilt <= {401, 429}
    assert signed == {200}


def test_calls_of_public_routes_are_limited(local: Runner) -> None:
    del local.env["RATE_LIMITER"]

    async def case(bot: Bot) -> set[int]:
        return {(await bot.client.anonymous().get("/")).status for _ in range(MORE)}

    assert local(case) == {200, 429}
