"""Tokens in Tessie's answers: only administrators get them through the mirror; no table stores them in any form."""

import gzip
import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from tests.patience import pauses

from core_tessie.tessie.masking import masked
from edge.testing import Answer, Client
from sims.server import StandIn

from .conftest import Runner
from .energy_rows import A, B, database, put_vehicle
from .test_auth import keyed
from .test_conversations import token

TOKEN = "marked-token"
"""A value that only an administrator may get."""
ENVELOPE = '{"id": 1234567890123456789, "odo": 1.50, "x": [1e3, "tokens", "ü\\u00fc"], %s, "name": "Gr\\/ün"}'
HIDDEN = {
    "a list": '"tokens": ["marked-token", "marked-token"]',
    "no space": '"tokens":["marked-token"]',
    "much space": '"tokens"\t\n : \r\n [ "marked-token" ]',
    "lists in lists": '"tokens": [["a", ["marked-token"]], ["]", "marked-token"]]',
    "objects in lists": '"tokens": [{"a": ["]", {"b}": "marked-token"}]}, "marked-token"]',
    "a text": '"tokens": "marked-token"',
    "a text with escapes": '"tokens": "\\"]\\\\\\", \\"marked-token"',
    "an object": '"tokens": {"first": "marked-token"}',
    "backseat": '"backseat_token": "marked-token"',
    "its kind": '"access_token": "marked-token", "refreshToken": "marked-token", "TOKENS": ["marked-token"]',
    "nested": '"results": [[{"last_state": {"a": {"tokens": ["marked-token"]}}}]]',
    "an escaped name": '"t\\u006fkens": ["marked-token"]',
    "a name all escaped": '"\\u0074\\u006F\\u006b\\u0065\\u006e\\u0073": ["marked-token"]',
    "an escaped ending": '"backseat_toke\\u006E": "marked-token"',
    "twice": '"tokens": ["marked-token"], "tokens": ["marked-token"]',
    "in an object that is masked": '"tokens": {"tokens": ["marked-token"], "b": "marked-token"}',
    "JSON in a text": '"raw": "{\\"tokens\\": [\\"marked-token\\"], \\"b\\": 1}"',
    "escaped JSON in a text": '"raw": " [{\\"\\\\u0074okens\\": \\"marked-token\\"}]"',
    "JSON in JSON in a text": '"raw": "[\\"{\\\\\\"tokens\\\\\\": \\\\\\"marked-token\\\\\\"}\\"]"',
    "a piece of JSON in a text": '"raw": "{\\"tokens\\": [\\"marked-token\\""',
}
DOCUMENTS = {name: (ENVELOPE % member).encode() for name, member in HIDDEN.items()}
UNREADABLE = {
    "cut off": DOCUMENTS["a list"][:-10],
    "cut off in a token": b'{"tokens": ["marked-token',
    "more behind it": DOCUMENTS["a list"] + b"\n" + DOCUMENTS["a list"],
    "a byte order mark": b"\xef\xbb\xbf" + DOCUMENTS["a list"],
    "UTF-16": DOCUMENTS["a list"].decode().encode("utf-16"),
    "UTF-32": DOCUMENTS["an escaped name"].decode().encode("utf-32-le"),
    "Latin-1": DOCUMENTS["a list"].decode().encode("latin-1"),
    "packed": gzip.compress(DOCUMENTS["a list"]),
    "a script": b"callback(" + DOCUMENTS["an escaped name"] + b")",
    "single quotes": b"{'tokens': ['marked-token']}",
    "a table": b"id,tokens\n1,marked-token\n",
    "a page": b"<p>tokens: marked-token</p>",
    "deep": b'{"a":' * 300 + DOCUMENTS["a list"] + b"}" * 300,
}
UNTOUCHED = {
    "nothing": b"",
    "no token": b'{ "a" : 1.0,\n"b":[ ] }',
    "null": b'{"tokens": null, "backseat_token" :null, "odo": 1.50}',
    "when it changed": b'{"backseat_token_updated_at": 1700000000, "token_count": 3}',
    "an error": b'{"error":"Invalid access token"}',
    "a value": b'{"results": ["tokens", {"kind": "access_token"}]}',
    "numbers": b'{"a": 1e999, "b": -0.0, "c": 123456789012345678901234567890}',
    "a table": "id,location\n1,Gr\u00fcn\n".encode(),
    "a page": b"<html><body>Bad gateway</body></html>",
    "a picture": b"\x89PNG\r\n\x1a\n\x00\x00token\xff",
    "broken, and nothing in it": b'{"a": [1,',
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_token_is_removed_and_other_bytes_stay(document: bytes) -> None:
    body = masked(document)
    assert body is not None
    assert TOKEN.encode() not in body
    for part in ENVELOPE.encode().split(b"%s"):
        assert part in body
    assert json.loads(body)["name"] == "Gr/ün"
    assert masked(body) is body


@pytest.mark.parametrize("document", UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable_body_that_may_hold_a_token_is_withheld(document: bytes) -> None:
    assert masked(document) is None


@pytest.mark.parametrize("document", UNTOUCHED.values(), ids=UNTOUCHED)
def test_body_without_a_token_is_unchanged(document: bytes) -> None:
    assert masked(document) is document


SCALARS = (None, True, -1.5, 10**20, "", "tokens", 'a"]}', "\\", "ü\n", "null", "token: x", "[", "{}")
NAMES = ("a", "tokens", "", "backseat_token", "x_tokens", "tokens_at", 'to"kens', "\\", "token ", "ü")


def drawn(rng: random.Random, depth: int = 4) -> Any:
    """Return a value with marked secrets; its other values are unmarked."""
    kind = rng.randrange(4) if depth else 0
    if kind < 2:
        return rng.choice(SCALARS)
    if kind == 2:
        return [drawn(rng, depth - 1) for _ in range(rng.randrange(4))]
    return {rng.choice(NAMES): drawn(rng, depth - 1) for _ in range(rng.randrange(5))}


def expected(value: Any) -> Any:
    if isinstance(value, list):
        return [expected(entry) for entry in value]
    if isinstance(value, dict):
        return {name: None if re.search(r"tokens?\s*$", name) else expected(member) for name, member in value.items()}
    return value


def spelled(rng: random.Random, value: Any) -> str:
    """Return JSON with space and escapes at all places that allow them."""

    def space() -> str:
        return rng.choice(("", "", " ", "\n\t", " \r"))

    if isinstance(value, str):
        return f'"{"".join(_spelled_mark(rng, mark) for mark in value)}"'
    if isinstance(value, list):
        return f"[{space()}{','.join(space() + spelled(rng, entry) + space() for entry in value)}]"
    if isinstance(value, dict):
        pairs = (f"{spelled(rng, name)}{space()}:{space()}{spelled(rng, member)}" for name, member in value.items())
        return f"{{{space()}{f'{space()},{space()}'.join(pairs)}{space()}}}"
    return json.dumps(value)


def _spelled_mark(rng: random.Random, mark: str) -> str:
    if rng.random() < 0.2:
        return f"\\u{ord(mark):04x}"
    return mark if mark.isprintable() and mark not in '"\\' else json.dumps(mark)[1:-1]


def test_random_documents_are_masked_by_their_values() -> None:
    rng = random.Random(7)
    changed = 0
    for _ in range(3_000):
        value = drawn(rng)
        text = spelled(rng, value)
        body = masked(text.encode())
        assert body is not None, text
        assert json.loads(body) == expected(value), text
        changed += body != text.encode()
    assert changed > 300


# -- through the mirror, and in the tables ---------------------------------------------------------------------------


class Upstream(StandIn):
    """A Tessie with answers set by the test, which records the request headers."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.status = 200
        self.body = b"{}"
        self.headers: dict[str, str] = {}
        self.request_headers: list[dict[str, str]] = []

    def answer_with(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Answer with this from now on."""
        self.body = body
        self.status = status
        self.headers = {"content-type": "application/json"}
        self.headers |= {name.replace("_", "-"): value for name, value in headers.items()}

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        self.request_headers.append({name.lower(): value for name, value in request.headers.items()})
        return web.Response(body=self.body, status=self.status, headers=self.headers)


@pytest.fixture
def upstream(run: Runner) -> Iterator[Upstream]:
    with Upstream(run.tessie_port) as upstream:
        yield upstream


STATE = f"/tessieapi/{A}/state"
VEHICLES = "/tessieapi/vehicles"


async def callers(client: Client) -> list[Client]:
    """Return callers other than administrators."""
    operator = await keyed(client, role="operator")
    tokens = [await token(operator, subjects=[A], role="reader"), await token(client, role="reader")]
    return [await keyed(client), operator, await keyed(client, subjects=[A]), *tokens]


def test_only_administrators_see_tokens(run: Runner, upstream: Upstream) -> None:
    async def case(client: Client) -> list[tuple[str, Answer, Answer]]:
        answers = []
        others = await callers(client)
        for name, document in DOCUMENTS.items():
            upstream.answer_with(document, etag='"1"', last_modified="Mon, 01 Jan 2024 00:00:00 GMT")
            asking = others if name == "a list" else others[:1]
            answers += [(name, await caller.get(STATE), await caller.request("HEAD", STATE)) for caller in asking]
        for caller in (client, await keyed(client, role="admin")):
            whole = await caller.get(STATE)
            assert (whole.body, whole.header("etag")) == (document, '"1"')
        return answers

    for name, answer, head in run(case):
        assert (answer.status, answer.header("content-type")) == (200, "application/json"), name
        assert TOKEN not in answer.text, name
        assert answer.body == masked(DOCUMENTS[name]), name
        assert answer.header("etag") is answer.header("last-modified") is None, name
        assert head.header("content-length") == str(len(answer.body)), name


def test_answer_without_tokens_passes_byte_by_byte(run: Runner, upstream: Upstream) -> None:
    async def case(client: Client) -> list[tuple[str, Answer]]:
        answers = []
        reader = await keyed(client, subjects=[A])
        for name, document in UNTOUCHED.items():
            for status in (200, 404, 500):
                upstream.answer_with(document, status, etag='"1"')
                answers.append((name, await reader.get(STATE)))
        return answers

    for name, answer in run(case):
        assert (answer.status in {200, 404, 500}, answer.body) == (True, UNTOUCHED[name]), name
        assert answer.header("etag") == '"1"', name


@pytest.mark.parametrize("status", [200, 206, 500])
def test_answer_that_cannot_be_read_is_withheld(run: Runner, upstream: Upstream, status: int) -> None:
    async def case(client: Client) -> list[tuple[str, Answer, Answer]]:
        answers = []
        reader = await keyed(client)
        for name, document in UNREADABLE.items():
            upstream.answer_with(document, status, content_type="application/octet-stream")
            answers.append((name, await reader.get(STATE), await client.get(STATE)))
        return answers

    for name, answer, whole in run(case):
        assert (answer.status, answer.json()["type"]) == (502, "urn:problem:answer-withheld"), name
        assert TOKEN not in answer.text, name
        assert (whole.status, whole.body) == (status, UNREADABLE[name]), name


def test_only_administrators_get_a_range_of_an_answer(run: Runner, upstream: Upstream) -> None:
    async def case(client: Client) -> tuple[Answer, Answer, list[Any]]:
        upstream.answer_with(b'"marked-token"]', 206, content_range="bytes 9-20/30")
        part = [("range", "bytes=9-20")]
        answers = [await who.get(STATE, headers=part) for who in (await keyed(client), client)]
        return answers[0], answers[1], [headers.get("range") for headers in upstream.request_headers]

    refused, whole, ranges = run(case)
    assert (refused.status, TOKEN in refused.text) == (502, False)
    assert (whole.status, whole.body) == (206, b'"marked-token"]')
    assert ranges == [None, "bytes=9-20"]


LISTED = {
    "results": [
        {"vin": A, "last_state": {"tokens": [TOKEN], "odometer": 1.5}},
        {"vin": B, "last_state": {"tokens": [TOKEN], "odometer": 98765.4}},
    ]
}
CONDITIONS = [("if-none-match", '"1"'), ("if-modified-since", "Mon, 01 Jan 2024 00:00:00 GMT"), ("if-match", '"1"')]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_list_of_a_bound_caller_tells_nothing_of_the_others(run: Runner, upstream: Upstream, method: str) -> None:
    async def case(client: Client) -> list[Answer]:
        upstream.answer_with(json.dumps(LISTED).encode(), etag='"1"', last_modified="Mon, 01 Jan 2024 00:00:00 GMT")
        bound = await keyed(client, subjects=[A])
        return [await bound.request(method, VEHICLES, headers=headers) for headers in ([], CONDITIONS)]

    body = f'{{"results":[{{"vin":"{A}","last_state":{{"tokens":null,"odometer":1.5}}}}]}}'.encode()
    for answer in run(case):
        assert (answer.status, answer.body) == (200, body if method == "GET" else b"")
        assert answer.header("etag") is answer.header("last-modified") is None
        if method == "HEAD":
            assert answer.header("content-length") == str(len(body))
    assert not {name for headers in upstream.request_headers for name in headers} & {name for name, _ in CONDITIONS}


@pytest.mark.parametrize("status", [304, 204, 206, 500, 200])
def test_invalid_list_is_empty_for_a_bound_caller(run: Runner, upstream: Upstream, status: int) -> None:
    async def case(client: Client) -> Answer:
        upstream.answer_with(b"" if status in {204, 304} else b"[]", status)
        return await (await keyed(client, subjects=[A])).get(VEHICLES)

    answer = run(case)
    if status == 206:
        assert answer.status == 502
    else:
        assert (answer.status, answer.json()) == (500 if status == 500 else 200, {"results": []})


def test_conditional_headers_of_unbound_callers_are_passed_on(run: Runner, upstream: Upstream) -> None:
    async def case(client: Client) -> list[Answer]:
        upstream.answer_with(b"", 304, etag='"1"')
        callers = [client, await keyed(client)]
        return [await caller.get(path, headers=CONDITIONS) for caller in callers for path in (VEHICLES, STATE)]

    for answer in run(case):
        assert (answer.status, answer.body, answer.header("etag")) == (304, b"", '"1"')
    assert all(headers["if-none-match"] == '"1"' for headers in upstream.request_headers)


@pytest.mark.slow
def test_no_token_is_stored_in_a_table(run: Runner, upstream: Upstream) -> None:
    answers = {**DOCUMENTS, **UNREADABLE}

    async def case(client: Client) -> list[Any]:
        await put_vehicle(client)
        for document in answers.values():
            upstream.answer_with(document)
            await client.get(STATE)
            command = {"kind": "command", "payload": {"vin": A, "command": "lock"}}
            assert (await client.post("/agent/actions", command)).status == 202
        async for _ in pauses():
            done = (await client.get("/agent/actions?status=succeeded&limit=100")).json()
            raw = await database(client).all("SELECT body, body_bytes, seen FROM tessie_raw")
            if len(done) == len(answers) and sum(row["seen"] for row in raw) == 2 * len(answers):
                return [*raw, *await database(client).all("SELECT * FROM agent_actions")]
        raise AssertionError((len(done), len(raw)))

    rows = run(case, started=True)
    assert [row for row in rows if TOKEN in str(row)] == []
    assert any('"tokens": null' in str(row) for row in rows)


def test_long_answer_to_a_command_is_stored_without_its_tokens(run: Runner, upstream: Upstream) -> None:
    long = {"result": {"state": {"tokens": [TOKEN], "x": "y" * 3_000}}, "tokens": [TOKEN], "other": "z" * 3_000}

    async def case(client: Client) -> Any:
        await put_vehicle(client)
        upstream.answer_with(json.dumps(long).encode())
        answer = await client.post("/agent/actions", {"kind": "wake", "payload": {"vin": A}})
        async for _ in pauses():
            action = (await client.get(f"/agent/actions/{answer.json()['id']}")).json()
            if action["status"] == "succeeded":
                return action["result"]["answer"]
        raise AssertionError(action)

    stored = run(case, started=True)
    assert TOKEN not in str(stored)
    assert len(stored) == 2_000
