"""Members as callers: access tokens, tickets of live events, the administrator beside them, and odd input."""

import asyncio
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import scrypt
from typing import Any

import pytest
from tests.edge.parts.conftest import SetClock
from tests.patience import pauses

from edge.access import ADMIN, READER, Actor
from edge.auth.accounts.sessions import member
from edge.auth.callers import AccessSettings, Callers
from edge.auth.limits import Limits
from edge.auth.tokens import Tokens
from edge.data import MEMBER, kind_of
from edge.errors import Unauthorized
from edge.testing import Answer, Client

from .conftest import ADA, ADMIN_KEY, SECRET, Run, as_member, registered


async def with_token(client: Client, token: str) -> Answer:
    return await client.get("/api/auth/me", headers=[("authorization", f"Bearer {token}")])


def issued(actor: Actor, *, name: str = "api", secret: str = SECRET, age: float = 0.0) -> str:
    issued_at = datetime.now(UTC) - timedelta(seconds=age)
    return Tokens(name, (secret,)).issue(actor, issued_at, timedelta(minutes=15))


def test_access_token_of_another_session_user_or_key_is_refused(local: Run) -> None:
    async def case(client: Client) -> dict[str, int]:
        tokens = await registered(client)
        ben = await registered(client, email="ben@example.org")
        user, session = tokens["user_id"], tokens["session_id"]
        good = member(user, session)
        texts = {
            "good": issued(good),
            "another secret": issued(good, secret="x" * 32),
            "another issuer": issued(good, name="another"),
            "expired": issued(good, age=901),
            "no such session": issued(member(user, "ses_none")),
            "another user's session": issued(member(ben["user_id"], session)),
            "no session": issued(Actor(user, READER)),
            "no session, but a member": issued(member(user, user)),
            "an administrator of another key": issued(Actor("admin", ADMIN, fingerprint="f" * 32)),
            "an administrator without a mark": issued(Actor("admin", ADMIN)),
            "the refresh token": tokens["refresh_token"],
            "the session's id": session,
            "an API key": "key_phone-12345678.secret.proof",
            "nothing": "x",
        }
        return {name: (await with_token(client, text)).status for name, text in texts.items()}

    statuses = local(case)
    assert statuses.pop("good") == 200
    assert statuses == dict.fromkeys(statuses, 401)


def test_administrator_sees_all_rows_and_has_no_account(local: Run) -> None:
    async def case(client: Client) -> list[int]:
        await registered(client)
        admin = [("x-api-key", ADMIN_KEY)]
        bodies = {"password": "p", "new_password": "a new password"}
        return [
            (await client.get("/notes", headers=admin)).status,
            (await client.get("/api/auth/me", headers=admin)).status,
            (await client.request("POST", "/api/auth/password", headers=admin, json=bodies)).status,
            (await client.request("DELETE", "/api/auth/me", headers=admin, json={"password": "p"})).status,
            (await client.get("/api/auth/sessions", headers=admin)).status,
        ]

    assert local(case) == [200, 404, 404, 404, 200]


def test_without_an_administrators_key_members_come_in_and_others_get_401(local: Run) -> None:
    del local.env["ADMIN_API_KEY"]

    async def case(client: Client) -> list[int]:
        tokens = await registered(client)
        answers = [await with_token(client, text) for text in (tokens["access_token"], ADMIN_KEY, "")]
        return [answer.status for answer in answers]

    assert local(case) == [200, 401, 401]


def test_without_a_signing_key_accounts_answer_503(local: Run) -> None:
    del local.env["JWT_SECRET"]

    async def case(client: Client) -> list[tuple[int, str]]:
        answers = [
            await client.post("/api/auth/register", ADA),
            await client.post("/api/auth/login", ADA),
            await client.post("/api/auth/refresh", {"refresh_token": "ses_1.0.x"}),
            await with_token(client, issued(member("usr_1", "ses_1"))),
        ]
        return [(answer.status, answer.json()["setting"]) for answer in answers]

    assert local(case) == [(503, "JWT_SECRET")] * 4


