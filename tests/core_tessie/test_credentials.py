"""Tokens and tickets end with their key and have at most its rights; administrators are never bound."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from core_tessie.app import app
from edge.access import ADMIN
from edge.auth.callers import Signing
from edge.auth.keys import hashed
from edge.auth.tickets import _hashed
from edge.auth.tokens import LONGEST, kid_of
from edge.testing import Answer, Client

from .conftest import Runner
from .energy_rows import database
from .test_auth import KEY, OTHERS, OURS, SIGNING_KEY, by, create_key, forged, keyed

pytestmark = pytest.mark.slow

ADMIN_ROUTES = sorted((endpoint.method, endpoint.path) for endpoint in app.endpoints if endpoint.access is ADMIN)
SIGNING = Signing("core-tessie-api", [SIGNING_KEY])


def signed(**claims: Any) -> str:
    """Return an administrator's token with other claims of any type; None leaves a claim out."""
    all_claims = jwt.decode(forged(), options={"verify_signature": False}) | claims
    payload = json.dumps({name: value for name, value in all_claims.items() if value is not None}).encode()
    return jwt.api_jws.encode(payload, SIGNING_KEY, "HS256", headers={"kid": kid_of(SIGNING_KEY)})


async def token_of(caller: Client, **members: Any) -> str:
    """Return a token of a caller's key."""
    answer = await caller.post("/auth/token", members)
    assert answer.status == 201, answer.text
    token: str = answer.json()["access_token"]
    return token


async def with_token(client: Client, **members: Any) -> tuple[Any, Client, Client]:
    """Return a new key, and clients with it and with a token of it."""
    key = await create_key(client, **members)
    caller = by(client, key["key"])
    return key, caller, by(client, await token_of(caller))


async def entered(client: Client, ticket: Answer) -> int:
    """Return the status of the socket's route with a ticket: 426 means that the ticket was accepted."""
    assert ticket.status == 201, ticket.text
    return (await client.anonymous().get(ticket.json()["ws"])).status


async def on_admin_routes(caller: Client) -> set[int]:
    """Return the statuses of all routes of administrators."""
    paths = [(method, path.replace("{", "").replace("}", "")) for method, path in ADMIN_ROUTES]
    return {(await caller.request(method, path)).status for method, path in paths}


@pytest.mark.parametrize("body", [{"subjects": [OURS]}, {"subjects": [OURS], "role": "admin"}])
def test_administrators_token_with_subjects_is_refused(run: Runner, body: dict[str, Any]) -> None:
    async def case(client: Client) -> list[Answer]:
        administrators = (client, await keyed(client, role="admin"))
        return [await administrator.post("/auth/token", body) for administrator in administrators]

    for refused in run(case):
        assert (refused.status, refused.json()["errors"][0]["pointer"]) == (422, "/subjects")


def test_administrator_gets_bound_tokens_of_lower_roles(run: Runner) -> None:
    async def case(client: Client) -> tuple[Any, set[int]]:
        caller = by(client, await token_of(client, role="operator", subjects=[OURS]))
        return (await caller.get("/auth/me")).json(), await on_admin_routes(caller)

    myself, statuses = run(case)
    assert (myself["role"], myself["subjects"], statuses) == ("operator", [OURS], {403})


def test_bound_administrator_is_refused_by_any_credential(run: Runner) -> None:
    """Rows and claims that no route creates: rows written by hand, a token of an earlier version."""

    async def case(client: Client) -> list[Any]:
        db = database(client)
        results = list[Any]()
        key, caller, by_token = await with_token(client, role="admin")
        tickets = [await holder.post("/ws/ticket") for holder in (client, caller)]
        await db.run("UPDATE tickets SET subjects = ?", json.dumps([OURS]))
        results += [await entered(client, ticket) for ticket in tickets]
        await db.run("UPDATE api_keys SET subjects = ? WHERE id = ?", json.dumps([OURS]), key["id"])
        own = {"sub": key["id"], "key": key["id"], "admin_key": None}
        forgeries = [signed(subjects=[OURS]), signed(subjects=[]), signed(subjects=[OURS], **own)]
        for caller_ in (caller, by_token, *(by(client, forgery) for forgery in forgeries)):
            results.append(await on_admin_routes(caller_))
            results.append((await caller_.get("/auth/me")).status)
        return results

    assert len(ADMIN_ROUTES) > 5
    assert run(case) == [401, 401, *[{401}, 401] * 5]


