"""`/auth` and its permissions: keys, tokens, roles, and keys that are bound to some vehicles."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from tests.patience import pauses

from core_tessie.app import app
from edge.auth.callers import Signing
from edge.auth.keys import hashed
from edge.auth.tokens import kid_of
from edge.routing import ANY
from edge.runtimes.local.runtime import StartError
from edge.testing import Answer, Client
from sims.tessie import Fleet, Simulator

from .conftest import ENV, Runner
from .energy_rows import database

OURS, OTHERS = "5YJ3E1EA1KF000001", "5YJ3E1EA1KF000002"
SIGNING_KEY = ENV["JWT_SECRET_KEY"]
KEY = ENV["ADMIN_API_KEY"]
MARK = Signing("core-tessie-api", [SIGNING_KEY]).marks(hashed(KEY))[0]


def by(client: Client, key: str) -> Client:
    """Return a client that calls with another key."""
    other = client.anonymous()
    other.headers = [("authorization", f"Bearer {key}")]
    return other


async def create_key(client: Client, **members: Any) -> Any:
    answer = await client.post("/auth/keys", {"name": "test", **members})
    assert answer.status == 201, answer.text
    return answer.json()


async def keyed(client: Client, **members: Any) -> Client:
    """Return a client with a key of its own."""
    return by(client, (await create_key(client, **members))["key"])


PUBLIC = {"/", "/health"}


def test_public_routes_are_those_of_the_specification() -> None:
    assert {endpoint.path for endpoint in app.endpoints if endpoint.access.name == "PUBLIC"} == PUBLIC


def test_all_other_routes_need_a_key(run: Runner) -> None:
    async def case(client: Client) -> dict[str, int]:
        stranger = client.anonymous()
        statuses = {}
        for endpoint in app.endpoints:
            if endpoint.path not in PUBLIC:
                path = endpoint.path.replace("{vin}", OURS).replace("{path:path}", "state")
                method = "GET" if endpoint.method == ANY else endpoint.method
                statuses[f"{method} {path}"] = (
                    await stranger.request(method, path.replace("{", "").replace("}", ""))
                ).status
        return statuses

    statuses = run(case)
    assert len(statuses) > 30
    assert set(statuses.values()) == {401}, statuses


def test_a_key_is_shown_once_and_kept_as_a_hash(run: Runner) -> None:
    async def case(client: Client) -> tuple[Any, ...]:
        key = await create_key(client, name="Léa's phone", role="operator", daily_calls=1000)
        listed = await client.get("/auth/keys")
        single = await client.get(f"/auth/keys/{key['id']}")
        (row,) = await database(client).all("SELECT * FROM api_keys")
        return key, listed, single, row

    key, listed, single, row = run(case)
    secret = key.pop("key")
    assert secret.startswith(f"key_{key['id']}.")
    assert len(secret) > 60
    assert secret.startswith(key["prefix"])
    assert len(key["prefix"]) == len(f"key_{key['id']}.") + 4
    assert (key["name"], key["role"], key["actor"], key["daily_calls"]) == ("Léa's phone", "operator", "admin", 1000)
    assert listed.json() == [key]
    assert single.json() == key
    assert row["hash"] == hashed(secret)
    for text in (listed.text, single.text, repr(row)):
        assert secret[len(key["prefix"]) :] not in text


def test_the_last_use_of_a_key_is_noted(run: Runner) -> None:
    async def case(client: Client) -> tuple[str | None, str | None]:
        key = await create_key(client)
        for _ in range(2):
            assert (await by(client, key["key"]).get("/auth/me")).status == 200
        async for _ in pauses():
            used = (await client.get(f"/auth/keys/{key['id']}")).json()["last_used_at"]
            if used:
                break
        return key["last_used_at"], used

    before, after = run(case)
    assert before is None
    assert after is not None
    assert abs(datetime.fromisoformat(after).replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(minutes=1)


def test_revoked_key_is_refused_at_once(run: Runner) -> None:
    async def case(client: Client) -> list[Answer]:
        key = await create_key(client)
        caller = by(client, key["key"])
        answers = [await caller.get("/auth/me")]
        answers += [await client.post(f"/auth/keys/{key['id']}/revoke") for _ in range(2)]
        return [*answers, await caller.get("/auth/me"), await caller.get("/d1/vehicles")]

    first, revoked, again, after, other = run(case)
    assert (first.status, revoked.status, again.status) == (200, 200, 200)
    assert revoked.json()["revoked_at"] == again.json()["revoked_at"] is not None
    assert (after.status, after.json()["detail"], other.status) == (401, "the key was revoked", 401)


def test_key_expires_at_its_end(run: Runner) -> None:
    async def case(client: Client) -> list[Answer]:
        key = await create_key(client, expires_at=(datetime.now(UTC) + timedelta(days=1)).isoformat())
        caller = by(client, key["key"])
        before = await caller.get("/auth/me")
        await database(client).run("UPDATE api_keys SET expires_at = '2026-01-01 00:00:00'")
        return [before, await caller.get("/auth/me")]

    before, after = run(case)
    assert (before.status, after.status, after.json()["detail"]) == (200, 401, "the key has expired")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/name"),
        ({"name": ""}, "/name"),
        ({"name": "x", "role": "root"}, "/role"),
        ({"name": "x", "role": "admin", "subjects": [OURS]}, "/subjects"),
        ({"name": "x", "subjects": []}, "/subjects"),
        ({"name": "x", "expires_at": "2026-01-01T00:00:00Z"}, "/expires_at"),
        ({"name": "x", "expires_at": "2099-01-01T00:00:00"}, "/expires_at"),
        ({"name": "x", "daily_calls": 0}, "/daily_calls"),
        ({"name": "x", "hash": "y"}, "/hash"),
    ],
)
def test_invalid_key_request_is_refused(run: Runner, body: Any, pointer: str) -> None:
    async def case(client: Client) -> tuple[Answer, int]:
        answer = await client.post("/auth/keys", body)
        return answer, len((await client.get("/auth/keys")).json())

    answer, count = run(case)
    assert (answer.status, answer.json()["errors"][0]["pointer"], count) == (422, pointer, 0)


ASKED = [("GET", "/auth/me"), ("POST", "/colbycommands/sync"), ("GET", "/d1/logs"), ("GET", "/auth/keys")]


@pytest.mark.parametrize(
    ("role", "refused"), [("reader", [0, 1, 1, 1]), ("operator", [0, 0, 1, 1]), ("admin", [0, 0, 0, 0])]
)
def test_each_role_has_its_permissions(run: Runner, role: str, refused: list[int]) -> None:
    async def case(client: Client) -> list[int]:
        caller = await keyed(client, role=role)
        return [(await caller.request(method, path)).status for method, path in ASKED]

    assert [status == 403 for status in run(case)] == [bool(is_refused) for is_refused in refused]


def guesses(key: str) -> list[str]:
    head, _, secret = key.partition(".")
    return [
        head,
        f"{head}.",
        f"{head}.{secret[:-1]}",
        f"{head}.{secret}x",
        f"{head}.{secret.swapcase()}",
        f"{head}..{secret}",
        f"key_.{secret}",
        f"key_%.{secret}",
        f"key_' OR 1=1 --.{secret}",
        f"{head[:-1]}.{secret}",
        f"{head}.{hashed(key)}",
        hashed(key),
        f"sha256:{hashed(key)}",
        f" {key[:10]}",
        "key_",
        "key_.",
        "admin",
        KEY[:-1],
        f"{KEY}y",
        KEY.upper(),
        f"sha256:{hashed(KEY)}",
        hashed(KEY),
        "k" * 7000,
        "null",
        "undefined",
        "[]",
        "\u00e9\u00e8",
    ]


def test_guessed_keys_get_401_without_details(run: Runner) -> None:
    async def case(client: Client) -> list[Answer]:
        key = (await create_key(client, role="admin"))["key"]
        return [await by(client, guess).get("/d1/vehicles") for guess in guesses(key)]

    answers = run(case)
    assert {answer.status for answer in answers} == {401}
    assert {answer.json()["detail"] for answer in answers} <= {
        "the key is not known",
        "the token is not valid",
        "the token was signed with a key that is not in use",
    }


def test_key_gets_a_short_lived_token_of_equal_rights(run: Runner) -> None:
    async def case(client: Client) -> tuple[Any, ...]:
        key = await create_key(client, role="operator", subjects=[OURS, OTHERS], daily_calls=500)
        answer = await by(client, key["key"]).post("/auth/token", {})
        token = answer.json()["access_token"]
        caller = by(client, token)
        return key, answer, (await caller.get("/auth/me")).json(), await caller.post("/auth/token", {}), token

    key, answer, myself, again, token = run(case)
    assert answer.status == 201
    assert {name: answer.json()[name] for name in ("token_type", "expires_in", "role")} == {
        "token_type": "Bearer",
        "expires_in": 900,
        "role": "operator",
    }
    assert myself == {
        "name": key["id"],
        "role": "operator",
        "subjects": [OURS, OTHERS],
        "daily_calls": 500,
        "is_token": True,
    }
    assert (again.status, again.json()["type"]) == (403, "urn:problem:not-for-tokens")
    claims = jwt.decode(token, SIGNING_KEY, algorithms=["HS256"], audience="core-tessie-api", issuer="core-tessie-api")
    assert claims["exp"] - claims["iat"] == 900
    assert jwt.get_unverified_header(token)["kid"] == kid_of(SIGNING_KEY)


def test_token_has_at_most_the_rights_of_its_key(run: Runner) -> None:
    async def case(client: Client) -> list[Answer]:
        caller = await keyed(client, role="operator", subjects=[OURS, OTHERS])
        less = {"role": "reader", "subjects": [OURS], "lifetime_s": 60}
        more: list[dict[str, Any]] = [{"role": "admin"}, {"subjects": [OURS, "5YJ3E1EA1KF000003"]}]
        wrong: list[dict[str, Any]] = [{"lifetime_s": 59}, {"lifetime_s": 3601}]
        answers = [await caller.post("/auth/token", body) for body in (less, *more, *wrong)]
        return [*answers, await by(client, answers[0].json()["access_token"]).get("/auth/me")]

    less, *refused, myself = run(case)
    assert less.status == 201
    assert (myself.json()["role"], myself.json()["subjects"]) == ("reader", [OURS])
    assert [answer.status for answer in refused] == [403, 403, 422, 422]


def forged(**changes: Any) -> str:
    now = datetime.now(UTC)
    claims = {
        "iss": "core-tessie-api",
        "aud": "core-tessie-api",
        "sub": "admin",
        "role": "admin",
        "iat": now,
        "nbf": now,
        "exp": now + timedelta(minutes=5),
        "admin_key": MARK,
    }
    key = changes.pop("key", SIGNING_KEY)
    headers = {"kid": changes.pop("kid", kid_of(SIGNING_KEY))}
    return jwt.encode(claims | changes, key, changes.pop("algorithm", "HS256"), headers=headers)


FORGED = {
    "another key": forged(key="x" * 32),
    "expired": forged(exp=datetime(2026, 1, 1, tzinfo=UTC)),
    "the future": forged(nbf=datetime.now(UTC) + timedelta(hours=1)),
    "another audience": forged(aud="other"),
    "a kid of nobody": forged(kid="x"),
    "none": jwt.encode({"sub": "admin", "role": "admin"}, "", "none"),
}


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED)
def test_a_forged_token_is_refused(run: Runner, token: str) -> None:
    async def case(client: Client) -> tuple[Answer, Answer]:
        return await by(client, token).get("/d1/vehicles"), await by(client, forged()).get("/d1/vehicles")

    refused, good = run(case)
    assert (refused.status, good.status) == (401, 200)
    assert refused.header("www-authenticate") == 'Bearer realm="api"'


@pytest.fixture
def sim(run: Any) -> Any:
    start = datetime(2025, 12, 29, tzinfo=UTC)
    until = datetime(2026, 1, 5, 20, tzinfo=UTC)
    with Simulator(Fleet(seed=7, start=start, until=until), port=run.tessie_port) as simulator:
        yield simulator


async def two_vehicles(client: Client) -> tuple[str, str]:
    """Insert two vehicles of the fleet with a drive each, and a report of both."""
    vins = [vehicle["vin"] for vehicle in (await client.get("/tessieapi/vehicles")).json()["results"]][:2]
    for vin in vins:
        await database(client).run("INSERT INTO vehicles (id, vin) VALUES (?, ?) ON CONFLICT DO NOTHING", vin, vin)
        drive = {"vin": vin, "tessie_id": 1, "started_at": "2026-01-01T10:00:00Z", "distance_mi": 10}
        assert (await client.post("/d1/drives", drive)).status == 201
    return vins[0], vins[1]


@pytest.mark.usefixtures("sim")
def test_a_key_bound_to_a_vehicle_sees_it_and_nothing_else_in_the_tables(run: Runner) -> None:
    async def case(client: Client) -> tuple[Any, ...]:
        ours, others = await two_vehicles(client)
        caller = await keyed(client, role="operator", subjects=[ours])
        seen = [
            (await caller.get(path)).json() for path in ("/d1/vehicles", "/d1/drives", f"/d1/drives?vin=eq.{others}")
        ]
        ones = [(await caller.get(f"/d1/{path}")).status for path in (f"drives/{ours}-1", f"drives/{others}-1")]
        count = (await caller.get("/d1/drives?limit=0")).header("content-range")
        closed = [(await caller.get(f"/d1/{name}")).status for name in ("sync_runs", "agent_messages", "logs")]
        tables = [table["name"] for table in (await caller.get("/d1")).json()["tables"]]
        return ours, seen, ones, count, closed, tables

    ours, (vehicles, drives, none), ones, count, closed, tables = run(case)
    assert [vehicle["id"] for vehicle in vehicles] == [ours]
    assert [drive["vin"] for drive in drives] == [ours]
    assert (none, ones, closed) == ([], [200, 404], [403, 403, 403])
    assert count is not None
    assert count.endswith("/1")
    assert "drives" in tables
    assert not {"sync_runs", "agent_messages", "logs", "tessie_raw"} & set(tables)


@pytest.mark.usefixtures("sim")
def test_a_bound_key_reaches_one_car_through_the_mirror(run: Runner) -> None:
    async def case(client: Client) -> tuple[Any, ...]:
        ours, others = await two_vehicles(client)
        caller = await keyed(client, role="operator", subjects=[ours])
        listed = (await caller.get("/tessieapi/vehicles")).json()["results"]
        requests = [("GET", f"/tessieapi/{vin}/state") for vin in (ours, others)]
        requests += [("POST", f"/tessieapi/{others}/command/honk"), ("POST", f"/tessieapi/{others}/wake")]
        return ours, listed, [(await caller.request(*request)).status for request in requests]

    ours, listed, statuses = run(case)
    assert [vehicle["vin"] for vehicle in listed] == [ours]
    assert statuses == [200, 403, 403, 403]


@pytest.mark.usefixtures("sim")
def test_a_bound_key_gets_reports_and_actions_of_its_vehicle_alone(run: Runner) -> None:
    async def case(client: Client) -> tuple[Any, ...]:
        ours, others = await two_vehicles(client)
        caller = await keyed(client, role="operator", subjects=[ours])
        report = "/colbycommands/energy-report"
        actions = "/agent/actions"
        period = {"from": "2026-01-01", "to": "2026-01-02"}
        theirs = [(await client.post(report, period | more)).header("location") or "" for more in ({}, {"vin": others})]
        refused = [(await caller.post(report, period | more)).status for more in ({}, {"vin": others})]
        own = (await caller.post(report, period | {"vin": ours})).header("location") or ""
        read = [(await caller.get(path)).status for path in (*theirs, own)]
        listed = [entry["vin"] for entry in (await caller.get(report)).json()]
        foreign = await client.post(actions, {"kind": "energy_report", "payload": period | {"vin": others}})
        acted = [
            (await caller.post(actions, {"kind": kind, "payload": {"vin": vin} if vin else {}})).status
            for kind, vin in (("backfill", None), ("wake", others), ("sync_vehicle", others))
        ]
        path = f"{actions}/{foreign.json()['id']}"
        acted += [(await caller.get(path)).status, (await caller.post(f"{path}/cancel")).status]
        acted += [(await caller.post(f"{path}/retry")).status, len((await caller.get(actions)).json())]
        rest = [(await caller.post("/colbycommands/sync")).status, (await caller.get("/colbycommands/usage")).status]
        return ours, refused, read, listed, acted, rest

    ours, refused, read, listed, acted, rest = run(case)
    assert (refused, read, listed) == ([403, 403], [404, 404, 200], [ours])
    assert (acted, rest) == ([403, 403, 403, 404, 404, 404, 0], [403, 403])


def test_a_bound_key_sees_no_conversation_of_others(run: Runner) -> None:
    async def case(client: Client) -> tuple[Any, ...]:
        conversation_id = (await client.post("/agent/chat", {"message": "Where am I?", "stream": False})).json()[
            "conversation_id"
        ]
        caller = await keyed(client, subjects=[OURS], role="operator")
        other = await keyed(client, subjects=[OURS])
        own = (await caller.post("/agent/chat", {"message": "Hi", "stream": False})).json()["conversation_id"]
        path = "/agent/conversations"
        listed = [[entry["id"] for entry in (await who.get(path)).json()] for who in (caller, other)]
        statuses = [(await who.get(f"{path}/{own}")).status for who in (caller, other, client)]
        statuses += [(await caller.get(f"{path}/{conversation_id}")).status]
        statuses += [(await caller.request("DELETE", f"{path}/{conversation_id}")).status]
        into = await caller.post("/agent/chat", {"message": "Hi", "stream": False, "conversation_id": conversation_id})
        return own, listed, [*statuses, into.status]

    own, listed, statuses = run(case)
    assert listed == [[own], []]
    assert statuses == [200, 404, 200, 404, 404, 404]


@pytest.mark.usefixtures("sim")
def test_an_idempotency_key_is_its_callers_own(run: Runner) -> None:
    async def case(client: Client) -> list[str]:
        vin, _ = await two_vehicles(client)
        body = {"kind": "energy_report", "payload": {"vin": vin, "from": "2026-01-01"}}
        callers = [client, await keyed(client, role="operator"), await keyed(client, role="operator")]
        sent = [await caller.post("/agent/actions", body, headers=[("idempotency-key", "k")]) for caller in callers]
        return [answer.json()["id"] for answer in sent]

    assert len(set(run(case))) == 3


LONG = "of-24-characters-or-more"


@pytest.mark.parametrize(
    "key", [f"a.b.c-{LONG}", f"key_x.y-{LONG}", f"ключ-{LONG}", "sha256:no-hash", LONG, "ж" * 24, "x" * 500]
)
def test_any_text_is_an_administrators_key(tmp_path: Path, key: str) -> None:
    runner = Runner(tmp_path, 9)
    runner.env |= {"ADMIN_API_KEY": f"sha256:{hashed(key)}" if key.startswith("sha256:") else key}

    async def case(client: Client) -> tuple[int, int, int]:
        answers = [
            await by(client, credential).get("/auth/me") for credential in (key, runner.env["ADMIN_API_KEY"], f"{key}x")
        ]
        return answers[0].status, answers[1].status, answers[2].status

    is_hashed = key.startswith("sha256:")
    assert runner(case) == (200, 401 if is_hashed else 200, 401)


def test_malformed_key_hash_is_refused(tmp_path: Path) -> None:
    runner = Runner(tmp_path, 9)
    runner.env |= {"ADMIN_API_KEY": "sha256:ж"}

    async def case(client: Client) -> int:
        return (await by(client, "x").get("/auth/me")).status

    with pytest.raises(StartError, match=r"^ADMIN_API_KEY is not valid: after sha256: come the 64"):
        runner(case)


def test_without_an_administrators_key_the_others_still_open(tmp_path: Path) -> None:
    runner = Runner(tmp_path, 9)
    key = Runner(tmp_path, 9)(create_key)["key"]
    runner.env |= {"ADMIN_API_KEY": ""}

    async def case(client: Client) -> list[int]:
        return [(await by(client, credential).get("/auth/me")).status for credential in (key, forged(), "anything")]

    assert runner(case) == [200, 401, 503]


def test_without_a_signing_key_keys_still_open_and_tokens_do_not(tmp_path: Path) -> None:
    for bad, words in (({"JWT_SECRET_KEY": ""}, "is not set"), ({"JWT_SECRET_KEY": "short"}, "32 bytes")):
        runner = Runner(tmp_path / words, 9)
        runner.env |= bad

        async def case(client: Client) -> list[Answer]:
            answers = [await client.get("/d1/vehicles"), await client.post("/auth/token", {})]
            return [*answers, await by(client, forged()).get("/d1/vehicles"), await client.get("/health")]

        by_key, token, forged_, health = runner(case)
        assert (by_key.status, token.status, forged_.status) == (200, 503, 503)
        assert words in token.json()["detail"]
        assert health.json()["status"] == "degraded"
