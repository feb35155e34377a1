"""The stand-in for KV and D1 over HTTP answers and refuses as Cloudflare documents it."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from hashlib import md5
from typing import Any

import pytest

from sims.cloudflare import ACCOUNT, StorageSim
from sims.cloudflare.storage import API, TOKEN

pytestmark = pytest.mark.slow  # a stand-in's own tests

KV = "/storage/kv/namespaces/{id}"
D1 = "/d1/database/{id}"


@pytest.fixture
def sim() -> Iterator[StorageSim]:
    with StorageSim() as running:
        yield running


def ask(sim: StorageSim, method: str, path: str, body: Any = None, token: str = TOKEN) -> tuple[int, Any]:
    url = path if path.startswith("http") else f"{sim.url}{API}/accounts/{ACCOUNT}{path}"
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    headers = {"authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            content = answer.read()
            return answer.status, json.loads(content) if content[:1] == b"{" else content
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read() or b"{}")


def test_bucket_is_listed_and_returned_by_name(sim: StorageSim) -> None:
    sim.buckets.add("covers")
    assert ask(sim, "GET", "/r2/buckets")[1]["result"] == {"buckets": [{"name": "covers"}]}
    assert ask(sim, "GET", "/r2/buckets/covers")[1]["result"] == {"name": "covers"}
    status, refused = ask(sim, "GET", "/r2/buckets/others")
    assert (status, refused["errors"][0]["code"]) == (404, 10006)


def test_keys_come_in_pages(sim: StorageSim) -> None:
    namespace = sim.add_namespace("worker", "KV")
    [number] = sim.namespaces
    namespace.page = 2
    pairs = [{"key": key, "value": "v"} for key in "cabx"] + [{"key": "ab", "value": "v", "expiration_ttl": 60}]
    assert ask(sim, "PUT", KV.format(id=number) + "/bulk", pairs)[1]["result"]["successful_key_count"] == 5
    names = []
    cursor = ""
    while True:
        _, page = ask(sim, "GET", f"{KV.format(id=number)}/keys?cursor={cursor}")
        names += [key["name"] for key in page["result"]]
        if not (cursor := page["result_info"]["cursor"]):
            break
    assert names == ["a", "ab", "b", "c", "x"]
    _, page = ask(sim, "GET", f"{KV.format(id=number)}/keys?prefix=a")
    assert [set(key_) for key_ in page["result"]] == [{"name"}, {"name", "expiration"}]
    assert ask(sim, "GET", f"{KV.format(id=number)}/values/a") == (200, b"v")
    assert ask(sim, "GET", "/workers/scripts/worker/settings")[1]["result"]["bindings"][0]["namespace_id"] == number


@pytest.mark.parametrize(
    "pair",
    [
        {"key": "a"},
        {"key": "a", "value": 1},
        {"key": "", "value": ""},
        {"key": "a", "value": "", "ttl": 60},
        {"key": "a", "value": "", "expiration_ttl": 59},
        {"key": "a" * 513, "value": ""},
    ],
)
def test_one_bad_pair_keeps_all_from_being_put(sim: StorageSim, pair: dict[str, Any]) -> None:
    namespace = sim.add_namespace("worker", "KV")
    [number] = sim.namespaces
    assert ask(sim, "PUT", KV.format(id=number) + "/bulk", [{"key": "b", "value": ""}, pair])[0] == 400
    assert namespace.pairs == {}


def test_a_query_returns_each_statements_result_or_nothing(sim: StorageSim) -> None:
    place = D1.format(id=sim.add_database("db").uuid)
    answer = ask(sim, "POST", f"{place}/query", {"sql": "CREATE TABLE t(a); INSERT INTO t VALUES (1); SELECT a FROM t"})
    assert [result["results"] for result in answer[1]["result"]] == [[], [], [{"a": 1}]]
    status, refused = ask(sim, "POST", f"{place}/query", {"sql": "INSERT INTO t VALUES (2); INSERT INTO u VALUES (2)"})
    assert (status, refused["errors"]) == (400, [{"code": 7500, "message": "no such table: u: SQLITE_ERROR"}])
    counted = ask(sim, "POST", f"{place}/query", {"sql": "SELECT count(*) AS n FROM t WHERE a = ?", "params": [2]})
    assert counted[1]["result"][0]["results"] == [{"n": 0}]
    assert ask(sim, "GET", "/d1/database/db?fields=uuid,name")[1]["result"]["name"] == "db"


TRIGGER = "CREATE TABLE t(a);\nCREATE TRIGGER b AFTER UPDATE ON t BEGIN\n  UPDATE t SET a = 1;\nEND;"


@pytest.mark.parametrize("sql", [TRIGGER, TRIGGER.replace("\n", "\r\n"), TRIGGER.lower()])
def test_query_splits_inside_a_triggers_body(sim: StorageSim, sql: str) -> None:
    place = D1.format(id=sim.add_database("db").uuid)
    status, refused = ask(sim, "POST", f"{place}/query", {"sql": sql})
    assert (status, refused["errors"]) == (400, [{"code": 7500, "message": "incomplete input: SQLITE_ERROR"}])
    whole = "SELECT ';' AS a; -- one; two\nSELECT 2 AS a /* ; */;"
    assert [result["results"] for result in ask(sim, "POST", f"{place}/query", {"sql": whole})[1]["result"]] == [
        [{"a": ";"}],
        [{"a": 2}],
    ]


def test_a_file_is_uploaded_ingested_and_polled(sim: StorageSim) -> None:
    place = D1.format(id=sim.add_database("db").uuid) + "/import"
    file = b"CREATE TABLE t(a); INSERT INTO t VALUES (1);"
    etag = md5(file, usedforsecurity=False).hexdigest()
    begun = ask(sim, "POST", place, {"action": "init", "etag": etag})[1]["result"]
    ingest = {"action": "ingest", "filename": begun["filename"], "etag": etag}
    assert ask(sim, "POST", place, ingest)[0] == 400
    assert ask(sim, "PUT", begun["upload_url"], file)[0] == 403  # the address is the right; a token is too much
    assert ask(sim, "PUT", begun["upload_url"], file, token="")[0] == 200
    mark = ask(sim, "POST", place, ingest)[1]["result"]["at_bookmark"]
    poll = {"action": "poll", "current_bookmark": mark}
    done = ask(sim, "POST", place, poll)[1]["result"]
    assert (done["status"], done["result"]["num_queries"]) == ("complete", 2)
    assert ask(sim, "POST", place, poll)[1]["result"]["error"] == "Not currently importing anything."
    again = ask(sim, "POST", place, {"action": "init", "etag": etag})[1]["result"]
    assert "upload_url" not in again
    failed = ask(sim, "POST", place, {"action": "poll", "current_bookmark": again["at_bookmark"]})[1]["result"]
    assert (failed["success"], failed["error"]) == (False, "table t already exists: SQLITE_ERROR")


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("GET", "/d1/database/db", "other", 403),
        ("GET", "/d1/database/none", TOKEN, 404),
        ("PUT", "/d1/database/db", TOKEN, 405),
        ("GET", "/storage/kv/namespaces/none/keys", TOKEN, 404),
        ("GET", "/workers/scripts/none/settings", TOKEN, 404),
        ("GET", "/zones", TOKEN, 404),
    ],
)
def test_missing_and_forbidden_resources_are_refused(
    sim: StorageSim, method: str, path: str, token: str, status: int
) -> None:
    sim.add_database("db")
    assert ask(sim, method, path, token=token)[0] == status