def test_token_dies_with_its_revoked_key_at_once(run: Runner) -> None:
    async def case(client: Client) -> list[Answer]:
        key, _, by_token = await with_token(client)
        answers = [await by_token.get("/auth/me") for _ in range(2)]
        await client.post(f"/auth/keys/{key['id']}/revoke")
        return [*answers, *[await by_token.get(path) for path in ("/auth/me", "/d1/vehicles")]]

    answers = run(case)
    assert [answer.status for answer in answers] == [200, 200, 401, 401]
    assert answers[-1].json()["detail"] == "the key was revoked"


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ("UPDATE api_keys SET revoked_at = '2026-01-01 00:00:00' WHERE id = ?", "the key was revoked"),
        ("UPDATE api_keys SET expires_at = '2026-01-01 00:00:00' WHERE id = ?", "the key has expired"),
        ("UPDATE api_keys SET expires_at = 'some day' WHERE id = ?", "the key's row cannot be read"),
        ("UPDATE api_keys SET subjects = '[[1]]' WHERE id = ?", "the key's row cannot be read"),
        ("UPDATE api_keys SET subjects = '' WHERE id = ?", "the key's row cannot be read"),
        ("DELETE FROM api_keys WHERE id = ?", "the key is gone"),
    ],
)
def test_token_and_ticket_die_with_their_key(run: Runner, change: str, detail: str) -> None:
    async def case(client: Client) -> tuple[int, int, Answer, Answer]:
        key, caller, by_token = await with_token(client)
        tickets = [await holder.post("/ws/ticket") for holder in (caller, caller)]
        before = await entered(client, tickets[0])
        await database(client).run(change, key["id"])
        return before, await entered(client, tickets[1]), await by_token.get("/auth/me"), await caller.get("/auth/me")

    before, after, refused, key = run(case)
    assert (before, after, refused.status, key.status) == (426, 401, 401, 401)
    assert refused.json()["detail"] == detail


def test_ticket_ends_no_later_than_its_credential(run: Runner) -> None:
    ends_at = (datetime.now(UTC) + timedelta(seconds=20)).replace(microsecond=0)

    async def case(client: Client) -> tuple[str, float]:
        caller = await keyed(client, expires_at=ends_at.isoformat())
        ticket = (await caller.post("/ws/ticket")).json()["expires_at"]
        [row] = await database(client).all("SELECT * FROM tickets")
        return ticket, row["ends_at"]

    ticket, credential = run(case)
    assert datetime.fromisoformat(ticket).replace(tzinfo=UTC) <= ends_at
    assert credential == ends_at.timestamp()


def test_tickets_of_tokens_die_with_the_key(run: Runner) -> None:
    async def case(client: Client) -> list[int]:
        key, _, by_token = await with_token(client)
        tickets = [await by_token.post("/ws/ticket") for _ in range(2)]
        before = await entered(client, tickets[0])
        await database(client).run("DELETE FROM api_keys WHERE id = ?", key["id"])
        return [before, await entered(client, tickets[1])]

    assert run(case) == [426, 401]


def test_token_is_narrowed_with_its_key(run: Runner) -> None:
    async def case(client: Client) -> list[Any]:
        key, _, by_token = await with_token(client, role="operator", subjects=[OURS, OTHERS], daily_calls=500)
        update = "UPDATE api_keys SET role = 1, subjects = ?, daily_calls = 400 WHERE id = ?"
        await database(client).run(update, json.dumps([OURS]), key["id"])
        return [(await by_token.get("/auth/me")).json(), (await by_token.post("/events", {})).status]

    myself, operators = run(case)
    assert (myself["role"], myself["subjects"], myself["daily_calls"]) == ("reader", [OURS], 400)
    assert operators == 403


def test_token_of_withdrawn_rights_is_refused(run: Runner) -> None:
    async def case(client: Client) -> Answer:
        key = await create_key(client, subjects=[OURS, OTHERS])
        by_token = by(client, await token_of(by(client, key["key"]), subjects=[OTHERS]))
        await database(client).run("UPDATE api_keys SET subjects = ? WHERE id = ?", json.dumps([OURS]), key["id"])
        return await by_token.get("/auth/me")

    refused = run(case)
    assert (refused.status, "no longer bound" in refused.json()["detail"]) == (401, True)


