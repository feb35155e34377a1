"""Who may call what."""

import pytest

from discord_bot.app import app

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


def test_every_route_says_who_may_call_it() -> None:
    assert {f"{one.method} {one.path}": one.access.name for one in app.endpoints} == ACCESS


@pytest.mark.parametrize("route", [one for one, access in ACCESS.items() if access != "PUBLIC"])
@pytest.mark.parametrize("key", ["", "wrong", KEY[0][1][:-1], f"{KEY[0][1]}y", KEY[0][1].capitalize(), "\u00fc"])
def test_without_the_key_nothing_is_answered(local: Runner, route: str, key: str) -> None:
    async def case(bot: Bot) -> None:
        method, path = route.replace("{name}", "remind").split(" ")
        headers = [("x-api-key", key)] if key else []
        answer = await bot.client.anonymous().request(method, path, headers=headers)
        assert answer.status == 401

    local(case)