def test_ticket_of_a_member_opens_events_as_the_member(run: Run) -> None:
    async def case(client: Client) -> None:
        tokens = await registered(client)
        ticket = await as_member(client, "POST", "/ws/ticket", tokens)
        assert ticket.status == 201, ticket.text
        settings: Any = client.ports.settings
        row = await settings.db.first("SELECT actor, fingerprint FROM tickets")
        assert row == {"actor": tokens["user_id"], "fingerprint": tokens["session_id"]}
        await as_member(client, "DELETE", "/api/auth/sessions", tokens)
        late = await client.get(ticket.json()["events"])
        assert (late.status, "the session has ended" in late.text) == (401, True)

    run(case)


def test_ticket_of_a_member_outlives_the_access_token(run: Run) -> None:
    async def case(client: Client) -> None:
        tokens = await registered(client)
        ticket = (await as_member(client, "POST", "/ws/ticket", tokens)).json()
        left = datetime.fromisoformat(ticket["resumes_until"]).replace(tzinfo=UTC) - datetime.now(UTC)
        assert timedelta(hours=11) < left <= timedelta(hours=12)
        settings: Any = client.ports.settings
        row = await settings.db.first("SELECT ends_at, fingerprint FROM tickets")
        assert row == {"ends_at": None, "fingerprint": tokens["session_id"]}
        assert [(await client.get(ticket["ws"])).status for _ in range(2)] == [426, 426]

    run(case)


@pytest.mark.parametrize("change", ["a log-out", "a password change", "a deletion", "the session's expiry"])
def test_ticket_of_a_member_ends_with_the_session(run: Run, change: str) -> None:
    async def case(client: Client) -> list[int]:
        tokens = await registered(client)
        other = (await client.post("/api/auth/login", ADA)).json()
        ticket = (await as_member(client, "POST", "/ws/ticket", tokens)).json()["ws"]
        statuses = [(await client.get(ticket)).status]
        settings: Any = client.ports.settings
        match change:
            case "a log-out":
                answer = await as_member(client, "DELETE", f"/api/auth/sessions/{tokens['session_id']}", other)
            case "a password change":
                passwords = {"password": ADA["password"], "new_password": "another good password"}
                answer = await as_member(client, "POST", "/api/auth/password", other, json=passwords)
            case "a deletion":
                password = {"password": ADA["password"]}
                answer = await as_member(client, "DELETE", "/api/auth/me", other, json=password)
            case _:
                answer = await as_member(client, "GET", "/api/auth/me", tokens)
                await settings.db.run("UPDATE refresh_tokens SET expires_at = '2026-01-01 00:00:00'")
        assert answer.status < 300, answer.text
        return [*statuses, (await client.get(ticket)).status]

    assert run(case) == [426, 401]


def test_open_socket_is_looked_at_again_and_ends_with_its_session(local: Run) -> None:
    async def case(client: Client) -> None:
        tokens = await registered(client)
        carried = Actor(
            tokens["user_id"],
            READER,
            is_token=True,
            expires_at=time.time() + 60,
            fingerprint=tokens["session_id"],
        )
        actor = await client.app.revalidate(carried, client.ports)
        assert (actor.name, actor.is_member, kind_of(actor)) == (tokens["user_id"], True, MEMBER)
        for wrong in (
            carried._replace(name="usr_other"),
            carried._replace(fingerprint=None),
            carried._replace(fingerprint="f" * 32),
            carried._replace(expires_at=time.time() - 1),
        ):
            with pytest.raises(Unauthorized):
                await client.app.revalidate(wrong, client.ports)
        await as_member(client, "DELETE", "/api/auth/sessions", tokens)
        with pytest.raises(Unauthorized):
            await client.app.revalidate(actor, client.ports)

    local(case)