def test_token_never_outlives_its_key(run: Runner) -> None:
    ends_at = (datetime.now(UTC) + timedelta(seconds=200)).replace(microsecond=0)

    async def case(client: Client) -> tuple[Any, Any]:
        key = await create_key(client, expires_at=ends_at.isoformat())
        longer = await by(client, key["key"]).post("/auth/token", {"lifetime_s": 3600})
        shorter = await by(client, key["key"]).post("/auth/token", {"lifetime_s": 60})
        return longer.json(), shorter.json()

    longer, shorter = run(case)
    left = ends_at.timestamp() - datetime.now(UTC).timestamp()
    claims = jwt.decode(longer["access_token"], options={"verify_signature": False})
    assert left - 2 < longer["expires_in"] < left + 20
    assert claims["exp"] <= ends_at.timestamp()
    assert claims["exp"] - claims["iat"] <= longer["expires_in"]
    assert shorter["expires_in"] == 60


def test_key_in_its_last_second_gives_no_token(tmp_path: Path) -> None:
    async def case(client: Client) -> list[int]:
        key = await create_key(client, expires_at=(datetime.now(UTC) + timedelta(seconds=3)).isoformat())
        caller = by(client, key["key"])
        tokens = [(await caller.post("/auth/token", {})).json()]
        await asyncio.sleep(3.1)
        after = [await by(client, tokens[0]["access_token"]).get("/auth/me"), await caller.post("/auth/token", {})]
        return [tokens[0]["expires_in"], *[answer.status for answer in after]]

    expires_in, *after = Runner(tmp_path, 9)(case)
    assert 1 <= expires_in <= 3
    assert after == [401, 401]


async def statuses(client: Client, *tokens: str) -> list[int]:
    return [(await by(client, token).get("/auth/me")).status for token in tokens]


async def administrators_tokens(client: Client) -> list[str]:
    return [await token_of(client), await token_of(client, role="reader", subjects=[OURS])]


def test_administrators_tokens_end_with_the_key(run: Runner) -> None:
    tokens = run(administrators_tokens)
    assert run(lambda client: statuses(client, *tokens)) == [200, 200]
    run.env["ADMIN_API_KEY"] = f"{KEY}-2"
    assert run(lambda client: statuses(client, *tokens)) == [401, 401]


@pytest.mark.parametrize(("setting", "status"), [(f"sha256:{hashed(KEY)}", 200), ("", 401)], ids=["hash", "none"])
def test_administrators_tokens_live_while_the_key_is_the_same(tmp_path: Path, setting: str, status: int) -> None:
    runner = Runner(tmp_path, 9)
    tokens = runner(administrators_tokens)
    runner.env["ADMIN_API_KEY"] = setting
    assert runner(lambda client: statuses(client, *tokens)) == [status, status]


def test_administrators_ticket_ends_with_the_key(tmp_path: Path) -> None:
    runner = Runner(tmp_path, 9)
    tickets = runner(lambda client: asyncio.gather(*(client.post("/ws/ticket") for _ in range(2))))
    assert runner(lambda client: entered(client, tickets[0])) == 426
    runner.env["ADMIN_API_KEY"] = f"{KEY}-2"
    assert runner(lambda client: entered(client, tickets[1])) == 401


def test_no_token_tells_anything_of_the_administrators_key(run: Runner) -> None:
    token = run(token_of)
    payload = json.dumps(jwt.decode(token, options={"verify_signature": False}))
    assert KEY not in payload
    assert hashed(KEY)[:12] not in payload
    assert SIGNING.marks(hashed(KEY))[0] in payload


def test_administrators_tokens_live_on_while_signing_keys_change(tmp_path: Path) -> None:
    runner = Runner(tmp_path, 9)
    tokens = runner(administrators_tokens)
    runner.env |= {"JWT_SECRET_KEY": "another-signing-key-of-32-bytes!", "JWT_SECRET_KEY_OLD": SIGNING_KEY}
    assert runner(lambda client: statuses(client, *tokens)) == [200, 200]
    runner.env["JWT_SECRET_KEY_OLD"] = ""
    assert runner(lambda client: statuses(client, *tokens)) == [401, 401]


