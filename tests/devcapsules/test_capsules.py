"""Capsules: versions, visibility, search, and access to their parts."""

import asyncio
import json
from typing import Any

import pytest

from edge.testing import Client
from edge.testing.client import Answer

from .conftest import Run, as_member
from .test_access import make_key, with_key

PATH = "/api/v1/capsules"
CAPSULE: dict[str, Any] = {
    "title": "Double it",
    "statement": "Return the **double** of a number.",
    "starter": "def double(n):\n    pass\n",
    "solution": "def double(n):\n    return 2 * n\n",
    "function_name": "double",
    "tests": [
        {"name": "two", "arguments": [2], "expected": 4},
        {"name": "secret", "arguments": [987654], "expected": 1975308, "hidden": True},
    ],
    "hints": ["Multiply.", "By two."],
    "language": "python",
    "tags": ["numbers"],
}
SECRETS = ("2 * n", "987654", "1975308", "Multiply", "By two")


async def add(client: Client, visibility: str = "private", **changes: object) -> str:
    """Add a capsule and return its id; a visible one is not run, as a Worker of the tests has no executor."""
    answer = await client.post(PATH, {**CAPSULE, **changes})
    assert answer.status == 201, answer.text
    capsule_id: str = answer.json()["id"]
    db: Any = client.ports.settings.db
    await db.run("UPDATE capsules SET visibility = ? WHERE id = ?", visibility, capsule_id)
    return capsule_id


async def ids(client: Client, query: str = "") -> list[str]:
    answer = await client.get(PATH + query)
    assert answer.status == 200, answer.text
    return [capsule["id"] for capsule in answer.json()["capsules"]]


def test_learner_sees_no_answers(run: Run) -> None:
    async def case(client: Client) -> tuple[Answer, Answer]:
        ada = await as_member(client, "ada")
        capsule_id = await add(ada, visibility="public")
        return await client.get(f"{PATH}/{capsule_id}"), await client.get(PATH)

    capsule, listed = run(case)
    assert not [secret for secret in SECRETS if secret in capsule.text + listed.text]
    document = capsule.json()
    assert (document["hints"], document["hidden_tests"], document["author"]) == (2, 1, "ada")
    assert document["examples"] == [{"name": "two", "arguments": [2], "expected": 4}]
    assert "usr_" not in capsule.text.replace(document["id"], ""), "nobody is told an author's id"


def test_visibility_decides_access_and_search(run: Run) -> None:
    async def case(client: Client) -> dict[str, Any]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        key = with_key(client, (await make_key(ada))["secret"])
        by_visibility = {
            visibility: await add(ada, visibility=visibility) for visibility in ("private", "unlisted", "public")
        }
        callers = {"ada": ada, "bob": bob, "key": key, "nobody": client}
        access: dict[str, Any] = {}
        for name, caller in callers.items():
            read = [
                visibility
                for visibility, capsule_id in by_visibility.items()
                if (await caller.get(f"{PATH}/{capsule_id}")).status == 200
            ]
            listed = await ids(caller)
            access[name] = (
                read,
                [visibility for visibility, capsule_id in by_visibility.items() if capsule_id in listed],
            )
        access["mine"] = len(await ids(ada, "?mine=true")), await ids(bob, "?mine=true")
        access["strangers"] = (await client.get(f"{PATH}?mine=true")).status
        return access

    access = run(case)
    assert access["ada"] == (["private", "unlisted", "public"], ["public"])
    assert access["bob"] == access["key"] == access["nobody"] == (["unlisted", "public"], ["public"])
    assert access["mine"] == (3, [])
    assert access["strangers"] == 403


