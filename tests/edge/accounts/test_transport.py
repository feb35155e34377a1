"""Cookies and origins: a browser's refresh token is in a cookie alone, and no foreign page can use it."""

import asyncio
from typing import Any

import pytest

from edge.testing import Answer, Client

from .conftest import ADA, SITE, Run, age, as_member, cookie_of, mails, refreshed, registered

type Headers = list[tuple[str, str]]

OURS: dict[str, Headers] = {
    "the site": SITE,
    "the same origin by the browser's word": [("sec-fetch-site", "same-origin")],
    "the same origin by both": [("origin", "https://api.example"), ("sec-fetch-site", "same-origin")],
    "the host, from an old browser": [("origin", "https://api.example"), ("host", "api.example")],
    "an origin of the settings": [("origin", "https://app.example"), ("sec-fetch-site", "cross-site")],
}
FOREIGN: dict[str, Headers] = {
    "no word": [],
    "another site": [("origin", "https://evil.example")],
    "another site with our host": [("origin", "https://evil.example"), ("host", "vinyl.example")],
    "a name that begins alike": [("origin", "https://vinyl.example.evil.example")],
    "another scheme": [("origin", "http://vinyl.example")],
    "another port": [("origin", "https://vinyl.example:8443")],
    "an opaque origin": [("origin", "null")],
    "the host, from another site": [
        ("origin", "https://api.example"),
        ("host", "api.example"),
        ("sec-fetch-site", "cross-site"),
    ],
    "a neighbour": [("sec-fetch-site", "same-site")],
    "a navigation": [("sec-fetch-site", "none")],
    "another site without an origin": [("sec-fetch-site", "cross-site")],
}


async def browser_cookie(client: Client) -> tuple[str, str]:
    await registered(client)
    return "cookie", cookie_of(await client.post("/api/auth/login", ADA, headers=SITE)) or ""


def test_own_pages_may_use_the_cookie_and_foreign_ones_may_not(local: Run) -> None:
    local.env["CORS_ALLOWED_ORIGINS"] = "https://app.example"

    async def case(client: Client) -> tuple[dict[str, Answer], dict[str, Answer]]:
        cookie = await browser_cookie(client)
        ours, foreign = [
            {
                name: await client.post("/api/auth/refresh", {}, headers=[*headers, cookie])
                for name, headers in origin.items()
            }
            for origin in (OURS, FOREIGN)
        ]
        return ours, foreign

    ours, foreign = local(case)
    assert {name: answer.status for name, answer in ours.items()} == dict.fromkeys(OURS, 200)
    assert {name: answer.status for name, answer in foreign.items()} == dict.fromkeys(FOREIGN, 403)
    assert [answer.header("set-cookie") for answer in foreign.values()] == [None] * len(FOREIGN)


@pytest.mark.parametrize("path", ["register", "login", "refresh", "logout", "register/confirm"])
def test_no_foreign_page_logs_a_browser_in_or_out(local: Run, path: str) -> None:
    bodies = {"register": ADA, "login": ADA, "register/confirm": {"token": "t", "password": "a long password"}}

    async def case(client: Client) -> Answer:
        cookie = await browser_cookie(client)
        headers = [("origin", "https://evil.example"), cookie]
        return await client.post(f"/api/auth/{path}", bodies.get(path, {}), headers=headers)

    answer = local(case)
    assert (answer.status, answer.header("set-cookie")) == (403, None)


def test_body_must_be_json_so_that_no_form_can_send_it(local: Run) -> None:
    async def case(client: Client) -> list[int]:
        headers = [*SITE, await browser_cookie(client)]
        types = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
        return [
            (
                await client.request(
                    "POST", "/api/auth/refresh", headers=[*headers, ("content-type", type_)], body=b"{}"
                )
            ).status
            for type_ in types
        ]

    assert local(case) == [415] * 3


def test_wildcard_origins_of_cors_are_no_leave_to_use_the_cookie(local: Run) -> None:
    local.env["CORS_ALLOWED_ORIGINS"] = "*"

    async def case(client: Client) -> int:
        headers = [("origin", "https://evil.example"), await browser_cookie(client)]
        return (await client.post("/api/auth/refresh", {}, headers=headers)).status

    assert local(case) == 403


