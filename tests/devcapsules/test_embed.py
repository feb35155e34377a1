"""Attempts, and the widget's page: the origins that can frame it, and the access of its token."""

import asyncio
import json
import re
from typing import Any

import pytest
from tests.edge.sandbox.executors import KEY, Remote, needs_sandbox

from devcapsules.cases import LONGEST_CODE
from devcapsules.embed.texts import TEXTS
from edge.ports.executor import STATUSES
from edge.testing import Client
from edge.testing.client import Answer

from .conftest import Run, as_member
from .test_access import KEYS, make_key, with_key
from .test_capsules import CAPSULE, PATH, SECRETS, add

pytestmark = pytest.mark.slow

RIGHT = "def double(n):\n    print('seen')\n    return n + n\n"


async def page(client: Client, capsule_id: str, key: str, query: str = "") -> Answer:
    return await client.get(f"/embed/{capsule_id}?key={key}{query}")


def config_of(answer: Answer) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="config">(.*?)</script>', answer.text)
    assert match, answer.text[:500]
    config: dict[str, Any] = json.loads(match[1])
    return config


def test_only_origins_of_the_key_can_frame_the_page(run: Run) -> None:
    async def case(client: Client) -> tuple[list[Answer], list[int]]:
        ada = await as_member(client, "ada")
        capsule_id = await add(ada, visibility="unlisted", title="</script><script>alert(1)")
        origins = ("https://blog.example", "http://localhost:3000")
        framed, unframed = [(await make_key(ada, *some))["secret"] for some in (origins, ())]
        private = await add(ada)
        refused = [
            (await page(client, private, framed)).status,
            (await page(client, capsule_id, "dk_" + "x" * 43)).status,
            (await page(client, capsule_id, "nothing")).status,
            (await client.get(f"/embed/{capsule_id}")).status,
        ]
        return [await page(client, capsule_id, key) for key in (framed, unframed)], refused

    (framed, unframed), refused = run(case)
    policy = framed.header("content-security-policy") or ""
    assert policy.endswith("frame-ancestors https://blog.example http://localhost:3000")
    assert (unframed.header("content-security-policy") or "").endswith("frame-ancestors 'none'")
    assert "unsafe" not in policy
    assert refused == [404, 401, 401, 400]
    assert framed.text.count("<script") == 2, "nothing of the title is an element"
    assert config_of(framed)["capsule"]["title"] == "</script><script>alert(1)"
    assert not [secret for secret in SECRETS if secret in framed.text]


def test_page_token_is_valid_only_for_its_capsule(run: Run) -> None:
    async def case(client: Client) -> tuple[list[int], list[int]]:
        ada = await as_member(client, "ada")
        capsule_id, other = [await add(ada, visibility="public") for _ in range(2)]
        key = await make_key(ada, "https://blog.example")
        token = config_of(await page(client, capsule_id, key["secret"]))["token"]
        visitor = with_key(client, token)
        renewed = (await client.post("/api/v1/embed/token", {"token": token})).json()["token"]
        event = {"id": "event-0001", "kind": "view"}
        before = [
            (await visitor.get(f"{PATH}/{capsule_id}")).status,
            (await with_key(client, renewed).post(f"{PATH}/{capsule_id}/hints", {})).status,
            (await visitor.post("/api/v1/analytics/events", {"events": [event | {"capsule_id": capsule_id}]})).status,
            (await visitor.post("/api/v1/analytics/events", {"events": [event | {"capsule_id": other}]})).status,
            (await visitor.get(f"{PATH}/{other}")).status,
            (await visitor.get(PATH)).status,
            (await visitor.get(KEYS)).status,
            (await visitor.post(PATH, CAPSULE)).status,
            (await with_key(client, token[:-2] + "xx").get(f"{PATH}/{capsule_id}")).status,
            (await client.post("/api/v1/embed/token", {"token": token + "x"})).status,
        ]
        await ada.request("DELETE", f"{KEYS}/{key['key']['id']}")
        after = [
            (await visitor.get(f"{PATH}/{capsule_id}")).status,
            (await client.post("/api/v1/embed/token", {"token": token})).status,
        ]
        return before, after

    before, after = run(case)
    assert before == [200, 200, 202, 403, 403, 403, 403, 403, 401, 401]
    assert after == [401, 401]


