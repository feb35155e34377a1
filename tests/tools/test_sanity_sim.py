"""The simulated Sanity over real HTTP: its tokens, its perspectives, changes of documents and failures."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from sims.sanity import SanitySim

pytestmark = pytest.mark.slow  # a stand-in's own tests

ROOT = Path(__file__).parents[2]
TITLES = "*[_type == 'post' && slug.current == 'how-to-become-a-sponsor'] | order(_id) {_id, title}"
DRAFT = "How to become a sponsor in 2027"
NONE: dict[str, str] = {}


@pytest.fixture(scope="module")
def shared() -> Iterator[SanitySim]:
    with SanitySim() as sim:
        yield sim


@pytest.fixture
def sim(shared: SanitySim) -> SanitySim:
    """The stand-in as it was at the start."""
    shared.reset()
    return shared


def ask(
    sim: SanitySim, path: str, body: object = None, token: str | None = None, method: str | None = None
) -> tuple[int, Any]:
    """Send a request with the read token or another, "" for none; return status and JSON."""
    connection = HTTPConnection(urlsplit(sim.url).netloc, timeout=10)
    bearer = sim.read_token if token is None else token
    data = body if isinstance(body, str | None) else json.dumps(body)
    try:
        headers = {"authorization": f"Bearer {bearer}"} if bearer else NONE
        connection.request(method or ("GET" if body is None else "POST"), path, data, headers)
        response = connection.getresponse()
        assert response.headers.get_content_type() == "application/json"
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def query(sim: SanitySim, groq: str, version: str = "v2025-02-19", **options: str) -> Any:
    """Return a query's result; a name with `$` is a parameter."""
    status, answer = ask(sim, f"/{version}/data/query/production?{urlencode({'query': groq, **options})}")
    assert status == 200, answer
    return answer["result"]


def mutate(sim: SanitySim, *mutations: dict[str, Any], options: str = "") -> tuple[int, Any]:
    """Commit mutations with the write token."""
    path = f"/v2025-02-19/data/mutate/production{options}"
    return ask(sim, path, {"mutations": [*mutations]}, sim.write_token)


def test_a_query_answers_with_itself_its_result_and_its_time(sim: SanitySim) -> None:
    params = {"query": "*[_id == $id].name", "$id": '"person-zoe"'}
    status, answer = ask(sim, f"/v2025-02-19/data/query/production?{urlencode(params)}")
    assert (status, answer | {"ms": 0}) == (200, {"query": params["query"], "result": ["Zoë Müller"], "ms": 0})
    status, answer = ask(sim, f"/v1/data/query/production?{urlencode(params | {'returnQuery': 'false'})}")
    assert set(answer) == {"result", "ms"}


def test_a_query_can_be_posted(sim: SanitySim) -> None:
    body = {"query": "count(*[_type in $types])", "params": {"types": ["event", "sponsor"]}}
    status, answer = ask(sim, "/v2025-02-19/data/query/production", body)
    assert (status, answer["result"]) == (200, 15)
    assert (sim.requests[-1].method, sim.requests[-1].params) == ("POST", body["params"])


@pytest.mark.parametrize(
    ("path", "token", "status", "message"),
    [
        ("/v1/data/query/production?query=1", "", 401, "Unauthorized: the dataset is private"),
        ("/v1/data/query/production?query=1", "nonsense", 401, "Session not found"),
        ("/v1/data/doc/production/person-ada", "", 401, "Unauthorized: the dataset is private"),
        ("/v1/data/query/staging?query=1", None, 404, 'Dataset "staging" not found for project ID "edgesim1"'),
        ("/v1/data/query/production", None, 400, "query is required, and params must be an object"),
        ("/v1/data/query/production?query=1&$a=b", None, 400, "parameter $a is no JSON"),
        ("/v1/data/query/production?query=1&perspective=mine", None, 400, 'Invalid perspective "mine"'),
        ("/v20/data/query/production?query=1", None, 400, 'Invalid API version "v20"'),
        ("/data/query/production?query=1", None, 404, "Not Found"),
        (f"/v1/data/query/production?query=1&{'a' * 11_264}", None, 414, None),
    ],
)
def test_a_request_that_is_wrong_is_refused(
    sim: SanitySim, path: str, token: str | None, status: int, message: str | None
) -> None:
    answered, body = ask(sim, path, token=token)
    assert (answered, body["statusCode"]) == (status, status)
    assert message is None or body["message"] == message
    assert set(body) == {"statusCode", "error", "message"}


