"""Accounts: confirmation by mail, sessions, password, address, reset and deletion, on both runtimes."""

import asyncio
from typing import Any

import pytest

from edge.auth.accounts.sessions import MOST_SESSIONS
from edge.testing import Answer, Client

from .conftest import ADA, SITE, Run, as_member, mails, refreshed, registered, token_of

BY_EMAIL = {"ACCOUNT_CONFIRMATION": "email"}
NEW = "another horse battery"


def shape(answer: Answer) -> tuple[Any, ...]:
    """Return an answer without its values that differ between any two requests."""
    return answer.status, answer.text, sorted(name for name, _ in answer.headers)


def test_registration_is_confirmed_by_mail_and_password(run: Run) -> None:
    run.env |= BY_EMAIL

    async def case(client: Client) -> None:
        assert (await client.post("/api/auth/register", ADA)).status == 202
        (mail,) = await mails(run, 1, "confirm your address")
        assert mail.startswith("ada@example.org: Vinyl Vault: confirm your address")
        assert (await client.post("/api/auth/login", ADA)).status == 401
        confirmation = {"token": token_of(mail), "password": NEW}
        answer = await client.post("/api/auth/register/confirm", confirmation)
        assert answer.status == 201, answer.text
        assert (await as_member(client, "GET", "/api/auth/me", answer.json())).json()["is_confirmed"] is True
        assert (await client.post("/api/auth/register/confirm", confirmation)).status == 404
        assert (await client.post("/api/auth/login", ADA)).status == 401
        assert (await client.post("/api/auth/login", ADA | {"password": NEW})).status == 200

    run(case)


def test_answers_do_not_reveal_registered_addresses(run: Run) -> None:
    run.env |= BY_EMAIL

    async def case(client: Client) -> None:
        await client.post("/api/auth/register", ADA)
        (mail,) = await mails(run, 1, "confirm your address")
        await client.post("/api/auth/register/confirm", {"token": token_of(mail), "password": ADA["password"]})
        other = ADA | {"email": "nobody@example.org"}
        pairs = [
            [await client.post("/api/auth/register", body) for body in (ADA, other)],
            [await client.post("/api/auth/reset", {"email": body["email"]}) for body in (ADA, other)],
        ]
        for member, unknown in pairs:
            assert shape(member) == shape(unknown)
            assert member.status == 202
        sent = await mails(run, 4, "confirm your address", "you have an account", "reset your password")
        assert sorted(mail.partition("\n")[0] for mail in sent[1:]) == [
            "ada@example.org: Vinyl Vault: reset your password",
            "ada@example.org: Vinyl Vault: you have an account",
            "nobody@example.org: Vinyl Vault: confirm your address",
        ]

    run(case)


def test_password_change_ends_all_sessions_and_beats_the_grace(run: Run) -> None:
    async def case(client: Client) -> None:
        first = await registered(client)
        second = (await client.post("/api/auth/login", ADA)).json()
        wrong = {"password": "wrong horse battery", "new_password": NEW}
        assert (await as_member(client, "POST", "/api/auth/password", first, wrong)).status == 401
        common = {"password": ADA["password"], "new_password": "password1"}
        assert (await as_member(client, "POST", "/api/auth/password", first, common)).status == 422
        changed = {"password": ADA["password"], "new_password": NEW}
        answer = await as_member(client, "POST", "/api/auth/password", first, changed)
        assert answer.status == 200, answer.text
        for tokens in (first, second):
            ended = await refreshed(client, tokens["refresh_token"])
            assert (ended.status, ended.json()["reason"]) == (401, "revoked")
            assert (await as_member(client, "GET", "/api/auth/me", tokens)).status == 401
        assert (await refreshed(client, answer.json()["refresh_token"])).status == 200
        assert (await client.post("/api/auth/login", ADA)).status == 401
        assert (await client.post("/api/auth/login", ADA | {"password": NEW})).status == 200
        assert len(await mails(run, 1, "your password was changed")) == 1

    run(case)


def test_password_that_is_changed_during_a_log_in_lets_nobody_in(local: Run) -> None:
    async def case(client: Client) -> None:
        tokens = await registered(client)
        change = {"password": ADA["password"], "new_password": NEW}
        log_ins = [client.post("/api/auth/login", ADA) for _ in range(4)]
        changed, *answers = await asyncio.gather(
            as_member(client, "POST", "/api/auth/password", tokens, change), *log_ins
        )
        assert changed.status == 200
        for answer in answers:
            assert answer.status in {200, 401}
            if answer.status == 200:
                assert (await refreshed(client, answer.json()["refresh_token"])).json()["reason"] == "revoked"
        settings: Any = client.ports.settings
        assert len(await settings.db.all("SELECT id FROM refresh_tokens WHERE ended_at IS NULL")) == 1

    local(case)