def test_version_never_changes(run: Run) -> None:
    async def case(client: Client) -> tuple[Any, ...]:
        ada = await as_member(client, "ada")
        capsule_id = await add(ada)
        path = f"{PATH}/{capsule_id}"
        first = (await ada.get(f"{path}/versions/1")).json()
        changed = await ada.request("PATCH", path, json={"statement": "Twice.", "base_version": 1})
        tagged = await ada.request("PATCH", path, json={"tags": ["a", "b", "a"]})
        same = await ada.request("PATCH", path, json={"statement": "Twice."})
        late = await ada.request("PATCH", path, json={"statement": "Late.", "base_version": 1})
        versions = (await ada.get(f"{path}/versions")).json()["versions"]
        again = (await ada.get(f"{path}/versions/1")).json()
        return first, changed.json(), tagged.json(), same.json(), late, versions, again

    first, changed, tagged, same, late, versions, again = run(case)
    assert (changed["version"], changed["statement"]) == (2, "Twice.")
    assert (tagged["version"], tagged["tags"]) == (2, ["a", "b"])
    assert same["version"] == 2, "equal content makes no version"
    assert (late.status, late.json()["type"]) == (409, "urn:problem:version-conflict")
    assert [version["version"] for version in versions] == [2, 1]
    assert first == again
    assert first["solution"] == CAPSULE["solution"]


def test_changed_tests_keep_their_nulls(run: Run) -> None:
    async def case(client: Client) -> tuple[Any, Any, Any]:
        ada = await as_member(client, "ada")
        path = f"{PATH}/{await add(ada)}"
        changed = await ada.request("PATCH", path, json={"tests": NULLS})
        assert changed.status == 200, changed.text
        db: Any = client.ports.settings.db
        stored = (await ada.get(f"{path}/versions/2")).json()["tests"]
        await db.run('UPDATE capsule_answers SET tests = \'[{"arguments": [1], "expected": 2}]\'')
        return stored, changed.json()["examples"], (await ada.get(f"{path}/versions/2")).json()["tests"]

    stored, examples, older = run(case)
    plain: dict[str, Any] = {"name": "", "hidden": False, "tolerance": None}
    assert stored == [plain | test for test in NULLS]
    assert examples == [{"name": ""} | test for test in NULLS]
    assert older == [plain | {"arguments": [1], "expected": 2}]


NULLS: list[dict[str, Any]] = [
    {"arguments": [None, {"a": None}], "expected": None},
    {"arguments": [[None]], "expected": {"b": [None]}},
]


def test_simultaneous_changes_make_a_version_or_a_conflict(run: Run) -> None:
    async def case(client: Client) -> tuple[list[int], int]:
        ada = await as_member(client, "ada")
        path = f"{PATH}/{await add(ada)}"
        calls = [ada.request("PATCH", path, json={"statement": f"Text {number}."}) for number in range(6)]
        statuses = [answer.status for answer in await asyncio.gather(*calls)]
        return statuses, len((await ada.get(f"{path}/versions")).json()["versions"])

    statuses, versions = run(case)
    assert set(statuses) <= {200, 409}
    assert versions == 1 + statuses.count(200)


def test_other_users_capsule_answers_404(run: Run) -> None:
    async def case(client: Client) -> list[int]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        statuses = []
        for visibility in ("private", "public"):
            path = f"{PATH}/{await add(ada, visibility=visibility)}"
            statuses += [
                (await bob.request("PATCH", path, json={"title": "Mine"})).status,
                (await bob.request("DELETE", path)).status,
                (await bob.post(f"{path}/publish", {})).status,
                (await bob.get(f"{path}/versions")).status,
                (await bob.get(f"{path}/versions/1")).status,
            ]
        return statuses

    assert run(case) == [404] * 10


def test_deleted_capsule_is_gone(run: Run) -> None:
    async def case(client: Client) -> tuple[list[int], list[Any]]:
        ada = await as_member(client, "ada")
        path = f"{PATH}/{await add(ada)}"
        statuses = [(await ada.request("DELETE", path)).status, (await ada.get(path)).status]
        db: Any = client.ports.settings.db
        return statuses, [(await db.first(f"SELECT count(*) AS n FROM {table}"))["n"] for table in TABLES]

    assert run(case) == ([204, 404], [0, 0, 0])


TABLES = ("capsules", "capsule_versions", "capsule_answers")