def test_a_body_that_is_no_json_is_refused(sim: SanitySim) -> None:
    assert ask(sim, "/v1/data/query/production", "{")[0] == 400
    assert ask(sim, "/v1/data/query/production", [1])[0] == 400
    assert ask(sim, "/v1/data/mutate/production", {"mutations": {}}, sim.write_token)[0] == 400


def test_a_query_that_is_wrong_is_refused_with_the_place(sim: SanitySim) -> None:
    groq = "*[_type == 'event'] | sort(title)"
    status, answer = ask(sim, f"/v1/data/query/production?{urlencode({'query': groq})}")
    description = "undefined pipe function: sort"
    place = {"query": groq, "start": 22, "end": 26}
    assert (status, answer) == (400, {"error": {"type": "queryParseError", "description": description, **place}})
    status, answer = ask(sim, f"/v1/data/query/production?{urlencode({'query': '*[_id == $id]'})}")
    assert (status, answer["error"]["description"]) == (400, "param $id referenced, but not provided")


def test_drafts_are_hidden_unless_requested(sim: SanitySim) -> None:
    published = {"_id": "post-sponsor", "title": "How to become a sponsor"}
    draft = {"_id": "drafts.post-sponsor", "title": DRAFT}
    assert query(sim, TITLES) == [published]
    assert query(sim, TITLES, perspective="raw") == [draft, published]
    assert query(sim, TITLES, perspective="drafts") == [draft | {"_id": "post-sponsor"}]
    assert query(sim, TITLES, perspective="published") == [published]
    assert query(sim, TITLES, version="v2024-01-01") == [draft, published]


def test_events_lie_before_and_after_the_start(sim: SanitySim) -> None:
    now = datetime.now(UTC)
    starts = [datetime.fromisoformat(text) for text in query(sim, "*[_type == 'event'].startsAt")]
    within = [sum(now < start <= now + timedelta(days=days) for start in starts) for days in (2, 7, 100)]
    assert within == [1, 3, 5]
    assert sum(start < now for start in starts) == 6


@pytest.mark.parametrize("hour", range(0, 24, 3))
def test_events_lie_so_at_any_hour(hour: int) -> None:
    now = datetime(2026, 3, 28, hour, 59, tzinfo=UTC)
    sim = SanitySim(now=now)
    starts = [
        datetime.fromisoformat(document["startsAt"]) for document in sim.documents.values() if "startsAt" in document
    ]
    within = [sum(now < start <= now + timedelta(days=days) for start in starts) for days in (2, 7, 100)]
    assert (within, len(starts)) == ([1, 3, 5], 11)


def test_documents_come_by_id_and_the_missing_are_named(sim: SanitySim) -> None:
    status, answer = ask(sim, "/v1/data/doc/production/person-ada,nobody,drafts.post-sponsor")
    assert (status, [document["_id"] for document in answer["documents"]]) == (
        200,
        ["person-ada", "drafts.post-sponsor"],
    )
    assert answer["omitted"] == [{"id": "nobody", "reason": "existence"}]