def test_member_token_opens_nothing_in_an_app_with_keys() -> None:
    clock = SetClock(datetime.now(UTC))
    settings = AccessSettings({"ADMIN_API_KEY": ADMIN_KEY, "JWT_SECRET_KEY": SECRET})
    callers = Callers(settings, None, clock, Limits(None, None, clock))
    actor = callers.tokens().read(issued(member("usr_1", "ses_1")))
    assert actor.is_member
    with pytest.raises(Unauthorized):
        asyncio.run(callers.revalidate(actor))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("register", {}),
        ("register", {"email": "not an address", "password": "a good password"}),
        ("register", {"email": "a@b.example\nBcc: eve@example.org", "password": "a good password"}),
        ("register", {"email": "ä@example.org", "password": "a good password"}),
        ("register", ADA | {"password": "short"}),
        ("register", ADA | {"password": "x" * 257}),
        ("register", ADA | {"plan": "enterprise"}),
        ("login", {"email": "x" * 255, "password": "p"}),
        ("login", {"email": 1, "password": "p"}),
        ("refresh", {"refresh_token": "x" * 201}),
        ("refresh", []),
        ("reset", {"email": ["ada@example.org"]}),
        ("reset/confirm", {"token": "x" * 101, "password": "a good password"}),
        ("email/confirm", {}),
        ("register/confirm", {"token": "", "password": "a good password"}),
    ],
)
def test_bad_body_is_a_problem_of_422(local: Run, path: str, body: Any) -> None:
    answer = local(lambda client: client.post(f"/api/auth/{path}", body))
    assert (answer.status, answer.header("content-type")) == (422, "application/problem+json")


def test_odd_texts_are_unknown_and_never_500(local: Run) -> None:
    async def case(client: Client) -> list[int]:
        odd = ["\0", "\ud7ff", "' OR 1=1 --", "%", "\u202e", "ses_1.0.\u00e9", "ses_.\u0661.x", "a.b.c.d", "😀" * 40]
        statuses = []
        for text in odd:
            statuses += [
                (await client.post("/api/auth/login", {"email": text, "password": text})).status,
                (await client.post("/api/auth/refresh", {"refresh_token": text})).status,
                (await client.post("/api/auth/reset/confirm", {"token": text, "password": "a good password"})).status,
            ]
        return statuses

    assert {*local(case)} == {401, 404}


def test_passwords_are_taken_exactly_as_they_were_sent(local: Run) -> None:
    password = "  \tpassw\u00f6rd \u0000\U0001f600e\u0301  "

    async def case(client: Client) -> list[int]:
        await registered(client, password=password)
        tries = [password, password.strip(), password.replace("e\u0301", "\u00e9"), password.upper()]
        answers = [await client.post("/api/auth/login", ADA | {"password": password}) for password in tries]
        return [answer.status for answer in answers]

    assert local(case) == [200, 401, 401, 401]


def test_hash_of_an_old_cost_is_raised_at_log_in(local: Run) -> None:
    async def case(client: Client) -> list[str]:
        settings: Any = client.ports.settings
        await registered(client)
        statuses = []
        old = "$scrypt$ln=4,r=8,p=1$c2FsdA$"
        digest = scrypt(ADA["password"].encode(), salt=b"salt", n=16, r=8, p=1, dklen=32)
        await settings.db.run("UPDATE user_passwords SET hash = ?", old + b64encode(digest).decode().rstrip("="))
        wrong = await client.post("/api/auth/login", ADA | {"password": "wrong horse battery"})
        right = await client.post("/api/auth/login", ADA)
        assert (wrong.status, right.status) == (401, 200)
        async for _ in pauses():
            row = await settings.db.first("SELECT hash FROM user_passwords")
            statuses.append(row["hash"][:20])
            if not statuses[-1].startswith("$scrypt$ln=4"):
                break
        assert (await client.post("/api/auth/login", ADA)).status == 200
        return statuses

    assert local(case)[-1].startswith("$scrypt$ln=10,r=8,p=")
