"""Attacks: paths out of the mirror, SQL, split headers, bombs, other hosts, floods."""

import gzip
import itertools
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit
from zlib import crc32

import pytest

from core_tessie.app import app
from core_tessie.tables import SERVED as TABLES
from edge.testing import Answer, Client
from sims.tessie import Fleet, Simulator

from .conftest import ROOT, Runner
from .energy_rows import database
from .test_auth import by, create_key

DOCUMENT = json.loads((ROOT / "openapi" / "openapi.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def tessie(tessie_port: int) -> Iterator[Simulator]:
    with Simulator(Fleet(seed=7, until=datetime(2025, 12, 1, 20, tzinfo=UTC)), port=tessie_port) as simulator:
        yield simulator


# -- paths out of the mirror ----------------------------------------------------------------------------------------

DOTS = [
    "..",
    "%2e%2e",
    "%2E%2E",
    ".%2e",
    "%2e.",
    "%252e%252e",
    "%25252e%25252e",
    "...",
    "..;",
    "..%00",
    "%c0%ae%c0%ae",
    "%e0%80%ae%e0%80%ae",
    "%uff0e%uff0e",
    "%ef%bc%8e%ef%bc%8e",
    "\u2024\u2024",
    ". .",
    "%20..",
    "..%20",
    "..%09",
    "%5c..",
    "..%5c",
]
SLASHES = ["/", "%2f", "%2F", "%252f", "%5c", "\\", "//", "/./", "%c0%af", "%ef%bc%8f", ";/", "%00/"]
OUTSIDE = [
    "//127.0.0.1:9/x",
    "/%2f127.0.0.1:9/x",
    "/http://127.0.0.1:9/x",
    "/http:%2f%2f127.0.0.1:9/x",
    "/@127.0.0.1:9/x",
    "/%40127.0.0.1:9",
    "/#@127.0.0.1:9",
    "/?@127.0.0.1:9/",
    "/%23",
    "/%3f/x",
    "/x%0d%0aHost:%20evil",
    "/x%0aGET%20/y",
    "/x%20HTTP/1.1%0d%0aX:%20y",
    "/;@evil",
    "/\\\\evil\\x",
    "/%5c%5cevil",
    "/.%2e;/vehicles",
    "/state%2f..%2f..%2fvehicles",
    "/state/%2e%2e/%2e%2e/vehicles",
    "/state/..%2fvehicles",
    "/%",
    "/%zz",
    "/%ff",
    "/\u202e",
    "/%e2%80%ae",
    "/..\u2215vehicles",
]
ESCAPES = sorted(
    {
        *(f"/{dots}{slash}vehicles" for dots, slash in itertools.product(DOTS, SLASHES)),
        *(
            f"/state{slash}{dots}{slash}{dots}{slash}vehicles"
            for dots, slash in itertools.product(DOTS[:8], SLASHES[:6])
        ),
        *OUTSIDE,
    }
)


def test_attacks_include_200_escape_paths() -> None:
    assert len(ESCAPES) >= 200


def test_no_path_leaves_the_vehicle_it_names(run: Runner, tessie: Simulator) -> None:
    """Tessie receives only plain segments below the caller's VIN; other paths are refused."""
    vin = tessie.vins[0]

    async def case(client: Client) -> list[tuple[str, int]]:
        tessie.ask("/_sim/requests", "DELETE")
        caller = by(client, (await create_key(client, subjects=[vin]))["key"])
        return [(path, (await caller.get(f"/tessieapi/{vin}{path}")).status) for path in ESCAPES]

    statuses = run(case)
    assert {path: status for path, status in statuses if status >= 500} == {}
    seen = {urlsplit(call["path"]).path for call in tessie.ask("/_sim/requests")}
    if run.runtime == "workers":  # a URL is resolved before a Worker sees it: what names the list is given the list
        seen -= {"/vehicles"}
    assert [path for path in seen if not path.startswith(f"/{vin}/")] == []
    for path in seen:
        assert set(path) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._~-/"), path
        assert not {".", ".."} & {*path.split("/")}, path
        assert "//" not in path, path
    refused = [status for _, status in statuses if 400 <= status < 500]
    assert len(refused) > 0.8 * len(ESCAPES)


@pytest.mark.parametrize(
    "vin",
    [
        "..",
        "%2e%2e",
        "vehicles",
        "5YJ3E1EA1KF00000",
        "5YJ3E1EA1KF0000011",
        "5YJ3E1EA1KF00000%31%31",
        "5YJ3E1EA1KF00000I",
        "5YJ3E1EA1KF00000%00",
        "http:",
        "@evil",
        "5yj3e1ea1kf000001",
    ],
)
def test_request_with_an_invalid_vin_is_not_passed_on(run: Runner, tessie: Simulator, vin: str) -> None:
    async def case(client: Client) -> int:
        tessie.ask("/_sim/requests", "DELETE")
        return (await client.get(f"/tessieapi/{vin}/state")).status

    assert run(case) in {400, 404}
    assert tessie.ask("/_sim/requests") == []


# -- headers that are split -----------------------------------------------------------------------------------------

SPLIT = [
    "%0d%0aset-cookie:%20a=b",
    "%0aset-cookie:%20a=b",
    "%E5%98%8A%E5%98%8Dset-cookie:%20a",
    "%00",
    "%c2%85x",
    "%e2%80%a8x",
]


@pytest.mark.parametrize("bad", SPLIT)
def test_no_answer_is_split(run: Runner, bad: str) -> None:
    async def case(client: Client) -> list[Answer]:
        answers = [
            await client.get(f"{path}{bad}") for path in ("/", "/d1/", "/d1/drives?order=", "/agent/actions/", "/x?")
        ]
        preflight = [("origin", "http://a"), ("access-control-request-method", "GET")]
        preflight.append(("access-control-request-headers", f"a, {bad}"))
        answers.append(await client.request("OPTIONS", f"/d1/{bad}", headers=preflight))
        row = {"vin": "5YJ3E1EA1KF000001", "id": f"5YJ3E1EA1KF000001{bad}"}
        answers.append(await client.post("/d1/vehicles", row))
        return answers

    for answer in run(case):
        assert answer.status < 500
        assert answer.header("set-cookie") is None
        assert all("\n" not in value and "\r" not in value for _, value in answer.headers)


@pytest.mark.parametrize("request_id", ["a b", "a" * 129, "../../x", "<script>", "a\tb", "ü", "a,b"])
def test_invalid_request_id_is_replaced(run: Runner, request_id: str) -> None:
    async def case(client: Client) -> Answer:
        return await client.get("/d1", headers=[("x-request-id", request_id)])

    assert run(case).header("x-request-id") not in {None, request_id}


# -- SQL, in every parameter that the document knows -----------------------------------------------------------------

SQL = [
    "'",
    '"',
    "`",
    "') OR 1=1 --",
    "' OR '1'='1",
    '" OR ""="',
    "1; DROP TABLE vehicles; --",
    "x' UNION SELECT hash FROM api_keys --",
    "(SELECT hash FROM api_keys)",
    "eq.' OR 1=1 --",
    "eq.x') OR (1=1",
    "in.(1) OR 1=1",
    "in.('x') UNION SELECT 1",
    "like.%' OR '1",
    "id) FROM vehicles UNION SELECT hash FROM api_keys --",
    "id,(SELECT hash FROM api_keys)",
    "id;--",
    "id asc, (SELECT 1)",
    "*/ --",
    "created_at.desc; DELETE FROM vehicles",
    "1e309",
    "-1",
    "0x41",
    "\\",
    "%",
    "_",
    "?",
    "?1",
    ":a",
    "@a",
    "$a",
    "char(39)",
    "\u02bc OR 1=1",
    "\0",
]


ENDLESS = {("get", "/events"), ("get", "/ws")}
VERBS = {"get", "post", "put", "patch", "delete"}
TEXTS = (
    "vin",
    "id",
    "name",
    "kind",
    "type",
    "from",
    "to",
    "timezone",
    "message",
    "conversation_id",
    "started_at",
    "role",
)


def operations() -> Iterator[tuple[str, str, list[Any], bool]]:
    """Yield the document's operations: method, path, parameters, and whether there is a body."""
    for path, item in DOCUMENT["paths"].items():
        for method in VERBS & item.keys():
            if (method, path) not in ENDLESS:
                parameters = item.get("parameters", []) + item[method].get("parameters", [])
                yield method.upper(), path, [*map(resolved, parameters)], "requestBody" in item[method]


def resolved(parameter: dict[str, Any]) -> dict[str, Any]:
    name = parameter.get("$ref", "").rpartition("/")[2]
    reference: dict[str, Any] = DOCUMENT["components"]["parameters"][name] if name else parameter
    return reference


def filled(path: str, bad: str = "", place: str = "") -> str:
    """Return a path with a value for each of its parameters, and the bad value for one of them."""
    names = [part.partition("}")[0] for part in path.split("{")[1:]]
    for name in names:
        value = quote(bad, safe="") if name == place else "drives" if name == "table" else "x"
        path = path.replace(f"{{{name}}}", value)
    return path


def injected(path: str, parameters: list[Any], has_body: bool, bad: str) -> Iterator[tuple[str, object]]:
    """Yield requests with a bad value in one of the operation's parameters each, and in its body."""
    body: object = {} if has_body else None
    coded = quote(bad, safe="")
    plain = filled(path)
    for parameter in parameters:
        if parameter["in"] == "path":
            yield filled(path, bad, parameter["name"]), body
        elif parameter["in"] == "query":
            yield f"{plain}?{parameter['name']}={coded}", body
    if "/d1/" in path:
        yield f"{plain}?{coded}=eq.1", body
        yield f"{plain}?id={coded}", body
    if has_body:
        kinds = {"kind": "sync_vehicle", "payload": {"vin": bad}}
        yield from ((plain, value) for value in (dict.fromkeys(TEXTS, bad), {bad: bad}, kinds, bad))


def is_sampled(path: str, bad: str, share: int = 12) -> bool:
    """Tell whether a table's path gets a value: one code serves all tables, so each gets a few, and drives all."""
    of_a_table = path.startswith("/d1/") and path.split("/")[2] in TABLES and path != "/d1/drives"
    return not of_a_table or crc32(f"{path} {bad}".encode()) % share == 0


KEPT = [name for name in TABLES if name not in {"logs", "tessie_raw", "agent_actions", "sync_runs", "energy_reports"}]


async def contents(client: Client) -> dict[str, Any]:
    counted = {name: (await database(client).first(f"SELECT count(*) AS n FROM {name}") or {})["n"] for name in KEPT}
    return counted | {"keys": await database(client).all("SELECT * FROM api_keys")}


@pytest.mark.slow
@pytest.mark.usefixtures("tessie")
@pytest.mark.parametrize("half", [0, 1])
def test_no_parameter_of_any_route_is_sql(run: Runner, half: int) -> None:
    values = SQL[half::2] if run.runtime == "local" else SQL[half::8]

    async def case(client: Client) -> tuple[Any, Any, list[str]]:
        secret = (await create_key(client))["key"]
        await client.post("/d1/vehicles", {"vin": "5YJ3E1EA1KF000001"})
        before = await contents(client)
        failed = list[str]()
        count = 0
        hidden = (secret, before["keys"][0]["hash"])
        for bad in values:
            for method, path, parameters, has_body in operations():
                if not is_sampled(path, bad):
                    continue
                for target, body in injected(path, parameters, has_body, bad):
                    answer = await client.request(method, target, json=body)
                    count += 1
                    if answer.status == 500 or any(word in answer.text for word in hidden):
                        failed.append(f"{answer.status} {method} {target} {body}")
        assert count > 300
        return before, await contents(client), failed

    before, after, failed = run(case)
    assert failed == []
    assert [key["hash"] for key in before["keys"]] == [key["hash"] for key in after["keys"]][: len(before["keys"])]
    assert all(after[name] >= before[name] for name in KEPT)


# -- bombs ----------------------------------------------------------------------------------------------------------

DEEP = b"[" * 50_000 + b"]" * 50_000
BOMBS: dict[str, tuple[bytes, list[tuple[str, str]]]] = {
    "deep lists": (DEEP, []),
    "deep objects": (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, []),
    "deep, without an end": (b"[" * 500_000, []),
    "a number of many digits": (b'{"x": ' + b"9" * 400_000 + b"}", []),
    "a fraction of many digits": (b'{"x": 0.' + b"9" * 400_000 + b"}", []),
    "an exponent": (b'{"x": 1e999999999}', []),
    "many members": (b"{" + b",".join(b'"a%d":1' % n for n in range(50_000)) + b"}", []),
    "the same member": (b"{" + b",".join([b'"a":1'] * 100_000) + b"}", []),
    "many items": (b"[" + b",".join([b"{}"] * 300_000) + b"]", []),
    "a long text": (b'{"x": "' + b"y" * 1_000_000 + b'"}', []),
    "escapes": (b'{"x": "' + b"\\u0041" * 150_000 + b'"}', []),
    "lone surrogates": (b'{"x": "\\ud800"}', []),
    "a packed body": (gzip.compress(bytes(50_000_000)), [("content-encoding", "gzip")]),
    "packed, and not said": (gzip.compress(b'{"a": 1}'), []),
    "UTF-16": ('{"a": 1}'.encode("utf-16"), []),
    "a byte order mark": (b'\xef\xbb\xbf{"a": 1}', []),
    "more than may be": (b" " * (1024 * 1024 + 1), []),
    "NaN": (b'{"x": NaN}', []),
    "nothing": (b"", []),
}
POSTED = sorted(
    {(endpoint.method, endpoint.path) for endpoint in app.endpoints if endpoint.method in {"POST", "PUT", "PATCH"}}
)


@pytest.mark.slow
@pytest.mark.parametrize("bomb", BOMBS)
def test_no_body_is_a_bomb(run: Runner, bomb: str) -> None:
    body, headers = BOMBS[bomb]

    async def case(client: Client) -> dict[str, int]:
        statuses = {}
        for method, path in POSTED:
            target = path.replace("{table}", "drives").replace("{row_id}", "x").replace("{action_id}", "x")
            answer = await client.request(
                method, target, body=body, headers=[("content-type", "application/json"), *headers]
            )
            statuses[f"{method} {target}"] = answer.status
            assert answer.status < 400 or answer.json(), "a refusal says why"
        return statuses

    statuses = run(case)
    assert {where: status for where, status in statuses.items() if status >= 500} == {}


# -- other hosts ----------------------------------------------------------------------------------------------------


NAMES = ("url", "base_url", "callback", "webhook", "vin", "id", "name", "type", "subject", "model", "kind")
FORWARDED = ("x-forwarded-host", "forwarded", "x-original-url", "x-rewrite-url", "referer")


@pytest.mark.slow
@pytest.mark.usefixtures("tessie")
def test_nobody_can_make_the_worker_call_another_host(run: Runner) -> None:
    """An address in a caller's input stays text: a listener at all those addresses hears nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/x"
        image = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}

        async def case(client: Client) -> None:
            for method, path in POSTED:
                await client.request(method, filled(path), json=dict.fromkeys(NAMES, url))
            headers = [(name, url) for name in FORWARDED]
            coded = quote(url, safe="")
            for target in (f"/tessieapi/vehicles?url={url}", f"/{coded}", f"/d1/vehicles?select={coded}"):
                await client.get(target, headers=headers)
            await client.post("/agent/v1/chat/completions", {"model": url, "messages": [image]})

        run(case)
        with pytest.raises(TimeoutError):
            listening.accept()