def test_a_transaction_creates_replaces_patches_and_deletes(sim: SanitySim) -> None:
    status, answer = mutate(
        sim,
        {"create": {"_id": "t-1", "_type": "tip", "n": 1, "gone": 1, "slug": {"current": "a"}, "tags": ["x", "y"]}},
        {"createIfNotExists": {"_id": "t-1", "_type": "tip", "n": 9}},
        {"patch": {"id": "t-1", "inc": {"n": 2}, "set": {"slug.current": "b", "tags[-1]": "z"}, "unset": ["gone"]}},
        {"patch": {"id": "t-1", "setIfMissing": {"n": 7, "deep.er": 1}}},
        {"createOrReplace": {"_id": "person-noor", "_type": "person", "name": "Noor"}},
        {"delete": {"id": "announcement-chat"}},
        {"delete": {"id": "nobody"}},
        options="?returnIds=true&returnDocuments=true&visibility=async",
    )
    assert status == 200
    operations = [(result["id"], result["operation"]) for result in answer["results"]]
    assert [operation for _, operation in operations] == ["create", "none", *["update"] * 3, "delete", "none"]
    assert answer["results"][4]["document"]["_rev"] == answer["transactionId"]
    tip = query(sim, "*[_id == 't-1'][0]{n, gone, 'slug': slug.current, tags, deep}")
    assert tip == {"n": 3, "gone": None, "slug": "b", "tags": ["x", "z"], "deep": {"er": 1}}
    assert "announcement-chat" not in sim.documents
    assert query(sim, "*[_id == 'person-noor'][0]{name, role}") == {"name": "Noor", "role": None}


def test_a_missing_id_is_generated(sim: SanitySim) -> None:
    _, answer = mutate(sim, {"create": {"_type": "tip"}}, {"create": {"_id": "tip.", "_type": "tip"}}, options="?a=b")
    assert [set(result) for result in answer["results"]] == [{"operation"}] * 2
    assert query(sim, "count(*[_type == 'tip' && length(_id) > 30])") == 2


PERSON = {"_type": "person", "_id": "person-ada"}
UNPATCHED: list[tuple[dict[str, Any], int, str]] = [
    ({"create": PERSON}, 409, "documentAlreadyExistsError"),
    ({"patch": {"id": "nobody", "set": {"a": 1}}}, 409, "documentNotFoundError"),
    ({"patch": {"id": "person-ada", "ifRevisionID": "x", "set": {"a": 1}}}, 409, "documentRevisionIDDoesNotMatchError"),
    ({"patch": {"id": "person-ada", "inc": {"name": 1}}}, 409, "validationError"),
    ({"patch": {"id": "person-ada", "set": {"_id": "x"}}}, 409, "validationError"),
    ({"patch": {"id": "person-ada", "insert": {}}}, 400, "validationError"),
    ({"patch": {"id": "person-ada", "set": {"a..b": 1}}}, 400, "validationError"),
    ({"delete": {"id": "person-ada"}}, 409, "documentHasExistingReferencesError"),
    ({"create": {"_type": "post", "author": {"_ref": "nobody"}}}, 409, "documentReferenceDoesNotExistError"),
    ({"create": {"_id": "a"}}, 400, "validationError"),
    ({"create": {"_id": "ä", "_type": "a"}}, 400, "validationError"),
    ({"rename": {"id": "a"}}, 400, "validationError"),
    ({}, 400, "validationError"),
]


@pytest.mark.parametrize(("mutation", "status", "kind"), UNPATCHED)
def test_a_transaction_that_fails_changes_nothing(
    sim: SanitySim, mutation: dict[str, Any], status: int, kind: str
) -> None:
    before = sim.documents
    answered, body = mutate(sim, {"create": {"_id": "first", "_type": "tip"}}, mutation)
    assert (answered, body["error"]["type"]) == (status, "mutationError")
    item = body["error"]["items"][0]
    assert item["error"]["type"] == kind
    assert item.get("index", 1) == 1
    assert body["error"]["description"] == f"The mutation(s) failed: {item['error']['description']}"
    assert sim.documents == before


def test_a_dry_run_changes_nothing(sim: SanitySim) -> None:
    assert mutate(sim, {"delete": {"id": "announcement-chat"}}, options="?dryRun=true")[0] == 200
    assert "announcement-chat" in sim.documents


def test_the_read_token_may_not_write(sim: SanitySim) -> None:
    body = {"mutations": [{"delete": {"id": "announcement-chat"}}]}
    status, answer = ask(sim, "/v1/data/mutate/production", body)
    assert (status, answer["error"]["items"][0]["error"]["type"]) == (403, "insufficientPermissionsError")
    assert ask(sim, "/v1/data/mutate/production", body, "")[0] == 401
    assert "announcement-chat" in sim.documents