def test_try_runs_all_tests_and_counts(local: Run) -> None:
    async def case(client: Client) -> dict[str, Any]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        capsule_id = await add(ada, visibility="public", solution_after=2)
        path = f"{PATH}/{capsule_id}"
        key = (await make_key(ada, "https://blog.example"))["secret"]
        visitor = with_key(client, config_of(await page(client, capsule_id, key))["token"])
        wrong = await bob.post(f"{path}/attempts", {"code": "def double(n):\n    return n\n"})
        hard = await visitor.post(f"{path}/attempts", {"code": "def double(n):\n    return 4 if n == 2 else 0\n"})
        right = await bob.post(f"{path}/attempts", {"code": RIGHT})
        locked = await visitor.get(f"{path}/solution")
        broken = await visitor.post(f"{path}/attempts", {"code": "def double(n)"})
        opened = await visitor.get(f"{path}/solution")
        document = (await ada.get(f"/api/v1/analytics/capsules/{capsule_id}")).json()
        db: Any = client.ports.settings.db
        return {
            "wrong": wrong.json(),
            "hard": hard.json(),
            "right": right.json(),
            "broken": broken.json(),
            "solution": [locked.status, opened.status],
            "analytics": document,
            "runs": await db.all("SELECT user_id, status FROM executions ORDER BY created_at, rowid"),
            "used": await db.all("SELECT user_id, used FROM usage_daily WHERE kind = 'execution' ORDER BY used"),
            "ids": [ada.user_id, bob.user_id],
        }

    document = local(case)
    first, hidden = document["wrong"]["results"]
    assert (document["wrong"]["passed"], document["wrong"]["total"], document["wrong"]["tries_left"]) == (0, 2, 1)
    assert (first["status"], first["arguments"], first["expected"], first["actual"]) == ("wrong", "2", "4", "2")
    assert hidden == hidden | {"status": "wrong", "arguments": None, "expected": None, "actual": None, "stdout": ""}
    assert [result["status"] for result in document["hard"]["results"]] == ["ok", "wrong"]
    assert (document["right"]["is_solved"], document["right"]["attempts"], document["right"]["tries_left"]) == (
        True,
        2,
        0,
    )
    assert document["right"]["results"][0]["stdout"] == "seen\n"
    assert document["right"]["results"][1]["stdout"] == "", "a hidden test shows no output"
    assert document["broken"]["outcome"] == "exception"
    assert not [secret for secret in SECRETS if secret in json.dumps(document["broken"]) + json.dumps(document["hard"])]
    assert document["solution"] == [403, 200]
    assert document["analytics"]["totals"] == {"views": 0, "attempts": 4, "completions": 1}
    assert document["analytics"]["days"][0]["outcomes"] == {"exception": 1, "ok": 1, "wrong": 2}
    ada, bob = document["ids"]
    assert [(run["user_id"], run["status"]) for run in document["runs"]] == [
        (bob, "wrong"),
        (ada, "wrong"),
        (bob, "ok"),
        (ada, "exception"),
    ]
    assert [row["used"] for row in document["used"]] == [2, 2]


@needs_sandbox
def test_attempt_that_cannot_be_run_whole_does_not_count(local: Run) -> None:
    with Remote("piston") as remote:
        local.env |= {"SANDBOX": "off", "EXECUTOR_URL": remote.sim.api, "AWS_EXECUTOR_API_KEY": KEY}

        async def case(client: Client) -> tuple[list[Answer], Any]:
            ada = await as_member(client, "ada")
            capsule_id = await add(ada, visibility="public")
            path = f"{PATH}/{capsule_id}/attempts"
            answers = [await ada.post(path, {"code": RIGHT})]
            remote.sim.most_runs = len(remote.sim.requests) + 1
            answers.append(await ada.post(path, {"code": RIGHT}))
            return answers, (await ada.get(f"/api/v1/analytics/capsules/{capsule_id}")).json()["totals"]

        (whole, broken), totals = local(case)
    assert (whole.status, whole.json()["attempts"]) == (200, 1), whole.text
    assert (broken.status, broken.header("retry-after")) == (503, "5"), broken.text
    assert "does not count" in broken.json()["detail"]
    assert totals["attempts"] == 1


@needs_sandbox
def test_longest_code_is_read_in_any_writing(local: Run) -> None:
    async def case(client: Client) -> Answer:
        ada = await as_member(client, "ada")
        code = RIGHT + "#" + "\U0001f600" * (LONGEST_CODE - len(RIGHT) - 1)
        body = json.dumps({"code": code}).encode()
        assert len(body) > 2 * 6 * (LONGEST_CODE - 100)
        path = f"{PATH}/{await add(ada, visibility='public')}/attempts"
        return await ada.request("POST", path, headers=[("content-type", "application/json")], body=body)

    answer = local(case)
    assert (answer.status, answer.json().get("is_solved")) == (200, True), answer.text


@needs_sandbox
def test_capsule_that_is_deleted_during_an_attempt_is_not_found(local: Run) -> None:
    async def case(client: Client) -> tuple[Answer, Answer, Any]:
        ada, bob = await as_member(client, "ada"), await as_member(client, "bob")
        path = f"{PATH}/{await add(ada, visibility='public')}"
        attempt = asyncio.ensure_future(
            bob.post(f"{path}/attempts", {"code": f"import time\ntime.sleep(0.5)\n{RIGHT}"})
        )
        await asyncio.sleep(0.2)
        deleted = await ada.request("DELETE", path)
        db: Any = client.ports.settings.db
        return deleted, await attempt, await db.all("SELECT capsule_id, status FROM executions")

    deleted, attempt, runs = local(case)
    assert (deleted.status, attempt.status, attempt.json()["detail"]) == (204, 404, "it has just been deleted")
    assert runs == [{"capsule_id": None, "status": "ok"}]


def test_examples_are_shown_as_values(local: Run) -> None:
    async def case(client: Client) -> Any:
        ada = await as_member(client, "ada")
        tests = [
            {"arguments": [{"$tuple": [1, "a"]}, None], "expected": {"$set": [1]}},
            {"arguments": [], "expected": {"$set": 3}},
        ]
        capsule_id = await add(ada, visibility="public", tests=tests)
        key = (await make_key(ada, "https://blog.example"))["secret"]
        return config_of(await page(client, capsule_id, key))["capsule"]["examples"]

    assert local(case) == [
        {"arguments": '(1, "a"), null', "expected": "set(1)"},
        {"arguments": "", "expected": "$set has invalid content"},
    ]


def test_every_status_has_a_text() -> None:
    assert {name for name in TEXTS["en"] if name.startswith("is_")} == {"is_failed"} | {
        f"is_{status}" for status in STATUSES
    }


def test_texts_exist_in_each_language() -> None:
    assert [{*texts} for texts in TEXTS.values()] == [{*TEXTS["en"]}] * 3
    marks = [{name: re.findall(r"{\w+}", text) for name, text in texts.items()} for texts in TEXTS.values()]
    assert marks == [marks[0]] * 3