def test_ticket_guesses_are_refused(run: Runner) -> None:
    async def case(client: Client) -> list[int]:
        ticket = (await client.post("/ws/ticket")).json()["ticket"]
        bare, _, proof = ticket.rpartition(".")
        other = SIGNING.keys.prove(bare)
        guesses = [bare, f"{bare}.", f"{bare}.{proof[:-1]}", f"x{bare}.{proof}", other, "%ED%A0%80", "%C3%A9." + proof]
        statuses = [(await client.anonymous().get(f"/ws?ticket={guess}")).status for guess in guesses]
        rows = await database(client).all("SELECT * FROM tickets")
        assert [row["id"] for row in rows] == [_hashed(ticket)]
        return [*statuses, (await client.anonymous().get(f"/ws?ticket={ticket}")).status]

    *refused, good = run(case)
    assert (refused, good) == ([401, 401, 401, 401, 401, 400, 401], 426)


def test_tickets_open_without_a_signing_key(tmp_path: Path) -> None:
    runner = Runner(tmp_path, 9)
    runner.env["JWT_SECRET_KEY"] = ""

    async def case(client: Client) -> list[int]:
        tickets = [await client.post("/ws/ticket"), await (await keyed(client)).post("/ws/ticket")]
        return [await entered(client, ticket) for ticket in tickets]

    assert runner(case) == [426, 426]


WIDE = [[f"{number:02}".ljust(100, mark) for number in range(50)] for mark in ("x", "é", "\U0001f697")]


def test_token_of_many_long_subjects_is_accepted_or_refused_when_it_is_made(run: Runner) -> None:
    async def case(client: Client) -> list[Any]:
        plain, *wide = [await keyed(client, subjects=subjects) for subjects in WIDE]
        token = await token_of(plain)
        headers = [[("authorization", f"Bearer {token}")], [("x-api-key", token)]]
        seen = [await client.anonymous().get("/auth/me", headers=header) for header in headers]
        keys = [(await holder.get("/auth/me")).json()["subjects"] for holder in (plain, *wide)]
        refused = [await holder.post("/auth/token", {}) for holder in wide]
        fewer = by(client, await token_of(wide[0], subjects=WIDE[1][:5]))
        return [len(token), seen, keys, refused, (await fewer.get("/auth/me")).json()["subjects"]]

    length, seen, keys, refused, fewer = run(case)
    assert 4096 < length <= LONGEST
    assert [answer.json()["subjects"] for answer in seen] == [sorted(WIDE[0])] * 2
    assert keys == [sorted(subjects) for subjects in WIDE]
    assert [(answer.status, answer.json()["errors"][0]["pointer"]) for answer in refused] == [(422, "/subjects")] * 2
    assert fewer == sorted(WIDE[1][:5])


ODD_CLAIMS: dict[str, dict[str, Any]] = {
    "exp as text": {"exp": "9999999999"},
    "exp as a list": {"exp": [9_999_999_999]},
    "exp beyond floats": {"exp": 10**400},
    "exp true": {"exp": True},
    "iat as text": {"iat": "1"},
    "nbf as an object": {"nbf": {}},
    "a lone surrogate in sub": {"sub": "\ud800"},
    "a NUL in sub": {"sub": "admin\x00"},
    "sub as a number": {"sub": 1},
    "a lone surrogate in subjects": {"role": "reader", "subjects": ["\udfff"]},
    "role as a list": {"role": ["admin"]},
    "role as an object": {"role": {}},
    "daily_calls as a fraction": {"daily_calls": 1.5},
    "jti as a list": {"jti": []},
    "a lone surrogate as the mark": {"admin_key": "\ud800"},
}


@pytest.mark.parametrize("claims", ODD_CLAIMS.values(), ids=ODD_CLAIMS)
def test_signed_token_of_odd_claims_is_refused_and_is_no_fault(run: Runner, claims: dict[str, Any]) -> None:
    async def case(client: Client) -> list[int]:
        token = signed(**claims)
        sent = [[("authorization", f"Bearer {token}")], [("x-api-key", token)]]
        return [(await client.anonymous().get("/auth/me", headers=headers)).status for headers in sent]

    assert run(case) == [401, 401]