def test_the_journal_lists_the_requests(sim: SanitySim) -> None:
    query(sim, "$a", **{"$a": "[1]", "perspective": "raw"})
    ask(sim, "/v1/data/query/production?query=*", token="")
    first, second = sim.requests
    assert (first.query, first.params, first.options, first.token) == ("$a", {"a": [1]}, {"perspective": "raw"}, True)
    assert (second.method, second.path, second.token) == ("GET", "/v1/data/query/production", False)
    assert [first.status, second.status] == [200, 401]
    assert [entry["query"] for entry in ask(sim, "/_sim/requests")[1]] == ["$a", "*"]


def test_the_next_requests_fail_on_demand(sim: SanitySim) -> None:
    path = "/v1/data/query/production?query=1"
    sim.fail(429, count=2, retry_after=3)
    assert [ask(sim, path)[0] for _ in range(3)] == [429, 429, 200]
    sim.fail(503)
    assert ask(sim, path)[1] == {
        "statusCode": 503,
        "error": "Service Unavailable",
        "message": "The stand-in fails on a test's request",
    }
    sim.fail(delay=0.05)
    assert ask(sim, path)[1]["result"] == 1
    sim.fail(body="<html>")
    with pytest.raises(AssertionError):
        ask(sim, path)
    sim.fail(reset=True)
    with pytest.raises((RemoteDisconnected, ConnectionResetError)):
        ask(sim, path)
    sim.fail(500, count=5)
    sim.fail(count=0)
    assert ask(sim, path)[0] == 200


def test_a_fault_says_when_to_come_again(sim: SanitySim) -> None:
    sim.fail(429, retry_after=7)
    connection = HTTPConnection(urlsplit(sim.url).netloc, timeout=10)
    connection.request("GET", "/v1/data/query/production?query=1")
    response = connection.getresponse()
    assert (response.status, response.headers["retry-after"]) == (429, "7")
    connection.close()


def test_its_switches_work_over_http(sim: SanitySim) -> None:
    assert ask(sim, "/_sim/documents/tip-1", {"_type": "tip"}, "", "PUT")[0] == 200
    assert query(sim, "*[_type == 'tip']._id") == ["tip-1"]
    assert ask(sim, "/_sim/documents/person-ada", None, "", "DELETE") == (200, {"deleted": True})
    assert ask(sim, "/_sim/fail", {"status": 500, "count": 1}, "")[1] == {"faults": 1}
    assert ask(sim, "/_sim/fail", {"statuses": 500}, "")[0] == 400
    assert ask(sim, "/v1/data/query/production?query=1")[0] == 500
    assert ask(sim, "/_sim/reset", {}, "")[1] == {"documents": len(sim.documents)}
    assert "person-ada" in sim.documents
    assert sim.requests == []


def test_put_and_delete_change_the_documents(sim: SanitySim) -> None:
    there = sim.documents["project-badges"]
    after = sim.put(there | {"title": "Bådges"})
    assert after["_rev"] != there["_rev"]
    assert query(sim, "*[_id == 'project-badges'].title") == ["Bådges"]
    assert [sim.delete("project-badges"), sim.delete("project-badges")] == [True, False]
    assert query(sim, "*[_id == 'project-badges']") == []


def test_it_runs_as_a_program_until_stdin_ends() -> None:
    command = [sys.executable, "-m", "sims.sanity", "--port", "0", "--until-eof"]
    environment = {"PYTHONPATH": str(ROOT / "tools")}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        about = json.loads(process.stdout.readline())
        assert set(about) == {"url", "project_id", "dataset", "read_token", "write_token", "webhook_secret"}
        connection = HTTPConnection(urlsplit(about["url"]).netloc, timeout=10)
        headers = {"authorization": f"Bearer {about['read_token']}"}
        connection.request("GET", f"/v1/data/query/{about['dataset']}?query=2", headers=headers)
        assert json.loads(connection.getresponse().read())["result"] == 2
        connection.close()
        process.stdin.close()
        assert process.wait(10) == 0