def test_address_changes_when_it_is_confirmed_there(run: Run) -> None:
    async def case(client: Client) -> None:
        tokens = await registered(client)
        await registered(client, email="ben@example.org")
        wrong = {"password": "wrong horse battery", "email": "new@example.org"}
        assert (await as_member(client, "POST", "/api/auth/email", tokens, wrong)).status == 401
        answers = [
            await as_member(client, "POST", "/api/auth/email", tokens, {"password": ADA["password"], "email": email})
            for email in ("new@example.org", "ben@example.org")
        ]
        assert [shape(answer) for answer in answers] == [shape(answers[0])] * 2
        assert answers[0].status == 202, answers[0].text
        sent = await mails(run, 4, "your address", "your new address")
        link = next(mail for mail in sent if mail.startswith("new@example.org: Vinyl Vault: confirm your new"))
        assert [mail.partition(":")[0] for mail in sent].count("ada@example.org") == 2
        assert any(mail.startswith("ben@example.org: Vinyl Vault: your address\n") for mail in sent)
        assert (await as_member(client, "GET", "/api/auth/me", tokens)).json()["email"] == "ada@example.org"
        confirmed = await client.post("/api/auth/email/confirm", {"token": token_of(link)})
        assert confirmed.status == 204, confirmed.text
        assert (await client.post("/api/auth/email/confirm", {"token": token_of(link)})).status == 404
        assert (await as_member(client, "GET", "/api/auth/me", tokens)).json()["email"] == "new@example.org"
        assert (await client.post("/api/auth/login", ADA | {"email": "new@example.org"})).status == 200
        assert len(await mails(run, 1, "your address has changed")) == 1

    run(case)


def test_reset_by_mail_sets_password_and_ends_sessions(run: Run) -> None:
    async def case(client: Client) -> None:
        tokens = await registered(client)
        assert (await client.post("/api/auth/reset", {"email": "ADA@example.org"})).status == 202
        token = token_of((await mails(run, 1, "reset your password"))[0])
        weak = await client.post("/api/auth/reset/confirm", {"token": token, "password": "ada12345"})
        assert weak.status == 422
        done = await client.post("/api/auth/reset/confirm", {"token": token, "password": NEW})
        assert (done.status, done.body, done.header("set-cookie")) == (204, b"", None)
        assert (await client.post("/api/auth/reset/confirm", {"token": token, "password": NEW})).status == 404
        assert (await refreshed(client, tokens["refresh_token"])).status == 401
        assert (await client.post("/api/auth/login", ADA)).status == 401
        assert (await client.post("/api/auth/login", ADA | {"password": NEW})).status == 200

    run(case)


def test_log_in_beyond_the_bound_ends_the_session_unused_for_longest(run: Run) -> None:
    more = """INSERT INTO refresh_tokens (id, user_id, counter, rotated_at, client, network, created_at, last_used_at,
    expires_at) WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)
    SELECT 'more' || n, user_id, 0, 0, '', '', created_at, ?, '9999-01-01 00:00:00' FROM refresh_tokens JOIN n"""

    later = "UPDATE refresh_tokens SET last_used_at = '2030-01-01 00:00:00' WHERE id LIKE 'more%'"

    async def case(client: Client) -> None:
        first = await registered(client)
        await client.ports.settings.db.run(more, MOST_SESSIONS - 1, "2020-01-01 00:00:00")
        second = (await client.post("/api/auth/login", ADA)).json()
        listed = (await as_member(client, "GET", "/api/auth/sessions", first)).json()["sessions"]
        assert len(listed) == MOST_SESSIONS
        assert {first["session_id"], second["session_id"]} <= {session["id"] for session in listed}
        await client.ports.settings.db.run(later)
        third = (await client.post("/api/auth/login", ADA)).json()
        statuses = [
            (await as_member(client, "GET", "/api/auth/me", tokens)).status for tokens in (first, second, third)
        ]
        assert statuses == [401, 200, 200]

    run(case)


