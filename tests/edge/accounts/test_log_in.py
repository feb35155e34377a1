"""Accounts: registering, logging in, refreshing and logging out, on both runtimes."""

from edge.testing import Client

from .conftest import ADA, SITE, Run, age, as_member, cookie_of, refreshed, registered


def test_member_registers_logs_in_refreshes_and_logs_out(run: Run) -> None:
    async def case(client: Client) -> None:
        first = await registered(client)
        me = await as_member(client, "GET", "/api/auth/me", first)
        assert (me.status, me.json()["email"], me.json()["id"]) == (200, ADA["email"], first["user_id"])
        answer = await client.post("/api/auth/login", ADA | {"email": "Ada@Example.ORG"})
        assert answer.status == 200, answer.text
        second = answer.json()
        assert second["session_id"] != first["session_id"]
        again = await refreshed(client, second["refresh_token"])
        assert again.json()["refresh_token"] == second["refresh_token"]
        await age(client, 61)
        rotated = await refreshed(client, second["refresh_token"])
        assert rotated.json()["refresh_token"] != second["refresh_token"]
        out = await client.post("/api/auth/logout", {"refresh_token": rotated.json()["refresh_token"]})
        assert out.status == 204
        ended = await refreshed(client, rotated.json()["refresh_token"])
        assert (ended.status, ended.json()["reason"]) == (401, "revoked")
        assert (await as_member(client, "GET", "/api/auth/me", rotated.json())).status == 401
        assert (await as_member(client, "GET", "/api/auth/me", first)).status == 200

    run(case)


def test_member_sees_own_rows_alone(run: Run) -> None:
    async def case(client: Client) -> None:
        ada, ben = await registered(client), await registered(client, email="ben@example.org")
        note = {"text": "hers", "owner_id": ada["user_id"]}
        assert (await as_member(client, "POST", "/notes", ada, note)).status == 201
        assert (await as_member(client, "POST", "/notes", ben, note)).status == 403
        assert len((await as_member(client, "GET", "/notes", ada)).json()) == 1
        assert (await as_member(client, "GET", "/notes", ben)).json() == []

    run(case)


def test_wrong_password_and_unknown_address_have_equal_answers(run: Run) -> None:
    async def case(client: Client) -> None:
        await registered(client)
        wrong = await client.post("/api/auth/login", ADA | {"password": "wrong horse battery"})
        unknown = await client.post("/api/auth/login", ADA | {"email": "nobody@example.org"})
        assert wrong.status == unknown.status == 401
        members = [{**answer.json(), "request_id": ""} for answer in (wrong, unknown)]
        assert members[0] == members[1]
        names = [sorted(name for name, _ in answer.headers) for answer in (wrong, unknown)]
        assert names[0] == names[1]

    run(case)


def test_browser_keeps_refresh_token_in_cookie_alone(run: Run) -> None:
    async def case(client: Client) -> None:
        await registered(client)
        answer = await client.post("/api/auth/login", ADA, headers=SITE)
        assert answer.json()["refresh_token"] is None
        stored = answer.header("set-cookie") or ""
        for attribute in ("Path=/api/auth", "HttpOnly", "Secure", "SameSite=Strict", "Max-Age=2592000"):
            assert attribute in stored.split("; ")
        cookie = cookie_of(answer) or ""
        assert cookie.startswith("__Secure-refresh=ses_")
        again = await client.post("/api/auth/refresh", {}, headers=[*SITE, ("cookie", cookie)])
        assert (again.status, cookie_of(again)) == (200, None)
        for origin in ([], [("origin", "https://evil.example")], [("sec-fetch-site", "cross-site")]):
            foreign = await client.post("/api/auth/refresh", {}, headers=[*origin, ("cookie", cookie)])
            assert (foreign.status, foreign.header("set-cookie")) == (403, None)
        out = await client.post("/api/auth/logout", {}, headers=[*SITE, ("cookie", cookie)])
        assert (out.status, cookie_of(out)) == (204, "__Secure-refresh=")

    run(case)