def test_search_finds_words_tags_and_languages(run: Run) -> None:
    async def case(client: Client) -> tuple[dict[str, str], dict[str, list[str]]]:
        ada = await as_member(client, "ada")
        by_name = {
            "double": await add(ada, visibility="public"),
            "reverse": await add(ada, visibility="public", title="Reverse 100% of a text", tags=["texts"]),
            "script": await add(ada, visibility="public", title="In a SCRIPT", language="javascript"),
        }
        queries = ("", "?q=reverse", "?q=REVERSE+texts", "?q=100%25", "?q=%25", "?tag=numbers", "?language=javascript")
        return by_name, {query: await ids(client, query) for query in (*queries, "?difficulty=hard", "?q=zebra")}

    by_name, hits = run(case)
    names = {capsule_id: name for name, capsule_id in by_name.items()}
    assert {query: sorted(names[capsule_id] for capsule_id in some) for query, some in hits.items()} == {
        "": ["double", "reverse", "script"],
        "?q=reverse": ["reverse"],
        "?q=REVERSE+texts": ["reverse"],
        "?q=100%25": ["reverse"],
        "?q=%25": ["reverse"],
        "?tag=numbers": ["double", "script"],
        "?language=javascript": ["script"],
        "?difficulty=hard": [],
        "?q=zebra": [],
    }


def test_list_is_read_page_by_page(run: Run) -> None:
    async def case(client: Client) -> tuple[list[str], list[Any]]:
        ada = await as_member(client, "ada")
        ids = [await add(ada, visibility="public") for _ in range(5)]
        pages = [(await client.get(f"{PATH}?limit=2")).json()]
        while cursor := pages[-1]["next_cursor"]:
            pages.append((await client.get(f"{PATH}?limit=2&cursor={cursor}")).json())
        return ids, pages

    ids, pages = run(case)
    listed = [capsule["id"] for page in pages for capsule in page["capsules"]]
    assert [len(page["capsules"]) for page in pages] == [2, 2, 1]
    assert sorted(listed) == sorted(ids)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"title": ""}, "/title"),
        ({"title": "x\0"}, "/title"),
        ({"language": "cobol"}, "/language"),
        ({"function_name": "a b"}, "/function_name"),
        ({"function_name": "f();import os"}, "/function_name"),
        ({"tests": [{"arguments": []}]}, "/tests/0/expected"),
        ({"tests": [{"expected": "x" * 5_000}]}, "/tests/0/expected"),
        ({"tests": [{"expected": 1}] * 51}, "/tests"),
        ({"tests": [{"expected": 1, "tolerance": -1}]}, "/tests/0/tolerance"),
        ({"tags": ["Not A Tag"]}, "/tags/0"),
        ({"time_limit_ms": 10**6}, "/time_limit_ms"),
        ({"visibility": "secret"}, "/visibility"),
        ({"owner_id": "usr_1"}, "/owner_id"),
        ({"score": 100}, "/score"),
    ],
)
def test_invalid_capsule_names_the_field(local: Run, changes: dict[str, object], pointer: str) -> None:
    async def case(client: Client) -> Answer:
        return await (await as_member(client, "ada")).post(PATH, {**CAPSULE, **changes})

    answer = local(case)
    assert answer.status == 422
    assert pointer in [fault["pointer"] for fault in answer.json()["errors"]]


def test_number_beyond_all_is_refused_and_not_made_a_null(local: Run) -> None:
    async def case(client: Client) -> Answer:
        ada = await as_member(client, "ada")
        body = json.dumps({**CAPSULE, "tests": [{"expected": [1]}]}).replace("[1]", "[1e999]").encode()
        return await ada.request("POST", PATH, headers=[("content-type", "application/json")], body=body)

    answer = local(case)
    assert (answer.status, answer.json().get("errors", [{}])[0].get("pointer")) == (422, "/tests/0/expected"), (
        answer.text
    )


@pytest.mark.parametrize("query", ["?cursor=x", "?cursor=%00", "?limit=0", "?tag=A%20B", "?page=2", "?language=c"])
def test_bad_query_is_refused(local: Run, query: str) -> None:
    answer = local(lambda client: client.get(PATH + query))
    assert (answer.status, answer.header("content-type")) == (400, "application/problem+json")