def test_sessions_are_listed_and_ended_one_by_one_or_all(run: Run) -> None:
    async def case(client: Client) -> None:
        first = await registered(client)
        named = [("user-agent", "Tester/1.0")]
        second = (await client.post("/api/auth/login", ADA, headers=named)).json()
        ben = await registered(client, email="ben@example.org")
        listed = (await as_member(client, "GET", "/api/auth/sessions", first)).json()["sessions"]
        assert {session["id"]: (session["client"], session["is_current"]) for session in listed} == {
            first["session_id"]: ("", True),
            second["session_id"]: ("Tester/1.0", False),
        }
        target = f"/api/auth/sessions/{second['session_id']}"
        assert [(await as_member(client, "GET", target, who)).status for who in (ben, first, second)] == [404, 200, 200]
        assert (await as_member(client, "GET", target, second)).json()["is_current"]
        assert (await as_member(client, "DELETE", target, ben)).status == 404
        assert (await as_member(client, "DELETE", target, first)).status == 204
        assert (await as_member(client, "GET", target, first)).status == 404
        assert (await as_member(client, "DELETE", target, first)).status == 404
        assert (await as_member(client, "GET", "/api/auth/me", second)).status == 401
        assert (await as_member(client, "DELETE", "/api/auth/sessions", first)).status == 204
        assert (await as_member(client, "GET", "/api/auth/me", first)).status == 401
        assert (await refreshed(client, first["refresh_token"])).json()["reason"] == "revoked"
        assert (await as_member(client, "GET", "/api/auth/me", ben)).status == 200

    run(case)


def test_deletion_removes_own_rows_and_anonymises_shared_ones(run: Run) -> None:
    async def case(client: Client) -> None:
        settings: Any = client.ports.settings
        ada, ben = await registered(client), await registered(client, email="ben@example.org")
        for tokens in (ada, ben):
            note = {"text": "own", "owner_id": tokens["user_id"]}
            assert (await as_member(client, "POST", "/notes", tokens, note)).status == 201
        review = "INSERT INTO reviews (author_id, author_name, text) VALUES (?, 'Ada', 'good')"
        await settings.db.run(review, ada["user_id"])
        wrong = await as_member(client, "DELETE", "/api/auth/me", ada, {"password": "wrong horse battery"})
        assert wrong.status == 401
        gone = await as_member(client, "DELETE", "/api/auth/me", ada, {"password": ADA["password"]})
        assert gone.status == 204, gone.text
        owners = [row["owner_id"] for row in await settings.db.all("SELECT owner_id FROM notes")]
        assert owners == [ben["user_id"]]
        assert await settings.db.all("SELECT author_id, author_name, text FROM reviews") == [
            {"author_id": None, "author_name": None, "text": "good"}
        ]
        tables = ("users", "user_passwords", "refresh_tokens")
        counts = [await settings.db.first(f"SELECT count(*) AS n FROM {table}") for table in tables]
        assert [row["n"] for row in counts] == [1, 1, 1]
        assert (await as_member(client, "GET", "/api/auth/me", ada)).status == 401
        ended = await refreshed(client, ada["refresh_token"])
        assert (ended.status, ended.json()["reason"]) == (401, "revoked")
        assert (await client.post("/api/auth/login", ADA)).status == 401
        await registered(client)

    run(case)


@pytest.mark.parametrize("password", ["password1", "ada@example.org", "vinylvault1", "Example1", "baseball"])
def test_password_that_others_guess_is_refused(local: Run, password: str) -> None:
    async def case(client: Client) -> Answer:
        return await client.post("/api/auth/register", ADA | {"password": password})

    answer = local(case)
    assert (answer.status, answer.json()["errors"][0]["pointer"]) == (422, "/password")


def test_cookie_goes_with_the_account(local: Run) -> None:
    async def case(client: Client) -> Answer:
        tokens = await registered(client)
        headers = [*SITE, ("authorization", f"Bearer {tokens['access_token']}")]
        return await client.request("DELETE", "/api/auth/me", headers=headers, json={"password": ADA["password"]})

    assert (local(case).header("set-cookie") or "").startswith("__Secure-refresh=; Path=/api/auth; Max-Age=0;")


@pytest.mark.parametrize("missing", ["MAILER", "SITE_URL", "MAIL_SENDER"])
def test_routes_that_mail_answer_503_without_a_mailer(local: Run, missing: str) -> None:
    local.env |= {
        missing: "off" if missing == "MAILER" else "",
        "ENVIRONMENT": "staging",
        "ACCOUNT_CONFIRMATION": "none",
    }

    async def case(client: Client) -> list[Answer]:
        tokens = await registered(client)
        change = {"password": ADA["password"], "email": "new@example.org"}
        return [
            await client.post("/api/auth/reset", {"email": "nobody@example.org"}),
            await as_member(client, "POST", "/api/auth/email", tokens, change),
        ]

    assert [(answer.status, answer.json()["setting"]) for answer in local(case)] == [(503, missing)] * 2