@pytest.mark.parametrize(
    ("site", "name", "is_secure"),
    [
        ("https://vinyl.example", "__Secure-refresh", True),
        ("http://127.0.0.1:8787", "refresh", False),
        ("", "refresh", False),
    ],
)
def test_cookie_is_secure_if_the_site_is(local: Run, site: str, name: str, is_secure: bool) -> None:
    local.env["SITE_URL"] = site

    async def case(client: Client) -> str:
        answer = await client.post("/api/auth/register", ADA, headers=[("sec-fetch-site", "same-origin")])
        return answer.header("set-cookie") or ""

    stored = local(case)
    assert stored.startswith(f"{name}=ses_")
    assert ("Secure" in stored.split("; ")) is is_secure


def test_second_cookie_of_the_name_makes_both_worthless(local: Run) -> None:
    async def case(client: Client) -> list[int]:
        name, cookie = await browser_cookie(client)
        texts = [f"theme=dark; {cookie}; a=b", f"{cookie}; {cookie}", f"__Secure-refresh=x; {cookie}"]
        return [(await client.post("/api/auth/refresh", {}, headers=[*SITE, (name, text)])).status for text in texts]

    assert local(case) == [200, 401, 401]


def test_cookie_is_secure_without_a_site_but_in_development(local: Run) -> None:
    local.env |= {"SITE_URL": "", "ENVIRONMENT": "production", "ACCOUNT_CONFIRMATION": "none"}

    async def case(client: Client) -> str:
        answer = await client.post("/api/auth/register", ADA, headers=[("sec-fetch-site", "same-origin")])
        return answer.header("set-cookie") or ""

    assert "Secure" in local(case).split("; ")


def test_only_the_end_of_a_session_clears_the_cookie(local: Run) -> None:
    async def case(client: Client) -> None:
        name, first = await browser_cookie(client)
        await age(client, 61)
        headers = [*SITE, (name, first)]
        answers = await asyncio.gather(*(client.post("/api/auth/refresh", {}, headers=headers) for _ in range(10)))
        assert [answer.status for answer in answers] == [200] * 10
        stored = {cookie_of(answer) for answer in answers}
        assert len(stored) == 1
        second = stored.pop() or ""
        for broken in (f"{second}x", "__Secure-refresh=", "__Secure-refresh=x.y.z"):
            unknown = await client.post("/api/auth/refresh", {}, headers=[*SITE, (name, broken)])
            assert (unknown.status, unknown.header("set-cookie")) == (401, None)
        assert (await client.post("/api/auth/refresh", {}, headers=[*SITE, (name, second)])).status == 200
        await age(client, 11)
        reuse = await client.post("/api/auth/refresh", {}, headers=headers)
        assert (reuse.status, reuse.json()["reason"], cookie_of(reuse)) == (401, "reuse", "__Secure-refresh=")

    local(case)


def test_reuse_tells_the_owner_once(run: Run) -> None:
    async def case(client: Client) -> None:
        tokens = await registered(client)
        await age(client, 61)
        successor = (await refreshed(client, tokens["refresh_token"])).json()
        assert (await refreshed(client, successor["refresh_token"])).status == 200
        await age(client, 11)
        answers = await asyncio.gather(*(refreshed(client, tokens["refresh_token"]) for _ in range(5)))
        assert [(answer.status, answer.json()["reason"]) for answer in answers] == [(401, "reuse")] * 5
        assert (await as_member(client, "GET", "/api/auth/me", successor)).status == 401
        assert [mail.partition("\n")[0] for mail in await mails(run, 1, "session")] == [
            "ada@example.org: Vinyl Vault: a session was ended"
        ]

    run(case)


def test_fifty_parallel_refreshes_give_one_rotation_and_fifty_sessions(run: Run) -> None:
    async def case(client: Client) -> None:
        settings: Any = client.ports.settings
        tokens = await registered(client)
        await age(client, 61)
        answers = await asyncio.gather(*(refreshed(client, tokens["refresh_token"]) for _ in range(50)))
        assert [answer.status for answer in answers] == [200] * 50
        assert len({answer.json()["refresh_token"] for answer in answers}) == 1
        assert answers[0].json()["refresh_token"] != tokens["refresh_token"]
        assert await settings.db.all("SELECT counter, ended_at FROM refresh_tokens") == [
            {"counter": 1, "ended_at": None}
        ]
        checks = await asyncio.gather(*(as_member(client, "GET", "/api/auth/me", answer.json()) for answer in answers))
        assert [check.status for check in checks] == [200] * 50

    run(case)
